"""Every table of the schema ``api``, from wherever it is defined: what migrations and tests must see."""

from api.datasets.models import Dataset, DatasetPart
from api.idempotency.models import StoredAnswer
from api.keys.models import ApiKey
from api.models import Base, Task
from api.reports.models import Report

__all__ = ["ApiKey", "Base", "Dataset", "DatasetPart", "Report", "StoredAnswer", "Task"]

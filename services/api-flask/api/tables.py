"""Every table of the schema ``api``, from wherever it is defined: what migrations and tests must see."""

from api.crud.models import Label, Unit
from api.datasets.models import Dataset, DatasetPart
from api.idempotency.models import StoredAnswer
from api.keys.models import ApiKey
from api.models import Base, Task
from api.reports.models import Report

__all__ = ["ApiKey", "Base", "Dataset", "DatasetPart", "Label", "Report", "StoredAnswer", "Task", "Unit"]

"""Imports every table of the schema ``api``, for migrations and tests."""

from api.crud.models import Label, Unit
from api.datasets.models import Dataset, DatasetPart
from api.idempotency.models import StoredAnswer
from api.keys.models import ApiKey
from api.models import Base, Task
from api.reports.models import Report

__all__ = ["ApiKey", "Base", "Dataset", "DatasetPart", "Label", "Report", "StoredAnswer", "Task", "Unit"]

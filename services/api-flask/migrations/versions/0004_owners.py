"""Owners of datasets, reports and the small tables' rows.

Revision: 0004, after 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: Small table -> the column whose values are unique for each owner, and were for all.
UNIQUE = {"unit": "symbol", "label": "name"}


def upgrade() -> None:
    for table in ("api_key", "dataset", "report", *UNIQUE):
        op.add_column(table, sa.Column("owner", sa.Uuid(), nullable=True))
    for table in ("dataset", "report"):
        op.create_index(f"ix_{table}_owner_created_at_id", table, ["owner", "created_at", "id"])
    for table, column in UNIQUE.items():
        op.drop_constraint(f"uq_{table}_{column}", table, type_="unique")
        # Rows of the previous release have no owner, and stay unique among themselves.
        op.create_unique_constraint(
            f"uq_{table}_{column}", table, [column, "owner"], postgresql_nulls_not_distinct=True
        )
    op.create_index("ix_task_created_at", "task", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_task_created_at", "task")
    for table, column in UNIQUE.items():
        op.drop_constraint(f"uq_{table}_{column}", table, type_="unique")
        op.create_unique_constraint(f"uq_{table}_{column}", table, [column])
    for table in ("dataset", "report"):
        op.drop_index(f"ix_{table}_owner_created_at_id", table)
    for table in ("api_key", "dataset", "report", *UNIQUE):
        op.drop_column(table, "owner")

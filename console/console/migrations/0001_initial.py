"""The permission to steer. It makes no table, so any release works with it."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds the subject of the permission."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Operations",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ],
            options={
                "permissions": (("steer", "May stop workers, revoke tasks, purge queues"),),
                "managed": False,
                "default_permissions": (),
            },
        )
    ]

"""The shared application's tasks, by domain. Importing a module here starts nothing.

``from tasks.arithmetic import add; add.delay(4, 4)`` works in its own containers. Other applications send a task by its
name: ``landfast_outbox.by_name.send("tasks.arithmetic.add", (4, 4), queue="tasks")``.
"""

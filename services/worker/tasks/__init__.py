"""The tasks that services hand to workers, by domain. Importing a module here starts nothing.

``from tasks.arithmetic import add; add.delay(4, 4)`` works in every service.
"""

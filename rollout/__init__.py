"""What rolls a release out on a Swarm: runs on a manager, with Python's standard library alone.

It runs there and not in Ansible, because a roll must end well although the connection to the manager is gone.
"""

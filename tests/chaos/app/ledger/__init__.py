"""A ledger, as somebody's own application in the stack: pages accept entries, tasks book them, a recorder is told.

The suite mounts this package into the services beside the shipped applications.
"""

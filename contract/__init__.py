"""The contracts of the applications, and everything derived from them: secrets, database roles, users of the broker.

The contract of an application is its Compose file, ``services/NAME/compose.yaml``: Compose's own keys, and
``x-landfast`` and ``x-secrets`` for the rest. The house has such a contract too (``compose.house.yaml``). README.md in
this folder explains the keys.
"""

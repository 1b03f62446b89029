"""The contracts of the applications, and all that is derived from them: secrets, database roles, the broker's users.

An application describes itself in its room, ``services/NAME/compose.yaml``: in Compose's own words, and below
``x-landfast`` and ``x-secrets`` where Compose has none. The house (``compose.house.yaml``) has such a contract too.
README.md beside this file has the keys.
"""

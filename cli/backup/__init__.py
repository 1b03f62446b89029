"""``./stack backup``, ``restore``, ``drill`` and ``recovery-kit``: see docs/how-to/backups.md and docs/adr/0049."""

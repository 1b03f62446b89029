"""Limits of what a visitor may do in a time: a reusable app, counted in the database.

Every process of every host sees the same number, and the loss of a cache admits nobody. A row holds when its allowance
will be whole again (the generic cell rate algorithm), so that one statement counts and decides, and a row that is whole
is the same as none: :func:`quotas.rates.remove_expired` deletes it.
"""

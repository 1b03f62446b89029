"""Somebody's tasks that take long, in the shipped worker: what becomes of them when it is stopped or killed."""

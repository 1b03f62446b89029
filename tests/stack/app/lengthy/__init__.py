"""Somebody's tasks that take long or leak, in the shipped worker: what becomes of them when it is stopped or killed."""

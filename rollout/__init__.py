"""The program that rolls a release out on a Swarm. It runs on a manager, with only Python's standard library.

It does not run in Ansible, because a rollout must end properly even if the connection to the manager is lost.
"""

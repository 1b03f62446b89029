"""The firewall's rules for connections of containers to external addresses. It needs only Python, Docker and nftables.

``python3 -m rollout.egress write`` resolves the names in the applications' lists, and writes the rules. ``watch``, a
service of systemd, does so every half minute, keeps the addresses of containers in step with Docker, and logs each
refused connection once, with its service.

Containers leave a host by the bridge ``docker_gwbridge``, all applications together; a packet's source address tells
whose container has sent it. The role ``firewall`` has the table and the chain ``egress``, which calls these chains:

- ``egress_dns`` accepts queries to the host's DNS servers.
- ``egress_NAME`` accepts the addresses in the list of the application NAME. The map ``egress_applications`` leads there
  by the container's address, which Docker chooses at its start.
- ``egress_listed`` drops packets to an address in any list if their container is not in the map yet: the sender
  repeats them a second later. The firewall rejects all else at once.
"""

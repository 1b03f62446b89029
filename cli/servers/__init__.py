"""The controller's work for servers: builds and sends images, renders the stack for Swarm, keeps the vault."""

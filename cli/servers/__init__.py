"""What a controller does for servers: builds and sends images, renders the stack for Swarm, keeps the vault."""

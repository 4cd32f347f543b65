"""Django's own backends, but for what happens when a disk is full or a server is away."""

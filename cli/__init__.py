"""What ``./stack`` is made of: preflight, Docker's installation, the base image, and Compose's argument lists."""

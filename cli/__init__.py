"""The code of ``./stack``: preflight, Docker's installation, the base image, and Compose's argument lists."""

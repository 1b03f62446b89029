"""The Django project: configuration, the site's frame, and the connection of the reusable apps to this stack."""

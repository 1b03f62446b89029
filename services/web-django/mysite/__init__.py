"""The Django project: configuration, the site's frame and what ties the reusable apps to this stack."""

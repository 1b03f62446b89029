"""``./stack app``: applications of one's own, made from a template, tried, listed and removed."""

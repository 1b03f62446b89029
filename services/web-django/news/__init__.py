"""Articles: a reusable app that knows nothing of the project around it. It needs a ``base.html`` to stand in."""

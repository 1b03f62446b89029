"""Reports over datasets: asked for here, made by a worker, which tells how far it is and stops when told to."""

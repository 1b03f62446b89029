"""Reports over datasets: requested here, made by a worker, with progress and cancellation."""

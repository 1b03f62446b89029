"""What runs the tasks: worker, beat and Flower, each with its configuration and its proof of health."""

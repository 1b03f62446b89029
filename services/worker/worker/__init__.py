"""The programs that run tasks: worker and beat, each with its configuration and its proof of health."""

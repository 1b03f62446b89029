"""Datasets: CSV files that are validated row by row while they arrive, and kept for reports."""

"""Datasets: CSV files that are checked row by row while they arrive, and kept for reports."""

"""Tests of what crosses services; README.md explains them."""

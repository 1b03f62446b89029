"""Tests of what holds for the files of this repository; they need no Docker."""

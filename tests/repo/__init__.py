"""Tests of rules for the files of this repository; they need no Docker."""

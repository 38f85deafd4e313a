"""Tests of how a directory takes the place of another."""

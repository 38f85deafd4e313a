"""Tests of the rides."""

"""Tests of the HTTP jobs."""

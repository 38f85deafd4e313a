"""Tests of what asks HTTP APIs."""

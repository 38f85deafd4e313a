"""Alerts about what went wrong."""

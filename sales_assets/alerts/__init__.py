"""Telling people of what went wrong."""

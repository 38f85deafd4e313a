"""A day is a directory, whole or not at all."""

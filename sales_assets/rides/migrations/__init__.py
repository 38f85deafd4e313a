"""The versions of the tables, one a file; what is here stays as it is."""

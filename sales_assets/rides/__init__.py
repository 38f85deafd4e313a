"""Taxi rides in SQLite or Postgres, and the totals of each driver."""

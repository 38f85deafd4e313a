"""Taxi rides in SQLite or Postgres, and what each driver has driven."""

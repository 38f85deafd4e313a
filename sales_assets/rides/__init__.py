"""Taxi rides in SQLite, and what each driver has driven."""

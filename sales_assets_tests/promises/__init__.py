"""Tests of what cuts across: crashes, races, object stores, properties."""

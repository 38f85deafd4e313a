"""Tests of what any feed shares."""

"""Tests of the feed of sales."""

"""Tests of the embedded APIs."""

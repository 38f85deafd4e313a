"""Calling an HTTP API: patiently, at its pace, and without leaking a token."""

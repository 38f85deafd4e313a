"""Asking an HTTP API: patiently, and without leaking a token."""

"""Calls HTTP APIs: with retries, at their pace, and without leaking a token."""

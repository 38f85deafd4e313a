"""The assets as jobs that are called over HTTP."""

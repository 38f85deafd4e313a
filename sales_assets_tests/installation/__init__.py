"""Tests of whole installations: the UI, dagster dev, services, the image."""

"""Tests of sales_assets: real sockets, real Dagster instances, real files."""

"""What the pipeline costs, against Dagster's floor and against naive code, side by side.

    python -m sales_assets_tests.benchmark run [NAME ...] [--rounds N] [--write FILE]

The cases of a benchmark alternate for some rounds; what is shown are medians, the median ratio to
the first case, and how the cost grows with days and rows. No shared machine is quiet: a ratio of
one run says something, a time says little.
"""

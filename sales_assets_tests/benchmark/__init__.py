"""What the pipeline costs, against Dagster's floor and against naive code, side by side.

    python -m sales_assets_tests.benchmark run [NAME ...] [--rounds N]

The cases of a benchmark take turns for some rounds; the table shows medians, and the median ratio
to the first case. No shared machine is quiet: a ratio says something, a time says little.
"""

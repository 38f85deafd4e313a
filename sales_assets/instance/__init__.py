"""What this project adds to a Dagster instance, as named in its `dagster.yaml`.

Dagster loads these classes by name in every process that opens the instance. They know nothing of
sales: any project may name them.
"""

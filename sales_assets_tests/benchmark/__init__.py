"""What the pipeline costs, against Dagster's floor."""

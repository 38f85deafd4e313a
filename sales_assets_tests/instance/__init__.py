"""What this project adds to a Dagster instance."""

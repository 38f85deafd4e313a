"""The feed of daily sales: its API, its row, its assets and checks, and nothing else."""

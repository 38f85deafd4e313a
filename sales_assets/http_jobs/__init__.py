"""Jobs that materialize the assets over HTTP."""

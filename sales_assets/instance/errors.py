"""What is wrong with an instance."""


class NoWorkersError(Exception):
    """The instance has no use for workers."""

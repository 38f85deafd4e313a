"""What can be wrong with a directory that is to be replaced or read."""

import dagster as dg


class PublishError(dg.Failure):
    """A directory cannot be published where it should be, or not be read from there."""


class ReplacedError(dg.Failure):
    """A directory was replaced while it was read."""

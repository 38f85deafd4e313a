"""The embedded APIs: invented sales and rides, and their faults."""

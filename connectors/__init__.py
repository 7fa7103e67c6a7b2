"""Connectors read vendors' APIs. They know HTTP and records, and nothing of Dagster or of our tables."""

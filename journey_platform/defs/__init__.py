"""The Dagster wiring, all of it: partitions, resources, assets, checks, jobs. No business rule lives here."""

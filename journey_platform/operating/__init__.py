"""Keeping an installation running: is it well, clearing, maintenance, backup and figures to watch.

Here stands what an operator does with an instance and a lake as wholes; what becomes of the data is
elsewhere. Dagster's instance is handed in, or opened inside a function: loading this imports no Dagster.
"""

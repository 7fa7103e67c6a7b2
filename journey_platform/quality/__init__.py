"""Which rows may be used: rules declared per table, checked with Great Expectations, row by row."""

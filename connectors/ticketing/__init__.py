"""Who asked for help: one file per ticketing vendor."""

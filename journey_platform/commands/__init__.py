"""Groups of commands: each module parses what was typed, calls what does it, and yields lines to print."""

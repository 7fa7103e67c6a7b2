"""The six vendors' APIs, emulated over HTTP for a demo `World`.

One file a vendor; `server.serve` runs them, `faults` makes them fail on purpose. Nothing here knows our
tables, lake or connectors.
"""

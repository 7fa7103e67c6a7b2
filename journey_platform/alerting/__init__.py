"""Alerts: what is wrong now, told once when it begins, changes and ends.

`alert` is the vocabulary, `memory` what has been told and what still waits, `channels` the ways to tell,
`config` where they come from, `freshness` which sources are late. How failures are seen is in
`defs.alerts`: nothing here knows Dagster, the lake or a vendor's records.
"""

"""What a data steward does with identity: ask why, decide, and look before a decision is applied.

The command line and Dagster's jobs both call this. Who is who is decided in `identity`.
"""

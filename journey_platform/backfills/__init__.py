"""A backfill tried first: a shadow of the lake, what it would change, and its promotion in one step.

A shadow (`lake.shadows`) is a lake of its own in a corner that no reader looks at; a run fills it like any
other. Which assets a backfill runs is for `defs`; why values change is told in `history`.
"""

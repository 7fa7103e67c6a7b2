"""Who is probably the same person: records compared by name, address, date of birth and the like.

`records` makes one row per person record, `comparisons` says how two are compared, `training` learns how
much each agreement weighs, `scoring` weighs pairs, and `matches` keeps them and hands them on. Links by equal
identifiers are not made here, and who results from all links is decided in `identity.resolve`.
"""

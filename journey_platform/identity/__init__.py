"""Who is who: identifiers normalised, tied by evidence, and gathered into stable persons.

What is known about a person is in `profiles`; what people did is in `journeys`.
"""

"""The unified customer: which value of each attribute survives, and the one row per person.

Who is one person is decided in `identity`.
"""

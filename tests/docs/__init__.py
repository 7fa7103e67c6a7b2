"""The documents hold what they say."""

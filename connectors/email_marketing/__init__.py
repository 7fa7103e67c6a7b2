"""Who was mailed, and what they did with it: one file per e-mail vendor."""

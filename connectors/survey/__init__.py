"""Who answered a survey: one file per survey vendor."""

"""Who visited the site: one file per web analytics vendor."""

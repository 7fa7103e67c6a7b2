"""Commerce: shops that know what was ordered, wherever it was sold."""

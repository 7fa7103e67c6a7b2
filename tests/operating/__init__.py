"""What an operator does with an installation as a whole."""

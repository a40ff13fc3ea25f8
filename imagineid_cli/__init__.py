"""What a person types: the command imagineid."""

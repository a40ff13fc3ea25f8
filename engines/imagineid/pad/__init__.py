"""PAD: progressive audio disentanglement, the listening half of the method."""

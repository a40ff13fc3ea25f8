"""PAD: progressive audio disentanglement, from sound to identity, content and emotion."""

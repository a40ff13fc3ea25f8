"""Every network of the method as a torch module; nothing here is imported without torch."""

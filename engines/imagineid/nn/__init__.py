"""The networks of the method as torch modules."""

"""What ``imagineid bench`` measures: the whole way, beside Algorithm 1 as the paper writes it."""

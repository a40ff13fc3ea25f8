"""CCF: controllable coherent frame generation, from conditions to frames."""

"""CCF: controllable coherent frame generation, the imagining half of the method."""

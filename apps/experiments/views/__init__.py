"""Pages of the experiments app."""

"""Pages of the carbon app."""

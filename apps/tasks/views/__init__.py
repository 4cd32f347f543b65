"""Pages of the tasks app."""

"""Writes of the training app."""

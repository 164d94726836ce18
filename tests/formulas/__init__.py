"""Losses with settings, and losses and activations of the user's own."""

"""Hostile files, made at random: ``python -m tests.fuzz --seconds 60``."""

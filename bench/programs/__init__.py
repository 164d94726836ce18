"""The implementations: each file has ``descent(problem, dtype)`` and where useful ``forward``."""

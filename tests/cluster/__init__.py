"""Work in parts, on real workers."""

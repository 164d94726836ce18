"""Sources of rows, and reading ahead."""

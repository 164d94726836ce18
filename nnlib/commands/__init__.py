"""The commands of ``python -m nnlib``, one file for each.

`nnlib.__main__` reads the command line and imports the command's file only then. A command calls
the public interface, prints its result or writes a figure or machine code. Its result is the exit
status where a command checks something, as `cluster_check` does.
"""

"""What ``python -m nnlib`` can be told to do, one file for each command."""

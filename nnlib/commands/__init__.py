"""The commands of ``python -m nnlib``, one file for each.

`nnlib.__main__` reads the command line, and then imports the file of that command alone. A
command prints what it measured or compiled, and `demo` and `starts` draw a figure. The exit
status of `cluster_check` says whether the cluster is right.
"""

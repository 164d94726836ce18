"""Threads inside compiled code: who does what, and where they wait for one another.

Every member of a `team` runs the same function on the same arrays, with its own number.
"""

"""Costs, outputs and data points as figures.

Functions here take matplotlib's axes and what they draw, and import matplotlib when they are
called: nnlib works without it.
"""

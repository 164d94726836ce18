"""The processors, threads and graphics cards that compute.

`threads` counts threads and forms teams of them. A team calls one compiled function on every thread
with the same arguments. `device` finds out whether there is a GPU, or says what is missing.
"""

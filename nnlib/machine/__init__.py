"""The processors, threads and graphics cards that compute.

`threads` counts threads and forms teams of them from a pool. `processors` says how many there may
be, `team_size` finds how many are fastest. `device` finds out whether there is a GPU, or says what
is missing.
"""

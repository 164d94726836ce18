"""The engine that trains the members of a population on a GPU.

A `Work` goes in and comes out filled, as from the processor's engine. `blocks` and `lbfgs` give
every member a block of threads, and `threads` gives the smallest members a thread each. `slices`
launches them until all members have ended.
"""

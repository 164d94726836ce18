"""Threads inside compiled code: who does what, and how they wait.

In a `team` one member leads and offers tasks, the others take them. `atomic` has the operations
that no other thread can part, `sleeping` the system's wait on an address.
"""

"""Everything that is to be known of a GPU, in one command of under ten minutes: `bench.gpu`.

``__main__`` gives every job of ``jobs`` a process of its own, so that no failure loses another
job's rows, and ``report`` writes the table. A job checks kernels (``checks``), measures what the
GPU itself can do (``ceilings``, ``transfers``), or trains the networks of ``cases`` by
``programs``: compared with float64 on the processor, then timed (``measure``, ``clock``).
"""

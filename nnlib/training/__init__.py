"""One descent: options and examples go in, new parameters and a history come out.

`options` checks what `Network.descent` was asked for, and `contradictions` what the network cannot
do of it. `buffers` lays the examples and the state out in arrays. `descent` calls the compiled
driver on these arrays in slices of 50 ms; `cuda` does the same on a GPU. Between two slices Python
shows progress, calls the callback, looks at the clock and writes checkpoints.
"""

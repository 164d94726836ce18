"""One descent: options and examples go in, new parameters and a history come out.

`options` checks what `Network.descent` was asked for, and `contradictions` what the network cannot
do of it. `buffers` lays the examples and the state out in arrays. `descent` calls the compiled
driver on these arrays, and `cuda` one on a GPU. `slices` is the loop of these calls, of 50 ms each,
for populations and L-BFGS too. Between two slices `epoch_slices` shows progress, calls the
callback, looks at the clock and writes `checkpoints`. `positions` says at which epoch a descent can
be left, `marks` brings it there, and `outcome` tells how it ended.
"""

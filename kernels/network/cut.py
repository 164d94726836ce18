"""How a batch is cut: into chunks that threads work on, and these into blocks of samples."""

from __future__ import annotations


def block_lanes(batch: int, units: int, d_in: int, itemsize: int, convolves: bool = False) -> int:
    """Samples per block: a whole number of vectors, blocks of equal size, scratch near L1.

    A block's activations, deltas and inputs take (2 · units + d_in) · lanes elements. With 64 KiB
    of them a layer's share stays in the first-level cache; with 512 an epoch of 4-32-16-4 takes a
    fifth longer. Wide networks still get 256 lanes, since their products need long sides, and 1024
    are enough for the narrowest. A single sample is a block of its own, without padding.

    Products of a convolution need no long sides, and images have many units: there blocks have 16
    to 64 lanes, so that all of a block stays near 1 MiB, a cache of the second level.
    """
    if batch == 1:
        return 1
    vector = 64 // itemsize
    fitting = 2**16 // ((2 * units + d_in) * itemsize)
    most = min(max(fitting, 256), 1024)
    if convolves:
        most = min(max(fitting * 16 // vector * vector, 16), 64)
    blocks = -(-batch // most)
    share = -(-batch // blocks)
    return -(-share // vector) * vector


def chunk_count(batch: int, parameters: int, work: int, convolves: bool = False) -> int:
    """Parts of a batch that may be computed at the same time, whatever the number of threads.

    One where a batch takes less than about 40 µs, as to open and close two phases takes 1 to 2. A
    chunk has at least 64 samples, for the products; with many parameters it has 128 if that leaves
    two chunks, and 32 if there would be but one. There are at most 4 where adding up their
    gradients costs more than a few per cent of the passes. work is the multiply-adds of a sample's
    pass forward: 3 times as many make its pass forward and backward.

    More threads than chunks have no part in a descent: 16 processors serve networks of at most
    20 000 parameters in batches of 1024 and more, larger ones take 4 in batches of 512 and more;
    64 serve none. They serve populations, whose members need not wait for each other, and F, which
    shares blocks.

    Convolutions use every weight many times for each sample: their chunks have at least 16 samples.
    """
    if 3 * work * batch < 2_000_000:
        return 1
    if convolves:
        return max(1, min(batch // 16, 4 if parameters > 20_000 else 16))
    if parameters > 20_000:
        return max(min(batch // 32, 2), min(batch // 128, 4), 1)
    return max(1, min(batch // 64, 16))

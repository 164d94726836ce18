"""The way of arrays to a GPU and back.

`arrays` takes the caller's arrays, wherever they lie, and `streaming` sends batches in slabs where
the GPU's memory is too small for all. `memory` packs a network, its state and its settings into
three buffers. `launch` cuts a batch over blocks and threads and lists the launches of a step;
`rounds` gives them to the GPU, one by one or as a CUDA graph. `function` computes F, J and derJ
there. Nothing here is imported before a network is to compute on a GPU.
"""

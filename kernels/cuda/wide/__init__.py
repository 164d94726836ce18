"""Layers too wide for a block's shared memory: a launch for each layer and phase.

`layers` has the launches, `products` their matrix products. A product goes along the sums in
`slabs` and multiplies them by one of two ways: `gemm`, or `tensor_gemm` on tensor cores.
"""

"""Products of matrices, of which a network's time consists.

`tiles` multiplies narrow layers' weights with a block of samples, and `gemm` any two matrices.
`gemm_tile` is the innermost part of `gemm`, in LLVM's vectors.
"""

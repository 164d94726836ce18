"""Tests of `nnlib.layers`: every kind of layer called, trained, saved and refused.

Values and gradients are held against naive NumPy, PyTorch or JAX. Images have their oracle in
`tests.image_reference`, recurrent layers in `tests.recurrent_reference`. `moved_images` and
`normalizing` hold networks that several files use.
"""

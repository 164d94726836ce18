"""Named arrays on disk.

`arrays` writes a safetensors file as a whole or not at all, and reads one as if it were hostile.
Saved networks and checkpoints are such files; what stands in them is for those who write them to
say.
"""

"""What a caller gives, checked before any work.

Values, names and arrays come in as the caller wrote them. They leave as numbers, known names and
`Examples`: contiguous, of the network's dtype, in the shapes that the kernels take. An error names
the argument, what came and what was wanted. Everything above trusts what has passed here.
"""

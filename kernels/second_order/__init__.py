"""Methods that look at all examples before every step, each in one compiled call.

`objective` gives the cost and gradient of all examples. `lbfgs` makes directions of them and
`line_search` finds the length of a step. `jacobian` forms the normal equations, `cholesky` solves
them, `levenberg_marquardt` steps.
"""

"""scikit-learn's multilayer perceptrons, trained by nnlib's kernels.

`MLPClassifier` and `MLPRegressor` have the parameters, attributes and methods of the classes of the
same names in `sklearn.neural_network`, and more: a program that imports them from here instead
gives the same answers sooner. The extra ``sklearn`` installs what this room needs.

`classifier` and `regressor` are the two classes, `perceptron` is what they share: how `fit` goes.
`inputs` are the examples, which may be sparse. `constraints` says what each parameter may be;
`labels` are what a classifier learns; `start` makes the network, `splits` the validation examples,
`scaling` scales; `solvers` turns parameters into descents, `watch` judges each epoch, by `scores`.
`ensemble` trains several networks at once, and `search` the candidates of a cross-validated
search, `MLPSearchCV`.
"""

from .classifier import MLPClassifier
from .regressor import MLPRegressor
from .search import MLPSearchCV

__all__ = ["MLPClassifier", "MLPRegressor", "MLPSearchCV"]

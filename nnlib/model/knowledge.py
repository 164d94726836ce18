"""What a network learns of its data besides parameters: labels of classes, names of features."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..checks import values as checks
from ..checks.labels import class_array
from ..layers.shaped import Array
from .parameters import NetworkParameters
from .task import task_of


class Known(NamedTuple):
    """What a network has learnt of the data besides its parameters; None: nothing.

    classes are labels, feature_names the columns of a data frame.
    """

    classes: Array | None = None
    feature_names: tuple[str, ...] | None = None


class NetworkKnowledge(NetworkParameters):
    """The parameters of a `Network`, and what it knows of classes and features."""

    # Of the class, for networks that were pickled without them.
    _classes: Array | None = None
    _feature_names: tuple[str, ...] | None = None

    @property
    def classes(self) -> Array | None:
        """The labels of the classes in the order of their numbers; None: the numbers themselves.

        A descent learns them from the labels in y, in their order; set them before it where y lacks
        one, or where they are numbers that begin at 0 and leave some out. An output with several
        positions, as the steps of a sequence, has a label at each; those at steps that do not count
        are not looked at.

        Raises
        ------
        TypeError, ValueError
            If the network does not tell classes apart, or they are not as many as its classes.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1], "sigmoid", "binary_cross_entropy")
        >>> net.classes = ["healthy", "ill"]
        >>> net.classes
        array(['healthy', 'ill'], dtype='<U7')
        >>> net.J([[0, 1], [1, 1]], ["ill", "healthy"]) > 0
        True
        """
        return self._classes

    @classes.setter
    def classes(self, labels: Any) -> None:
        self._training.check("its classes cannot be set")
        self._classes = None if labels is None else self._checked_classes(labels)

    def _checked_classes(self, labels: Any) -> Array:
        task = task_of(self._architecture)
        if task is None or not task.classes:
            raise ValueError(
                "classes are for networks with one output that tell classes apart, as with the "
                f"loss 'softmax_cross_entropy'; the loss of this one is {self.loss!r}"
            )
        if not checks.holds_several(labels):
            raise TypeError(f"classes must be a list of labels; got {checks.shown(labels)}")
        classes = class_array("classes", labels)
        if len(classes) != task.classes:
            raise ValueError(f"classes holds {len(classes)} labels, wanted {task.classes}")
        return classes

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The columns of the data frame that the network was trained with; None: it was none.

        A data frame with other columns, or in another order, is then refused. None may be set.

        Examples
        --------
        >>> import nnlib
        >>> net = nnlib.Network([2, 1])
        >>> net.feature_names = ["age", "weight"]
        >>> net.feature_names
        ('age', 'weight')
        """
        return self._feature_names

    @feature_names.setter
    def feature_names(self, names: Any) -> None:
        self._training.check("its feature_names cannot be set")
        wanted = f"a list of {self._architecture.d_in} different names, one for each input"
        if names is not None:
            listed = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
            if not listed:
                raise TypeError(f"feature_names must be {wanted}; got {checks.shown(names)}")
            if len(set(names)) != len(names) or len(names) != self._architecture.d_in:
                raise ValueError(f"feature_names is {checks.shown(names)}, wanted {wanted}")
        self._feature_names = None if names is None else tuple(names)

    @property
    def known(self) -> Known:
        """Classes and names of the features.

        >>> import nnlib
        >>> nnlib.Network([2, 1]).known
        Known(classes=None, feature_names=None)
        """
        return Known(self._classes, self._feature_names)

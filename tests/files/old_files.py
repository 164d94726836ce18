"""Files that load for ever: how those of the current format version were made, and what is in them.

``python -m tests.files.old_files`` writes them to ``tests/files/v<FORMAT_VERSION>``, once: files of
a version that was released are never written again. ``manifest.json`` beside them says what each
one held. All data are multiples of 1/16, the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import nnlib
from nnlib import schedules
from nnlib.files.arrays import FORMAT_VERSION

from ..training.interruptions import interrupt_after

FOLDER = Path(__file__).parents[1] / "files"
N = 12
WEIGHTS = 1 + np.arange(N) % 3 / 4

# Name → arguments of Network.
NETWORKS = {
    "plain": {"sizes": [1, 2, 1]},
    "float32": {"sizes": [2, 5, 1], "activation": "relu", "dtype": "float32", "seed": 3},
    "every activation": {
        "sizes": [2, 3, 1, 4, 2, 3, 2, 3, 2, 3, 2],
        "activation": [
            "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus",
            "heaviside",
        ],
    },
    "absolute_error": {"sizes": [2, 2], "loss": "absolute_error", "activation": "identity"},
    "huber": {"sizes": [2, 2], "loss": "huber", "activation": "identity"},
    "log_cosh": {"sizes": [2, 2], "loss": "log_cosh", "activation": "identity"},
    "poisson": {"sizes": [2, 2], "loss": "poisson", "activation": "softplus"},
    "binary_cross_entropy": {"sizes": [2, 2], "loss": "binary_cross_entropy"},
    "softmax_cross_entropy": {
        "sizes": [2, 4, 3], "loss": "softmax_cross_entropy", "activation": ["tanh", "softmax"],
    },
    "no seed": {"sizes": [2, 3, 1], "seed": None},
    "long seed": {"sizes": [2, 3, 1], "seed": 2**130},
    "thirty layers": {"sizes": [2] * 31, "activation": "tanh"},
    "trained": {"sizes": [2, 6, 1], "activation": "tanh", "seed": 4},
    "extreme values": {"sizes": [1, 1], "activation": "identity"},
}  # fmt: skip

# Name → slices before the interruption (None: none comes), arguments of Network, of descent.
CHECKPOINTS = {
    "plain": (7, {}, {}),
    "one batch": (3, {"dtype": "float32"}, {"batch_size": None}),
    "validation, dropout, adam": (
        14, {},
        {"optimizer": "adam", "dropout": 0.25, "validation": 0.25, "patience": 5, "seed": 3},
    ),
    "plateau, weights": (
        13, {},
        {"learning_rate": schedules.ReduceOnPlateau(0.5, patience=1), "sample_weight": WEIGHTS},
    ),
    "cosine, penalties, clipping": (
        10, {},
        {
            "optimizer": "nesterov", "learning_rate": schedules.Cosine(0.125), "l1": 0.0625,
            "weight_decay": 0.125, "max_norm": 2.0, "clip_norm": 1.0, "clip_value": 0.5,
        },
    ),
    "sum, not shuffled": (8, {}, {"reduction": "sum", "shuffle": False}),
    "rmsprop": (9, {}, {"optimizer": "rmsprop"}),
    "ended": (None, {}, {}),
    "target reached": (None, {}, {"target_cost": 100.0}),
    "lbfgs": (5, {}, {"optimizer": "lbfgs"}),
    "levenberg_marquardt": (9, {}, {"optimizer": "levenberg_marquardt"}),
}  # fmt: skip


def _file_name(name):
    return name.replace(",", "").replace(" ", "_") + ".safetensors"


def network_path(version, name):
    return FOLDER / f"v{version}" / f"network-{_file_name(name)}"


def checkpoint_path(version, name):
    return FOLDER / f"v{version}" / f"checkpoint-{_file_name(name)}"


def manifest(version):
    """What the files of a version held: for each network and checkpoint a table."""
    return json.loads((FOLDER / f"v{version}" / "manifest.json").read_text())


def inputs(width, n=N):
    """(n, width) multiples of 1/16 between −1 and 1."""
    return (np.arange(n * width) * 7 % 31 - 15.0).reshape(n, width) / 16


def targets(n=N):
    return (np.arange(n) * 5 % 17 - 8.0) / 16


def network_of(name):
    """The network, at its start, of a checkpoint's descent."""
    return nnlib.Network([2, 3, 1], "tanh", **CHECKPOINTS[name][1])


def descend(net, name, checkpoint=None, resume=False):
    """History of a short descent, from the file if it is to go on from there."""
    options = CHECKPOINTS[name][2]
    full = options.get("optimizer") in ("lbfgs", "levenberg_marquardt")
    batches = {} if full else {"batch_size": 5, "learning_rate": 0.0625}
    settings = {"epochs": 6, **batches, **options}
    return net.descent(inputs(2), targets(), checkpoint=checkpoint, resume=resume, **settings)


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_network(name, path):
    """Write a network's file; returns its entry of the manifest."""
    net = nnlib.Network(**NETWORKS[name])
    if name == "trained":
        net.descent(inputs(2), targets(), batch_size=5, epochs=3, optimizer="adam")
    if name == "extreme values":
        net.parameters[:] = [np.finfo(float).max, np.nextafter(0.0, -1)]
    net.save(path)
    values = net.F(inputs(net.sizes[0]) if name != "extreme values" else np.zeros((1, 1)))
    return {
        "repr": repr(net),
        "parameters": digest(net.parameters),
        "generator": digest(net._generator),
        "F": np.asarray(values, np.float64).tolist(),
    }


def interrupt(name, path, slices):
    """The checkpoint of a descent that Ctrl-C ends after so many slices."""
    with pytest.MonkeyPatch.context() as patch:
        interrupt_after(slices, patch)
        with pytest.raises(KeyboardInterrupt):
            descend(network_of(name), name, path)


def make_checkpoint(name, path):
    """Write the checkpoint of an interrupted descent; returns how the descent would have ended."""
    slices = CHECKPOINTS[name][0]
    if slices is None:
        descend(network_of(name), name, path)
    else:
        interrupt(name, path, slices)
    net = network_of(name)
    history = descend(net, name)
    return {
        "parameters": net.parameters.astype(np.float64).tolist(),
        "J": history.J.tolist(),
        "stopped": history.stopped,
    }


def main():
    folder = FOLDER / f"v{FORMAT_VERSION}"
    folder.mkdir(parents=True)  # fails if they exist
    made = {
        "networks": {
            name: make_network(name, network_path(FORMAT_VERSION, name)) for name in NETWORKS
        },
        "checkpoints": {
            name: make_checkpoint(name, checkpoint_path(FORMAT_VERSION, name))
            for name in CHECKPOINTS
        },
    }
    made["files"] = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    (folder / "manifest.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()

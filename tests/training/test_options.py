"""The table of options: signature, docstrings, refusals and fingerprint say what it says."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import nnlib
from nnlib.files.arrays import read_arrays
from nnlib.population import sweep
from nnlib.training.contradictions import check_device
from nnlib.training.options import OPTIONS, Options, refused_by

pytestmark = pytest.mark.cpu("host")

X = np.linspace(0, 1, 8)[:, None]
# The arguments of `Network.descent` that are examples, not options.
EXAMPLES = ["self", "X", "y", "sample_weight", "lengths", "mask"]
# A value of each option that is not its default, for the refusals.
OTHER_VALUES = {
    "learning_rate": 0.5, "weight_decay": 0.1, "l1": 0.1, "max_norm": 1.0, "dropout": (0.5,),
    "clip_norm": 1.0, "clip_value": 1.0, "batch_size": 2, "validation": 0.5, "patience": 3,
    "tolerance": 0.1, "tbptt": 4, "metrics": ["r2"], "monitor": "r2", "target_cost": 0.1,
    "callback_epochs": 2, "partial": True, "compile": True, "shuffle_buffer": 10,
    "precision": "tf32", "checkpoint": "file", "checkpoint_seconds": 1.0, "resume": True,
}  # fmt: skip


def signature():
    """The options in the signature of `Network.descent`, by name."""
    parameters = inspect.signature(nnlib.Network.descent).parameters
    return {name: own for name, own in parameters.items() if name not in EXAMPLES}


def documented(function):
    """The names before a colon in the parameters of a docstring, in their order."""
    text = inspect.cleandoc(function.__doc__).partition("\nParameters\n")[2]
    lines = re.findall(r"^(\w+(?:, \w+)*) : ", text.partition("\nReturns\n")[0], re.MULTILINE)
    return [name for line in lines for name in line.split(", ")]


def test_the_signature_is_the_table():
    assert list(signature()) == list(OPTIONS)
    for name, parameter in signature().items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        default = OPTIONS[name].default
        assert (parameter.default, type(parameter.default)) == (default, type(default)), name


def test_the_types_of_the_signature_are_those_of_the_fields():
    # What dropout is for a network, Options holds as a tuple with a number for each layer.
    types = {name: own.annotation for name, own in signature().items() if name != "dropout"}
    assert types == {name: Options.__annotations__[name] for name in types}


def test_the_docstring_has_a_paragraph_for_every_option():
    names = [name for name in documented(nnlib.Network.descent) if name not in EXAMPLES]
    assert names == list(OPTIONS)


def test_the_docstring_of_train_many_names_the_options_of_a_population():
    text = inspect.cleandoc(nnlib.train_many.__doc__)
    listed = re.search(r"As for `Network.descent`: ([\w,\s]+)\.\s+A fraction", text)[1]
    taken = [name for name, entry in OPTIONS.items() if entry.population != "absent"]
    assert re.split(r",\s+", listed) == taken


def test_defaults_pass_their_own_check():
    for name, entry in OPTIONS.items():
        if name != "optimizer":  # a name becomes an object
            assert entry.check(name, entry.default) == entry.default


@pytest.mark.parametrize("name", [name for name in OPTIONS if OPTIONS[name].no_population])
def test_a_population_refuses_with_the_reason(name):
    assert OPTIONS[name].population == "absent"
    message = f"train_many takes no {name}: {OPTIONS[name].no_population}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        sweep.check_options({name: OTHER_VALUES.get(name, 1)})


def test_a_grid_takes_what_varies():
    for name, entry in OPTIONS.items():
        if entry.population == "varies":
            assert sweep.combinations({name: [1, 2]}) == [{name: 1}, {name: 2}]
        else:
            with pytest.raises(ValueError, match="argument of the grid"):
                sweep.combinations({name: [1, 2]})


@pytest.mark.parametrize("name", refused_by("full batch"))
def test_optimizers_of_full_batches_refuse(name):
    value = OTHER_VALUES[name]
    with pytest.raises(ValueError, match=re.escape(f"'lbfgs' and {name}={value!r} contradict")):
        Options(optimizer="lbfgs", **{name: value})


@pytest.mark.parametrize("data", [np.zeros(50), ([[0.5]] * 50, np.zeros(50)), [[0.5]] * 50])
def test_a_refusal_does_not_print_data(data):
    message = "^optimizer 'lbfgs' and validation contradict each other: it finds"
    with pytest.raises(ValueError, match=message):
        Options(optimizer="lbfgs", validation=data)


@pytest.mark.parametrize("name", refused_by("compiled"))
def test_a_kernel_for_one_network_refuses(name):
    value = OTHER_VALUES[name]
    with pytest.raises(ValueError, match=re.escape(f"compile=True and {name}={value!r} contra")):
        Options(compile=True, **{name: value})


def test_plain_is_what_leaves_all_others_out():
    assert Options().plain
    for name in refused_by("plain"):
        assert not Options(**{name: OTHER_VALUES[name]}).plain, name
    assert not Options(target_cost=0.0).plain
    assert not Options(optimizer="adam").plain
    assert not Options(learning_rate=nnlib.schedules.ReduceOnPlateau(0.1)).plain
    assert Options(validation=0.5, batch_size=2).plain


@pytest.mark.parametrize(
    ("device", "name", "message"),
    [
        (
            "cpu",
            "precision",
            "precision='tf32' is for the tensor cores of a GPU and the network is on 'cpu': use "
            "net.to('cuda'), or leave precision out",
        ),
        (
            "cuda",
            "compile",
            "compile=True makes a kernel for the CPU and the network is on 'cuda': use "
            "net.to('cpu'), or leave compile out",
        ),
    ],
)
def test_a_device_refuses_with_the_reason(device, name, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_device(Options(**{name: OTHER_VALUES[name]}), device)
    other = {"cpu": "cuda", "cuda": "cpu"}[device]
    check_device(Options(**{name: OTHER_VALUES[name]}), other)


def test_a_checkpoint_records_what_the_table_says(tmp_path):
    nnlib.Network([1, 1]).descent(X, X, epochs=1, checkpoint=tmp_path / "descent")
    recorded = read_arrays(tmp_path / "descent")[1]
    for name, entry in OPTIONS.items():
        assert (name in recorded) == (entry.fingerprint != "none"), name
    # Files of earlier versions have this very text.
    assert {name: recorded[name] for name in OPTIONS if OPTIONS[name].fingerprint == "text"} == {
        "optimizer": "SGD()", "epochs": "1", "reduction": "mean", "weight_decay": "0.0",
        "l1": "0.0", "max_norm": "None", "dropout": "None", "clip_norm": "None",
        "clip_value": "None", "batch_size": "None", "shuffle": "True", "seed": "None",
        "patience": "None", "tolerance": "0.0", "target_cost": "None", "partial": "False",
        "compile": "False", "precision": "None",
    }  # fmt: skip


def test_options_are_collected_by_name():
    arguments = {name: entry.default for name, entry in OPTIONS.items()}
    options = Options.from_arguments({**arguments, "epochs": 7, "X": X}, dropout=(0.5,))
    assert (options.epochs, options.dropout) == (7, (0.5,))
    with pytest.raises(KeyError, match="epochs"):
        Options.from_arguments({name: arguments[name] for name in arguments if name != "epochs"})

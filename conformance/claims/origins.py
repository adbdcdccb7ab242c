"""Claims about the layer's signature and its paper."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator, Mapping

import numpy as np
from packaging.version import Version

from conformance.adapters.worker.description import signature_of
from conformance.claims.judging import equal, judge, judge_under, note
from conformance.claims.measure import build_lstm, import_keras, import_tensorflow, random_inputs, random_state, random_weights
from conformance.claims.model import ClaimVerdict, Evidence, Finding, claim
from conformance.claims.systems import TF_KERAS, recorded_adapter, signatures

# The signature that the documents print, argument by argument.
STATED_DEFAULTS = {
    "activation": "tanh",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
    "unit_forget_bias": True,
    **dict.fromkeys(f"{array}_regularizer" for array in ("kernel", "recurrent", "bias", "activity")),
    **dict.fromkeys(f"{array}_constraint" for array in ("kernel", "recurrent", "bias")),
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "implementation": 1,
    **dict.fromkeys(("return_sequences", "return_state", "go_backwards", "stateful", "unroll"), False),
}


# The versions of stand-alone Keras that have this signature.
FIRST, LAST = Version("2.0.9"), Version("2.2.5")

_NO_ARGUMENT = "no argument"


@claim(
    documents=("D0",),
    statement="The layer's defaults are the printed ones, among them hard_sigmoid gates and implementation 1.",
    expected=ClaimVerdict.HOLDS_ONLY_WHEN,
)
def defaults_of_the_signature() -> Finding:
    """The stated defaults against those of every stand-alone Keras from 1.0.8 on, of tf.keras, and of the Keras run here."""
    keras = import_keras()
    defaults = {version: _defaults(described["arguments"]) for version, described in signatures().items()}
    here = {
        Version(keras.__version__): _defaults({name: repr(default) for name, default in signature_of(keras.layers.LSTM).items()})
    }
    inside = {version: values for version, values in defaults.items() if FIRST <= version <= LAST}
    outside = {version: values for version, values in defaults.items() if version not in inside}
    return judge_under(
        f"Keras is stand-alone Keras {FIRST} to {LAST}",
        when=list(_spans(inside, ", recorded")),
        otherwise=[
            *_spans(outside, ", recorded"),
            *(
                _difference_from_stated(f"{spec}, recorded", _defaults(recorded_adapter(spec).describe()["arguments"]))
                for spec in reversed(TF_KERAS)
            ),
            *_spans(here, ", run here"),
            *_changes({**defaults, **here}),
        ],
    )


def _spans(defaults: Mapping[Version, Mapping[str, str]], suffix: str) -> Iterator[Evidence]:
    """One measurement for successive versions with the same defaults."""
    for _, group in itertools.groupby(defaults, key=defaults.__getitem__):
        versions = list(group)
        several = f" to {versions[-1]}, {len(versions)} versions" if len(versions) > 1 else ""
        yield _difference_from_stated(f"Keras {versions[0]}{several}{suffix}", defaults[versions[0]])


def _defaults(arguments: Mapping[str, str]) -> dict[str, str]:
    """The defaults of the stated arguments, as Python writes them."""
    return {name: arguments.get(name, _NO_ARGUMENT) for name in STATED_DEFAULTS}


def _difference_from_stated(label: str, defaults: Mapping[str, str]) -> Evidence:
    """The number of defaults that are not as stated, and their names where they are fewer than half."""
    differing = [f"{name} {defaults[name]}" for name, value in STATED_DEFAULTS.items() if defaults[name] != repr(value)]
    which = f" ({', '.join(differing)})" if 0 < len(differing) < len(STATED_DEFAULTS) // 2 else ""
    return equal(f"{label}: defaults that are not as stated{which}", len(differing), 0)


def _changes(defaults: Mapping[Version, Mapping[str, str]]) -> Iterator[Evidence]:
    """The versions at which a default changed, for each default that has changed since Keras 2.0.0."""
    of_keras_2 = {version: values for version, values in defaults.items() if version.major > 1}
    for name in STATED_DEFAULTS:
        since = {
            str(next(iter(group))): value
            for value, group in itertools.groupby(of_keras_2, key=lambda version: of_keras_2[version][name])
        }
        if len(since) > 1:
            yield note(f"default of {name}, by the version since which it is so", since)


@claim(documents=("D3",), statement="No paper is named as the source of Keras' LSTM.", expected=ClaimVerdict.FAILS)
def no_paper() -> Finding:
    """The papers in the docstring of the class, and whether the cell is that of the paper of 1997."""
    keras = import_keras()
    docstring = inspect.getdoc(keras.layers.LSTM) or ""
    citations = re.findall(r"[A-Z][a-z]+(?: et al\.,?| and [A-Z][a-z]+| & [A-Z][a-z]+)? \(?(?:19|20)\d\d", docstring)
    return judge(
        equal("papers that the docstring names by author and year", citations, ()),
        note("the docstring's first line", docstring.partition("\n")[0]),
        note("1 in the cell of 1997, f with a forget gate (2000): ∂c_t/∂c_(t-1) by unit", _carry_derivative()),
    )


def _carry_derivative() -> list[float]:
    """∂c_t/∂c_{t-1} of each unit, one step from a nonzero state; h_{t-1} is constant."""
    tf = import_tensorflow()
    layer = build_lstm(random_weights(4, 5), (1, 1, 5), return_state=True)
    hidden, cell = (tf.constant(array) for array in random_state(1, 4))
    with tf.GradientTape() as tape:
        tape.watch(cell)
        _, _, new_cell = layer(random_inputs(1, 1, 5), initial_state=[hidden, cell])
    return [round(float(value), 4) for value in np.asarray(tape.gradient(new_cell, cell))[0]]

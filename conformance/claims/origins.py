"""Claims about where the layer comes from: its signature and its source."""

from __future__ import annotations

import inspect
import re

import numpy as np

from conformance.claims.frameworks import import_keras, import_tensorflow
from conformance.claims.judging import equal, judge, leave_half_open, note
from conformance.claims.measure import build_lstm, random_inputs, random_state, random_weights
from conformance.claims.model import Finding

# The signature that the documents print, argument by argument.
STATED_DEFAULTS = {
    "activation": "tanh",
    "recurrent_activation": "hard_sigmoid",
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
    "unit_forget_bias": True,
    "kernel_regularizer": None,
    "recurrent_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "recurrent_constraint": None,
    "bias_constraint": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "implementation": 1,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
}


def defaults_of_the_signature() -> Finding:
    """The stated defaults against the signature of the Keras run here; older versions are not run."""
    keras = import_keras()
    parameters = inspect.signature(keras.layers.LSTM.__init__).parameters
    found = {name: parameters[name].default if name in parameters else "no argument" for name in STATED_DEFAULTS}
    differing = [name for name in STATED_DEFAULTS if found[name] != STATED_DEFAULTS[name]]
    return leave_half_open(
        "the Keras versions that the statement speaks of, 2.0 to 2.2, are not run here",
        otherwise=[
            note("version of Keras", keras.__version__),
            equal(f"arguments of {len(STATED_DEFAULTS)} whose default differs from the stated one", len(differing), 0),
            *(equal(f"default of {name}", str(found[name]), str(STATED_DEFAULTS[name])) for name in differing),
            note("implementation of a layer built without that argument", keras.layers.LSTM(1).cell.implementation),
            note(
                "arguments that the statement does not name",
                sorted(parameters.keys() - STATED_DEFAULTS - {"self", "units", "kwargs"}),
            ),
        ],
        unsettled=(
            "Keras 2.0–2.2: whether every default is as stated",
            "since which version recurrent_activation is sigmoid and implementation is 2",
        ),
    )


def no_paper() -> Finding:
    """The papers that the class' docstring names, and whether the computed cell is the one of the paper of 1997."""
    keras = import_keras()
    docstring = inspect.getdoc(keras.layers.LSTM) or ""
    citations = re.findall(r"[A-Z][a-z]+(?: et al\.,?| and [A-Z][a-z]+| & [A-Z][a-z]+)? \(?(?:19|20)\d\d", docstring)
    return judge(
        equal("papers that the docstring names by author and year", citations, ()),
        note("the docstring's first line", docstring.partition("\n")[0]),
        note("1 in the cell of 1997, f with a forget gate (2000): ∂c_t/∂c_(t-1) by unit", _carry_derivative()),
    )


def _carry_derivative() -> list[float]:
    """∂c_t/∂c_{t-1} of each unit, one step from a nonzero state; h_{t-1} is held."""
    tf = import_tensorflow()
    layer = build_lstm(random_weights(4, 5), (1, 1, 5), return_state=True)
    hidden, cell = (tf.constant(array) for array in random_state(1, 4))
    with tf.GradientTape() as tape:
        tape.watch(cell)
        _, _, new_cell = layer(random_inputs(1, 1, 5), initial_state=[hidden, cell])
    return [round(float(value), 4) for value in np.asarray(tape.gradient(new_cell, cell))[0]]

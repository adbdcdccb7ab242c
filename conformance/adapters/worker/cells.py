"""TensorFlow's cells and operations."""

import functools
import importlib
import inspect
import os
from typing import Any, ClassVar, Dict, List, Tuple

import numpy as np

from .common import Answer, Arrays, Unsupported, folder_of, name_of

# Outputs (batch, timesteps, units), both final states, and the shapes of the weights.
Returned = Tuple[Any, List[Any], List[List[int]]]


class Cells:
    """What TensorFlow's cells and operations share: Keras' kernels one below the other, [x, h], their blocks left as they are.

    States are given and returned in the system's own order, so that the answer shows how it reads what it gets. A question may
    hold "cell", arguments of the system's own, and the arrays "0.peepholes" (i, f, o) and "0.projection" that they ask for.
    """

    # What there is no argument for: a case that asks for another value asks for something that these are not.
    fixed: ClassVar[Dict[str, Any]] = {
        "architecture": "lstm", "go_backwards": False, "stateful": False, "zero_output_for_mask": False, "use_bias": True,
        "recurrent_activation": "sigmoid", "mask_source": "argument", "dropout": "none", "layer": "lstm", "unroll": False,
        "use_cudnn": "auto", "jit_compile": False, "route": "call",
    }  # fmt: skip
    dtypes: ClassVar[Tuple[str, ...]] = ("float32", "float64", "float16")

    def __init__(self, system: str, path: str) -> None:
        self.system, self.name = system, "tf." + path
        # TensorFlow's own Keras has had no cells since 2.16; tf-keras has.
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        self.tf = importlib.import_module("tensorflow")
        self.made_by: Any = functools.reduce(getattr, path.split("."), self.tf)

    def hello(self) -> Dict[str, str]:
        """What this is, in versions."""
        return {"implementation": self.system, "name": self.name, "tensorflow": str(self.tf.__version__)}

    def answer(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """To one question."""
        if question["ask"] == "describe":
            return self.describe()
        if question["ask"] == "source":
            return {"folder": folder_of(self.made_by)}, {}
        if question["ask"] != "lstm":
            raise Unsupported("no such question: " + question["ask"])
        for feature, value in self.fixed.items():
            if question[feature] != value:
                raise Unsupported("no %s=%r in %s" % (feature, question[feature], self.name))
        if question["dtype"] not in self.dtypes:
            raise Unsupported("no dtype %s in %s" % (question["dtype"], self.name))
        return self.lstm(question, arrays)

    def lstm(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """The calls of one case."""
        typed = {name: array if array.dtype == bool else array.astype(question["dtype"]) for name, array in arrays.items()}
        calls: List[Dict[str, Any]] = []
        answered: Arrays = {}
        shapes: List[List[int]] = []
        for number, call in enumerate(question["calls"]):
            mask = arrays.get("%d.mask" % number)
            states = [typed["%d.state.%d" % (number, position)] for position in range(call["states"])]
            outputs, kept, shapes = self.run(question, typed, typed["%d.inputs" % number], lengths_of(mask), states)
            returned = [outputs if question["return_sequences"] else outputs[:, -1]] + (kept if question["return_state"] else [])
            answered.update({"%d.returned.%d" % (number, position): array for position, array in enumerate(returned)})
            calls.append({"returned": len(returned), "dtypes": [array.dtype.name for array in returned]})
        count = sum(int(np.prod(shape)) for shape in shapes)
        return {"calls": calls, "parameter_count": count, "weight_shapes": shapes, "path": self.name}, answered

    def describe(self) -> Answer:
        """Its arguments, and the weights of one of two units; it has no configuration, and what a sequence returns is fixed."""
        parameters = inspect.signature(self.made_by).parameters.values()
        arguments = {each.name: repr(each.default) for each in parameters if each.default is not each.empty}
        zeros = {"0.kernel": np.zeros((1, 8), "f"), "0.recurrent_kernel": np.zeros((2, 8), "f"), "0.bias": np.zeros(8, "f")}
        _, _, shapes = self.run({"units": 2, "activation": "tanh"}, zeros, np.zeros((1, 3, 1), "f"), None, [])
        described = {
            "arguments": arguments,
            "config": {},
            "not_serialised": sorted(arguments),
            "methods": [],
            "weights": [[name, shape] for name, shape in zip(cell_weights(zeros), shapes)],
            "initial_bias": [],
            "activations": [],
            "implementation": None,
            "docstring": inspect.getdoc(self.made_by) or "",
            "summary": "",
            "returns_states": True,
        }
        return described, {}

    def run(self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]) -> Returned:
        """Outputs (batch, timesteps, units), both final states, and the shapes of the weights."""
        raise NotImplementedError


class RNNCell(Cells):
    """`BasicLSTMCell` or `LSTMCell` in `dynamic_rnn`, as programs for TensorFlow 1 have it."""

    fixed = dict(Cells.fixed, compiled=True)  # noqa: RUF012  # annotated where it is first set; a graph

    def run(self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]) -> Returned:
        """In a graph of its own."""
        v1 = self.tf.compat.v1
        with self.tf.Graph().as_default(), v1.Session() as session:
            cell = self.made_by(question["units"], activation=self.activation(question["activation"]), **question.get("cell", {}))
            start = v1.nn.rnn_cell.LSTMStateTuple(*states) if states else None
            outputs, state = v1.nn.dynamic_rnn(cell, self.tf.constant(inputs), lengths, start, None if states else inputs.dtype)
            weights = cell_weights(arrays)
            for variable in cell.weights:
                variable.load(weights["projection" if "projection" in variable.name else name_of(variable)], session)
            computed = session.run([outputs, state[0], state[1]])
            return computed[0], computed[1:], [variable.shape.as_list() for variable in cell.weights]

    def activation(self, name: str) -> Any:
        """A function of TensorFlow's own."""
        found = self.tf.identity if name == "linear" else getattr(self.tf.nn, name, None)
        if found is None:
            raise Unsupported("no tf.nn.%s" % name)
        return found


class BlockLSTM(Cells):
    """`BlockLSTM` or `BlockLSTMV2`, one operation for the whole sequence."""

    fixed = dict(Cells.fixed, activation="tanh")  # noqa: RUF012  # annotated where it is first set
    dtypes = ("float32", "float16")

    def run(self, question: Dict[str, Any], arrays: Arrays, inputs: Any, lengths: Any, states: List[Any]) -> Returned:
        """Beyond the longest sequence everything is zeros, so only sequences of one length are run."""
        batch, timesteps, _ = inputs.shape
        if lengths is not None and (lengths != timesteps).any():
            raise Unsupported("no lengths of single rows in %s" % self.name)
        zeros = np.zeros((batch, question["units"]), inputs.dtype)
        cell, hidden = states or [zeros, zeros]
        weights = cell_weights(arrays)
        none = np.zeros(question["units"], inputs.dtype)
        peepholes = {"wc" + gate: weights.get("w_%s_diag" % gate, none) for gate in "ifo"}
        own = question.get("cell", {})
        computed = self.made_by(
            seq_len_max=timesteps, x=np.swapaxes(inputs, 0, 1), cs_prev=cell, h_prev=hidden, w=weights["kernel"], b=weights["bias"],
            **dict(peepholes, **own)
        )  # fmt: skip
        cells, outputs = (np.swapaxes(computed[position].numpy(), 0, 1) for position in (1, 6))
        used = [weights["kernel"], weights["bias"]] + (list(peepholes.values()) if own.get("use_peephole") else [])
        return outputs, [cells[:, -1], outputs[:, -1]], [list(array.shape) for array in used]


def cell_weights(arrays: Arrays) -> Arrays:
    """Keras' weights by the names of TensorFlow's cells."""
    weights = {"kernel": np.concatenate([arrays["0.kernel"], arrays["0.recurrent_kernel"]]), "bias": arrays["0.bias"]}
    if "0.peepholes" in arrays:
        weights.update(zip(("w_i_diag", "w_f_diag", "w_o_diag"), arrays["0.peepholes"]))
    if "0.projection" in arrays:
        weights["projection"] = arrays["0.projection"]
    return weights


def lengths_of(mask: Any) -> Any:
    """How many timesteps each row has, where the mask says nothing else."""
    if mask is None:
        return None
    lengths = mask.sum(axis=1)
    if (mask != (np.arange(mask.shape[1]) < lengths[:, np.newaxis])).any():
        raise Unsupported("no mask but one of lengths: timesteps at the end of a row")
    return lengths

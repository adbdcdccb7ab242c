"""The operator LSTM of ONNX in onnxruntime: sequences have its layout, time first."""

import importlib
from typing import Any

import numpy as np

from benchmarks.errors import UnsupportedError
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem
from lstm_ref.arrays import Array
from lstm_ref.layouts import LAYOUTS

# The first version of the operator with `layout`, and the format that the oldest runtime with it reads.
_OPSET, _IR_VERSION = 14, 8


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # there is one
    """A session over one node."""
    if problem.cotangent is not None:
        raise UnsupportedError("onnxruntime computes no gradients")
    if problem.mask is not None and not problem.is_right_padded:
        raise UnsupportedError("the operator LSTM supports no mask but padding at the end")
    runtime = importlib.import_module("onnxruntime")
    session = runtime.InferenceSession(_model(problem), _options(runtime, threads), providers=["CPUExecutionProvider"])
    value = runtime.OrtValue.ortvalue_from_numpy
    lengths = {} if problem.mask is None else {"lengths": value(problem.mask.sum(axis=1).astype(np.int32))}
    inputs = [value(np.ascontiguousarray(array.swapaxes(0, 1))) for array in problem.inputs]
    zeros = [value(np.zeros((1, len(problem.inputs[0]), problem.config.units), np.float32)) for _ in range(2)]
    names = ["Y", "Y_h", "Y_c"] if problem.is_carried else ["Y"]

    def call(read: Any, *states: Any) -> Any:
        state_inputs = dict(zip(("h", "c"), states or zeros, strict=True)) if problem.is_carried else {}
        return session.run_with_ort_values(names, {"X": read, **lengths, **state_inputs})

    return Prepared(lambda: chained(call, inputs), lambda outputs: [_batch_first(output.numpy()) for output in outputs])


def _batch_first(Y: Array) -> Array:
    """(timesteps, directions, batch, units) in Keras' layout, directions concatenated."""
    steps, directions, batch, units = Y.shape
    return np.ascontiguousarray(Y.transpose(2, 0, 1, 3)).reshape(batch, steps, directions * units)


def _options(runtime: Any, threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads must not disturb the timed peer
    return options


def _model(problem: Problem) -> bytes:
    onnx = importlib.import_module("onnx")
    helper, number = onnx.helper, onnx.TensorProto
    layouts = [LAYOUTS["onnx"].write(weights) for weights in problem.weights]
    constants = {name: np.concatenate([layout[name] for layout in layouts]).astype(np.float32) for name in "WRB"}
    (batch, steps, input_dim), directions, units = problem.inputs[0].shape, len(problem.weights), problem.config.units
    state, read = [directions, batch, units], {"X": (number.FLOAT, [steps, batch, input_dim])}
    if problem.mask is not None:
        read["lengths"] = number.INT32, [batch]
    if problem.is_carried:
        read |= dict.fromkeys("hc", (number.FLOAT, state))
    returned = {"Y": [steps, directions, batch, units], "Y_h": state, "Y_c": state}
    node = helper.make_node(
        "LSTM",
        ["X", *constants, "lengths" if problem.mask is not None else "", *("hc" if problem.is_carried else "")],
        list(returned),
        hidden_size=units,
        direction="bidirectional" if problem.is_bidirectional else "forward",
    )
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info(name, *kind) for name, kind in read.items()],
        [helper.make_tensor_value_info(name, number.FLOAT, shape) for name, shape in returned.items()],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())

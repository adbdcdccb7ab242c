"""Experiments on the choice of the cuDNN kernel, on any machine.

Two functions of Keras' TensorFlow backend are replaced while an experiment runs: the one that looks for a GPU, and the one that
calls the cuDNN kernel. The latter is replaced by one that counts its calls and answers as TensorFlow does where it has no such
kernel. So the experiments test which layers and calls ask for the kernel, not what the kernel computes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from conformance.claims.docstrings.layers import INPUTS, LIMIT, TIMESTEPS, build, loaded_layers, outcome_of
from conformance.claims.judging import at_most, equal, judge
from conformance.claims.measure import as_arrays, gap, import_keras, import_tensorflow
from conformance.claims.model import Evidence, Finding

REQUIREMENTS: dict[str, Any] = {
    "recurrent_dropout": 0.25,
    "unroll": True,
    "use_bias": False,
    "activation": "relu",
    "recurrent_activation": "hard_sigmoid",
}


@contextmanager
def _counted_kernel(*, gpu: bool) -> Iterator[list[Any]]:
    """The masks of the calls of the cuDNN kernel, on a machine with or without a GPU."""
    tf = import_tensorflow()
    # Its package has a function of the same name.
    rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
    calls: list[Any] = []
    check_mask = rnn._assert_valid_mask  # noqa: SLF001  # Keras' own check of masks precedes the kernel

    def kernel(*arguments: Any) -> Any:
        mask = arguments[6]
        if mask is not None:
            check_mask(mask)
        calls.append(mask)
        raise tf.errors.NotFoundError(None, None, "no cuDNN kernel")

    with mock.patch.object(rnn, "_is_gpu_available", return_value=gpu), mock.patch.object(rnn, "_cudnn_lstm", kernel):
        yield calls


def _kernel_calls(*, gpu: bool = True, wrap: Callable[[Any], Any] | None = None, mask: Any = None, **arguments: Any) -> int:
    """How often a new layer, called once, itself or wrapped, calls the kernel."""
    with _counted_kernel(gpu=gpu) as calls:
        layer = build(import_keras().layers.LSTM(3, **arguments))
        (wrap(layer) if wrap else layer)(INPUTS, mask=mask)
        return len(calls)


def _with_and_without_gpu() -> list[Evidence]:
    return [
        equal("calls of the cuDNN kernel by one call, with a GPU", _kernel_calls(), 1),
        equal("calls of the cuDNN kernel by one call, without a GPU", _kernel_calls(gpu=False), 0),
    ]


def kernel_is_chosen() -> Finding:
    """Calls of the kernel with and without a GPU, and the outputs where TensorFlow has none."""
    expected = as_arrays(loaded_layers()["LSTM"](INPUTS))
    with _counted_kernel(gpu=True):
        fallen_back = as_arrays(loaded_layers()["LSTM"](INPUTS))
    return judge(*_with_and_without_gpu(), at_most("outputs where the kernel is missing", gap(fallen_back, expected), LIMIT))


def kernel_needs(requirement: str) -> Finding:
    """Calls of the kernel by a layer that meets all requirements, and by one that does not meet this one."""
    other = {requirement: REQUIREMENTS[requirement]}
    return judge(
        equal("calls of the cuDNN kernel where all requirements are met", _kernel_calls(), 1),
        equal(f"calls of the cuDNN kernel with {requirement}={REQUIREMENTS[requirement]!r}", _kernel_calls(**other), 0),
    )


def kernel_needs_right_padding() -> Finding:
    """Calls of the kernel for masks of several forms."""
    right = np.arange(TIMESTEPS) < np.array([[2], [3], [4], [5]])
    masks = {
        "right-padded": (right, 1),
        "left-padded": (right[:, ::-1], 0),
        "masked inside": (np.arange(TIMESTEPS) != np.full((4, 1), 2), 0),
    }
    return judge(
        *(
            equal(
                f"calls of the cuDNN kernel for a mask that is {name}",
                _kernel_calls(mask=mask),
                stated,
            )
            for name, (mask, stated) in masks.items()
        )
    )


def kernel_needs_eager_execution() -> Finding:
    """Calls of the kernel by an eager call, and while a graph is traced."""
    tf = import_tensorflow()
    return judge(
        equal("calls of the cuDNN kernel by an eager call", _kernel_calls(), 1),
        equal("calls of the cuDNN kernel by a call in tf.function", _kernel_calls(wrap=tf.function), 0),
    )


def use_cudnn() -> Finding:
    """Each value of `use_cudnn`, with a GPU and without."""
    return judge(
        equal("calls of the cuDNN kernel with use_cudnn=False, with a GPU", _kernel_calls(use_cudnn=False), 0),
        *_with_and_without_gpu(),
        equal(
            "a call with use_cudnn=True, without a GPU", outcome_of(lambda: _kernel_calls(gpu=False, use_cudnn=True)), "ValueError"
        ),
        equal(
            "a call with use_cudnn=False, without a GPU", outcome_of(lambda: _kernel_calls(gpu=False, use_cudnn=False)), "accepted"
        ),
    )

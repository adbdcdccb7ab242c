"""The routes by which a user reaches a layer of Keras 3: the worker's, in this process, and those that only Keras 3 has."""

import importlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.base import UnsupportedError
from conformance.adapters.keras.backends import exporting
from conformance.adapters.protocol import question_of
from conformance.adapters.worker.common import flat, one_or_list
from conformance.adapters.worker.keras import Keras
from conformance.adapters.worker.layer import Builder
from conformance.adapters.worker.models import DRIVEN, REMADE
from conformance.adapters.worker.routes import Run, Subject
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus

# One call's arrays: inputs or ids, the mask where it is an argument, initial states where they are given.
Arrays = Sequence[Any]


class KerasBuilder(Builder):
    """Builds the layers of a case, with its dropout; what a constructor raises is the implementation's error."""

    def __init__(self, keras: Keras, question: dict[str, Any], case: Case) -> None:
        self.case = case
        super().__init__(keras, question)

    def dropout(self) -> dict[str, Any]:
        """The rates, and the seed that masks are drawn from."""
        rates = dict(zip(("dropout", "recurrent_dropout"), self.case.dropout_rates, strict=True))
        return {**(rates if self.case.dropout != "none" else {}), "seed": self.case.seed}

    def activation(self, name: str | None) -> Any:
        """An activation as the case gives it."""
        return name if self.case.execution.activation_as == "name" else super().activation(name)

    def construct(self, made: Any, *positional: Any, **arguments: Any) -> Any:
        """Construct a layer; one that lacks an argument is no LSTM of Keras 3."""
        return made(*positional, **arguments)


class KerasSubject(Subject):
    """What a case is run on.

    Args:
        keras: where it runs.
        case, stimulus: what is run.

    Attributes:
        not_run: what was asked for and is not run, in words; "" for nothing.

    Raises:
        UnsupportedError: the backend has no such export.
        Unsupported: it has no such route.
    """

    def __init__(self, keras: Keras, case: Case, stimulus: Stimulus) -> None:
        self.case, self.not_run, self._is_jitted = case, "", False
        super().__init__(keras, *question_of(case, stimulus))

    @property
    def cells(self) -> list[Any]:
        """The LSTMCells, in the order of their states."""
        return [cell for layer in self.parts.recurrent for cell in getattr(layer.cell, "cells", [layer.cell])]

    def make_builder(self) -> Builder:
        """What builds the layers."""
        return KerasBuilder(self.keras, self.question, self.case)

    def route(self) -> Run:
        """The function of one call's arrays, by the case's route."""
        route, execution = self.case.execution.route, self.case.execution
        if route in _EXPORTS:
            return self._exported(route)
        if route == "stateless_call":
            jit = execution.compiled and self.keras.backend == "jax"
            run = self.stateless(training=self.case.in_training, jit=jit)
        else:
            run = super().route()
        self.how = self._in_words(route)
        return run

    def jit_compiled(self, function: Run) -> Run:
        """Compile a function by PyTorch's compiler; elsewhere a call outside of a function has none."""
        if self.keras.backend == "torch":
            self.how = "torch.compile"
            compiled: Run = importlib.import_module("torch").compile(function)
            return compiled
        self.not_run = "jit_compile: a call of a layer has no compiler here"
        return function

    def model(self) -> Any:
        """The worker's model; Keras may have turned its compiler off."""
        model = super().model()
        if self.case.execution.route in DRIVEN:
            self._is_jitted = bool(model.jit_compile)
            self.not_run = "jit_compile: Keras turned it off" if self.case.execution.jit_compile and not self._is_jitted else ""
        return model

    def _in_words(self, route: str) -> str:
        """What runs by a route, in words."""
        execution = self.case.execution
        if route in DRIVEN:
            return f"{route}{'' if execution.compiled else ', eager'}{', jit' if self._is_jitted else ''}"
        if route in REMADE:
            return f"{route}, then called"
        how = self.how
        if how.startswith("tf.function"):
            how = f"tf.function{', XLA' * execution.jit_compile}, {'static' if execution.static_time else 'dynamic'} time"
        if route == "gradient":
            return how if how.startswith("gradient") else f"gradient, {how}"
        return {"functional": "functional model", "stateless_call": "stateless_call"}.get(
            route, "jax.jit" if how == "stateless_call, jit" else how
        )

    # --- exported ------------------------------------------------------------------------------------------------------------

    def _exported(self, form: str) -> Run:
        if self.keras.backend not in exporting(form):
            raise UnsupportedError(f"{form} is exported from {', '.join(exporting(form))} only, not from {self.keras.backend}")
        model = self.model()
        # An export wants a model that was called; who exports has used it.
        model(self.tensors(self.arrays_of(0, self.question["calls"][0])))
        name, written_as, load, self.how = _EXPORTS[form]
        self._folder = tempfile.TemporaryDirectory(prefix="lstm-conformance-")
        path = Path(self._folder.name) / name
        model.export(str(path), format=written_as, verbose=False)
        return load(str(path))


def _saved_model(path: str) -> Run:
    served = importlib.import_module("tensorflow").saved_model.load(path)
    return lambda arrays: flat(served.serve(one_or_list(arrays)))


def _onnx(path: str) -> Run:
    session = importlib.import_module("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    return lambda arrays: session.run(None, dict(zip(names, _as_declared(session, arrays), strict=True)))


def _openvino(path: str) -> Run:
    openvino = importlib.import_module("openvino")
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda arrays: list(compiled(list(arrays)).values())


# Route → the file, Keras' word for its format, what reads it, and what runs, in words.
_EXPORTS: dict[str, tuple[str, str, Callable[[str], Run], str]] = {
    "saved_model": ("saved", "tf_saved_model", _saved_model, "exported SavedModel, served"),
    "onnx": ("model.onnx", "onnx", _onnx, "exported ONNX, in onnxruntime"),
    "openvino": ("model.xml", "openvino", _openvino, "exported OpenVINO model"),
}


def _as_declared(session: Any, arrays: Arrays) -> list[Any]:
    """In the dtypes that an exported model declares: it casts nothing itself."""
    kinds = {
        "tensor(float)": "float32",
        "tensor(double)": "float64",
        "tensor(int32)": "int32",
        "tensor(bool)": "bool",
        "tensor(float16)": "float16",
    }
    return [np.asarray(array).astype(kinds[given.type]) for given, array in zip(session.get_inputs(), arrays, strict=True)]

"""The routes by which a user reaches a layer, each as a function from arrays to arrays."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.base import UnsupportedError
from conformance.adapters.keras.backends import BACKENDS, exporting
from conformance.adapters.keras.build import Parts, apply_parts, arrays_of, build_parts, load_weights
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, signature_of, split_rows

# One call's arrays: inputs or ids, the mask where it is an argument, initial states where they are given.
Arrays = Sequence[Any]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a case is run on.

    Attributes:
        parts: the layers that hold weights and states.
        run: one call, from its arrays to the flat list of what is returned.
        how: what runs, in words.
        not_run: what was asked for and is not run, in words; "" for nothing.
    """

    parts: Parts
    run: Callable[[Arrays], list[Any]]
    how: str
    not_run: str = ""


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes the subject of one case.

    Args:
        keras: the module.
        backend: on which it runs.
        case, stimulus: what is asked.
    """

    keras: Any
    backend: str
    case: Case
    stimulus: Stimulus

    def make(self) -> Subject:
        """The subject, with its weights.

        Raises:
            UnsupportedError: the backend has no such route.
        """
        route = self.case.execution.route
        if route in ("call", "training"):
            return self._called()
        if route == "gradient":
            return self._differentiated()
        if route == "stateless_call":
            return self._stateless("stateless_call")
        if route in _RELOADS:
            model, parts = _RELOADS[route](self, *self._model())
            return Subject(
                parts=parts, run=lambda arrays: _flat(self.keras, model(list(arrays), training=False)), how=f"{route}, then called"
            )
        if route in ("saved_model", "onnx", "openvino"):
            return self._exported(route)
        return self._trainer(route)

    # --- called as a layer -----------------------------------------------------------------------------------------------------

    def _called(self) -> Subject:
        case = self.case
        backend = BACKENDS[self.backend]
        compiler = backend.compiler(case)
        if compiler and backend.jit:
            return self._stateless(compiler)
        parts = self._built()
        training = case.in_training

        def apply(arrays: Arrays) -> list[Any]:
            return apply_parts(self.keras, parts, case, arrays, with_mask=self._with_mask, training=training)

        if compiler and backend.compile:
            run, how = backend.compile(apply, case, partial(signature_of, self.case), self._as_tensors)
            return Subject(parts=parts, run=run, how=how)
        not_run = "jit_compile: a call of a layer has no compiler here" if case.execution.jit_compile else ""
        return Subject(parts=parts, run=lambda arrays: apply(self._as_tensors(arrays)), how="eager", not_run=not_run)

    # --- differentiated --------------------------------------------------------------------------------------------------------

    def _differentiated(self) -> Subject:
        """A call in training, and the gradients of what it returns, weighed: the flat list of both."""
        backend = BACKENDS[self.backend]
        differentiate = backend.differentiate
        if differentiate is None:
            raise UnsupportedError(f"Keras infers only on {self.backend}: there are no gradients")
        if backend.jit:
            return self._stateless_differentiated(differentiate, backend.jit if self.case.execution.compiled else None)
        parts = self._built()
        weights = [variable.value for layer in parts.layers for variable in layer.trainable_variables]

        def apply(arrays: Arrays) -> list[Any]:
            tensors = self._as_tensors(arrays)
            chosen = self._differentiable(tensors)

            def loss(_: Sequence[Any], floats: Sequence[Any]) -> tuple[Any, list[Any]]:
                given = _replaced(tensors, chosen, floats)
                returned = apply_parts(self.keras, parts, self.case, given, with_mask=self._with_mask, training=True)
                return self._weighed(returned), returned

            of_weights, of_arrays, returned = differentiate(loss, weights, [tensors[k] for k in chosen])
            return [*returned, *of_weights, *of_arrays]

        if backend.compiler(self.case) and backend.compile:
            run, how = backend.compile(apply, self.case, partial(signature_of, self.case), self._as_tensors)
            return Subject(parts=parts, run=run, how=f"gradient, {how}")
        return Subject(parts=parts, run=apply, how="gradient, eager")

    def _stateless_differentiated(self, differentiate: Callable[..., Any], jit: Callable[..., Any] | None) -> Subject:
        """By `Model.stateless_call`; what it changes of the model's variables is written back."""
        model, parts = self._model(training=True)
        positions = {id(variable): k for k, variable in enumerate(model.trainable_variables)}
        own = [positions[id(variable)] for layer in parts.layers for variable in layer.trainable_variables]

        def function(trainable: list[Any], other: list[Any], tensors: list[Any], training: bool) -> tuple[list[Any], Any]:
            chosen = self._differentiable(tensors)

            def loss(weights: Sequence[Any], floats: Sequence[Any]) -> tuple[Any, Any]:
                given = _replaced(tensors, chosen, floats)
                returned, changed = model.stateless_call(_replaced(trainable, own, weights), other, given, training=training)
                flat = _flat(self.keras, returned)
                return self._weighed(flat), (flat, changed)

            found = differentiate(loss, [trainable[k] for k in own], [tensors[k] for k in chosen])
            of_weights, of_arrays, (returned, changed) = found
            return [*returned, *of_weights, *of_arrays], changed

        compiled = jit(function) if jit else function

        def run(arrays: Arrays) -> list[Any]:
            trainable, other = (
                [variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)
            )
            returned, changed = compiled(trainable, other, self._as_tensors(arrays), training=True)
            for variable, value in zip(model.non_trainable_variables, changed, strict=True):
                variable.assign(value)
            return list(returned)

        return Subject(parts=parts, run=run, how=f"gradient of stateless_call{', jit' if jit else ''}")

    def _differentiable(self, tensors: Sequence[Any]) -> list[int]:
        """Positions of the arrays of a call that have gradients."""
        return [k for k, tensor in enumerate(tensors) if "float" in self.keras.backend.standardize_dtype(tensor.dtype)]

    def _weighed(self, returned: Sequence[Any]) -> Any:
        """The sum of what is returned, weighed by the case's cotangents."""
        ops, case = self.keras.ops, self.case
        d_outputs, d_states = self.stimulus.cotangents_of(case, case.calls[0])
        halves = case.architecture == "bidi" and case.merge_mode == "none"
        d_halves = np.split(d_outputs, [case.config.units], axis=-1) if halves else [d_outputs]
        weights = [split_rows(case, each) for each in d_halves]
        weights += [array for state in d_states for array in (state.hidden, state.cell)]
        weighed = [
            ops.sum(tensor * ops.convert_to_tensor(weight, dtype=tensor.dtype))
            for tensor, weight in zip(returned, weights, strict=False)
        ]
        return sum(weighed[1:], weighed[0])

    # --- compiled by the backend -----------------------------------------------------------------------------------------------

    def _stateless(self, how: str) -> Subject:
        """`Model.stateless_call`, jitted on JAX; what it changes of the model's variables is written back."""
        model, parts = self._model(training=self.case.in_training)
        function = model.stateless_call
        jit = BACKENDS[self.backend].jit
        if jit and self.case.execution.compiled:
            function = jit(function)

        def run(arrays: Arrays) -> list[Any]:
            trainable, other = (
                [variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)
            )
            returned, changed = function(trainable, other, list(arrays), training=self.case.in_training)
            for variable, value in zip(model.non_trainable_variables, changed, strict=True):
                variable.assign(value)
            return _flat(self.keras, returned)

        return Subject(parts=parts, run=run, how=how)

    def _built(self) -> Parts:
        """The layers, built by a functional model over them, so that they are built as a user's would be."""
        parts = build_parts(self.keras, self.case, self.stimulus)
        self._symbolic(parts, training=False)
        load_weights(parts, self.case, self.stimulus)
        return parts

    def _as_tensors(self, arrays: Arrays) -> list[Any]:
        return [self.keras.ops.convert_to_tensor(array) for array in arrays]

    # --- called as a model -----------------------------------------------------------------------------------------------------

    def _model(self, *, training: bool | None = None) -> tuple[Any, Parts]:
        parts = build_parts(self.keras, self.case, self.stimulus)
        inputs, outputs = self._symbolic(parts, training=training)
        model = self.keras.Model(inputs, outputs[:1] if self.case.returns_loss else outputs)
        load_weights(parts, self.case, self.stimulus)
        return model, parts

    def _symbolic(self, parts: Parts, *, training: bool | None) -> tuple[list[Any], list[Any]]:
        inputs = [self.keras.Input(batch_shape=shape, dtype=dtype) for shape, dtype in signature_of(self.case)]
        return inputs, apply_parts(self.keras, parts, self.case, inputs, with_mask=self._with_mask, training=training)

    def _trainer(self, route: str) -> Subject:
        case, execution = self.case, self.case.execution
        model, parts = self._model(training=None)
        if route == "functional":
            return Subject(
                parts=parts, run=lambda arrays: _flat(self.keras, model(list(arrays), training=False)), how="functional model"
            )
        model.compile(
            loss="mean_squared_error" if case.returns_loss else None,
            optimizer=self.keras.optimizers.SGD(0.0),
            run_eagerly=not execution.compiled,
            jit_compile=execution.jit_compile,
        )
        not_run = "jit_compile: Keras turned it off" if execution.jit_compile and not model.jit_compile else ""
        how = f"{route}{'' if execution.compiled else ', eager'}{', jit' if model.jit_compile else ''}"
        return Subject(
            parts=parts, run=lambda arrays: _flat(self.keras, self._drive(model, route, list(arrays))), how=how, not_run=not_run
        )

    def _drive(self, model: Any, route: str, arrays: list[Any]) -> Any:
        batch = self.case.batch
        if route == "predict_on_batch":
            return model.predict_on_batch(arrays)
        if route.startswith("predict"):
            size = batch - 1 if route == "predict_partial" else batch
            answers = [model.predict(arrays, batch_size=size, verbose=0) for _ in range(2 if route == "predict_twice" else 1)]
            return answers[-1]
        steps = (self.case.timesteps,) if self.case.config.return_sequences else ()
        width = self.case.outputs_width
        targets = split_rows(self.case, self.stimulus.targets_of(self.case, (self.case.sequences, *steps, width))).astype("float32")
        if route == "evaluate":
            return model.evaluate(arrays, targets, batch_size=batch, verbose=0)
        if route == "train_on_batch":
            return model.train_on_batch(arrays, targets)
        return model.fit(arrays, targets, batch_size=batch, epochs=1, shuffle=False, verbose=0).history["loss"][0]

    # --- saved and exported ----------------------------------------------------------------------------------------------------

    def _exported(self, form: str) -> Subject:
        if self.backend not in exporting(form):
            raise UnsupportedError(f"{form} is exported from {', '.join(exporting(form))} only, not from {self.backend}")
        model, parts = self._model()
        # An export wants a model that was called; who exports has used it.
        model(self._as_tensors(arrays_of(self.case, self.case.calls[0], self.stimulus)))
        folder = tempfile.TemporaryDirectory(prefix="lstm-conformance-")
        if form == "saved_model":
            path = Path(folder.name) / "saved"
            model.export(str(path), format="tf_saved_model", verbose=False)
            served = importlib.import_module("tensorflow").saved_model.load(str(path))
            return Subject(
                parts=parts, run=lambda arrays: _flat(self.keras, served.serve([*arrays])), how="exported SavedModel, served"
            )
        if form == "onnx":
            path = Path(folder.name) / "model.onnx"
            model.export(str(path), format="onnx", verbose=False)
            session = importlib.import_module("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
            names = [given.name for given in session.get_inputs()]
            return Subject(
                parts=parts,
                run=lambda arrays: session.run(None, dict(zip(names, _as_declared(session, arrays), strict=True))),
                how="exported ONNX, in onnxruntime",
            )
        path = Path(folder.name) / "model.xml"
        model.export(str(path), format="openvino", verbose=False)
        openvino = importlib.import_module("openvino")
        compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return Subject(parts=parts, run=lambda arrays: list(compiled(list(arrays)).values()), how="exported OpenVINO model")

    # --- shapes ----------------------------------------------------------------------------------------------------------------

    @property
    def _with_mask(self) -> bool:
        return self.case.mask != "none" and self.case.mask_source == "argument"


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


def _replaced(values: Sequence[Any], positions: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """The values, those at the positions replaced."""
    changed = list(values)
    for position, other in zip(positions, others, strict=True):
        changed[position] = other
    return changed


def _flat(keras: Any, returned: Any) -> list[Any]:
    if isinstance(returned, dict):
        return list(returned.values())
    return list(keras.tree.flatten(returned))


# --- models that are made again ------------------------------------------------------------------------------------------------


def _from_config(maker: Maker, model: Any, parts: Parts) -> tuple[Any, Parts]:
    again = maker.keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    return again, _parts_of(again, parts)


def _cloned(maker: Maker, model: Any, parts: Parts) -> tuple[Any, Parts]:
    again = maker.keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    return again, _parts_of(again, parts)


def _from_keras_file(maker: Maker, model: Any, parts: Parts) -> tuple[Any, Parts]:
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = maker.keras.models.load_model(path)
    return again, _parts_of(again, parts)


def _from_weights_file(maker: Maker, model: Any, parts: Parts) -> tuple[Any, Parts]:
    del parts
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
        path = Path(folder) / "model.weights.h5"
        model.save_weights(path)
        again_parts = build_parts(maker.keras, maker.case, maker.stimulus)
        again = maker.keras.Model(*maker._symbolic(again_parts, training=None))  # noqa: SLF001  # one maker's own steps
        again.load_weights(path)
    return again, again_parts


_RELOADS: dict[str, Callable[[Maker, Any, Parts], tuple[Any, Parts]]] = {
    "from_config": _from_config,
    "clone_model": _cloned,
    "keras_file": _from_keras_file,
    "weights_file": _from_weights_file,
}


def _parts_of(model: Any, parts: Parts) -> Parts:
    """The parts of a model that was made again, by the names of their layers."""
    layers = tuple(model.get_layer(layer.name) for layer in parts.layers)
    recurrent: list[Any] = []
    for layer in layers:
        if hasattr(layer, "forward_layer"):
            recurrent += [layer.forward_layer, layer.backward_layer]
        else:
            recurrent.append(layer.layer if hasattr(layer, "layer") else layer)
    return replace(parts, layers=layers, recurrent=tuple(recurrent))

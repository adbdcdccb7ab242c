"""The Keras code of a script: the layers of a case with the arguments that differ from Keras' defaults, and the case's route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from conformance.adapters.keras.backends import BACKENDS
from conformance.adapters.worker.gradients import DIFFERENTIATE
from conformance.cases.case import Case
from conformance.cases.features import AT_INFERENCE
from conformance.cases.stimulus import signature_of
from conformance.explaining.reproduction.data_lines import VOCABULARY, targets_text
from conformance.explaining.reproduction.gradient_lines import GRADIENTS, GradientRequest, refuse_what_takes_more, stateless
from conformance.explaining.reproduction.layer_lines import (
    LAYERS,
    call_text,
    dtype_text,
    half_of_states,
    nested_pairs,
    recurrent_text,
    tensor,
)
from lstm_ref import LSTMError

MAX_WIDTH = 132


@dataclass(frozen=True, kw_only=True)
class KerasLines:
    """The Keras half of a script.

    Attributes:
        imports: of packages beside Keras and NumPy.
        build: lines that make layers, and the model where the route has one, and set `weights`.
        prepare: lines between building and running: compiling, saving, exporting.
        returned: an expression, the flat list of the returned arrays.
    """

    imports: tuple[str, ...] = ()
    build: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    returned: str


def keras_lines(case: Case, backend: str, *, inline: bool = True) -> KerasLines:
    """The lines that build and run a case.

    Args:
        case: to run.
        backend: of Keras.
        inline: compile a call in the expression of the call, not in a line before it.

    Raises:
        LSTMError: the case is not expressible in a few lines.
    """
    writer = _Writer(case=case, backend=backend, inline=inline)
    if case.dropout not in ("none", *AT_INFERENCE) and (writer.compiler or case.execution.route not in ("call", "training")):
        raise LSTMError(
            "dropout in training is expressible in a script for eager calls only: elsewhere the drawn masks cannot be read"
        )
    if case.execution.route in ("call", "training"):
        return writer.called()
    return _ROUTES[case.execution.route](writer)


# --- calls ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """Writes one case's lines."""

    case: Case
    backend: str
    inline: bool

    @property
    def compiler(self) -> str:
        """The function that compiles a call; "" for none."""
        return BACKENDS[self.backend].compiler(self.case)

    @property
    def nested(self) -> bool:
        """Whether states are a list for each cell."""
        return self.case.architecture == "cells2" or self.case.execution.layer == "rnnlist"

    @property
    def names(self) -> dict[str, list[str]]:
        """The script's variables: inputs, mask, initial states, each where the case has it."""
        case = self.case
        single = len(case.layer_sizes) == 1
        states = ["h", "c"] if single else [f"{name}[{k}]" for k in range(2) for name in ("h", "c")]
        return {
            "inputs": ["ids" if case.mask_source == "embedding" else "x"],
            "mask": ["mask"] if case.mask != "none" and case.mask_source == "argument" else [],
            "states": states if case.initial_state else [],
        }

    @property
    def arrays(self) -> list[str]:
        """All arguments of a call."""
        return [name for names in self.names.values() for name in names]

    def layers(self) -> list[str]:
        """The lines that make the layers."""
        case, lines = self.case, []
        if case.mask_source == "embedding":
            table = "keras.initializers.RandomUniform(-1, 1, seed=0)"
            sizes = (str(VOCABULARY), str(case.input_dim))
            lines = [f"embedding = {call_text('keras.layers.Embedding', *sizes, table, mask_zero=True, dtype=dtype_text(case))}"]
        layer = LAYERS[case.architecture](case)
        if case.architecture != "layers2":
            return [*lines, f"layer = {layer}"]
        below = recurrent_text(case, return_sequences=True)
        same = [f"below, layer = [{layer} for _ in range(2)]"]
        return lines + (same if below == layer else [f"below = {below}", f"layer = {layer}"])

    def applied(self, inputs: str, mask: str, states: str, *, training: bool = False) -> str:
        """The call of the layers, an expression; `mask` and `states` are "" where there are none."""
        case = self.case
        if case.mask_source == "masking":
            inputs = f"{call_text('keras.layers.Masking', dtype=dtype_text(case))}({inputs})"
        elif case.mask_source == "embedding":
            inputs = f"embedding({inputs})"
        keywords = {"mask": mask or None, "training": True if training else None}
        if case.architecture == "layers2":
            inputs = call_text(
                "below", inputs, mask=mask or None, initial_state=half_of_states(states, 0) or None, training=keywords["training"]
            )
            inputs = f"(lower := {inputs})[0]" if case.config.return_state else inputs
            states = half_of_states(states, 1)
            if mask and case.config.go_backwards:
                keywords["mask"] = f"keras.ops.flip({mask}, axis=1)"
        applied = call_text("layer", inputs, **keywords, initial_state=states or None)
        # A stack returns the states of both its layers: the upper one's first.
        return f"[*{applied}, *lower[1:]]" if case.architecture == "layers2" and case.config.return_state else applied

    def state_list(self) -> str:
        """The initial states as the layer wants them."""
        names = self.names["states"]
        if self.nested and names:
            return nested_pairs(names)
        return f"[{', '.join(names)}]" if names else ""

    def flat(self, returned: str) -> str:
        """The flat list of the arrays that the layers return, an expression."""
        return f"keras.tree.flatten({returned})" if self.nested and self.case.config.return_state else self.listed(returned)

    def listed(self, returned: str) -> str:
        """The list of the arrays that a model with flat outputs returns, an expression."""
        several = self.case.config.return_state or (self.case.architecture == "bidi" and self.case.merge_mode == "none")
        return returned if several and not self.case.returns_loss else f"[{returned}]"

    def plain(self) -> str:
        """The layers called on arrays, an expression."""
        return self.applied(self.names["inputs"][0], "".join(self.names["mask"]), self.state_list(), training=self.case.in_training)

    def called(self) -> KerasLines:
        """The layers called on arrays."""
        case = self.case
        build, plain = [*self.layers(), *self.built()], self.plain()
        if self.compiler and case.config.stateful and case.initial_state:
            return self._called_both_ways(plain, build)
        if not self.compiler:
            return KerasLines(build=tuple(build), returned=self.flat(plain))
        name = self.names["inputs"][0]
        parameters = [name, *self.names["mask"], *(["h", "c"] if case.initial_state else [])]
        signature: list[str] = []
        jit = {"jit_compile": True} if case.execution.jit_compile and self.compiler == "tf.function" else {}
        if self.compiler == "tf.function":
            parameters = [name]  # with dynamic axes; masks and states, which need not vary, are the script's variables
            (shape, dtype), *_ = signature_of(self.case)
            signature = [f'[tf.TensorSpec({shape}, "{dtype}")]']
        function = "layer" if plain == "layer(x)" else f"lambda {', '.join(parameters)}: {plain}"
        compiled = call_text(self.compiler, function, *signature, **jit)
        arguments = ", ".join(parameters)
        if self.compiler == "torch.compile":
            arguments = f"*map(keras.ops.convert_to_tensor, [{arguments}])"
        package = (BACKENDS[self.backend].import_line,)
        if case.config.stateful or not self.inline:
            return KerasLines(
                imports=package, build=tuple(build), prepare=(f"run = {compiled}",), returned=self.flat(f"run({arguments})")
            )
        return KerasLines(imports=package, build=tuple(build), returned=self.flat(f"{compiled}({arguments})"))

    def _called_both_ways(self, plain: str, build: list[str]) -> KerasLines:
        """Compiled for calls with an initial state and without one: by its arguments, not by a signature."""
        if self.case.architecture == "layers2":
            raise LSTMError("a compiled call of two stateful layers with initial states is not expressible in a script")
        options = {"jit_compile": True if self.case.execution.jit_compile else None}
        return KerasLines(
            imports=(BACKENDS[self.backend].import_line,),
            build=tuple(build),
            prepare=(f"run = {call_text(self.compiler, 'layer', **options)}",),
            returned=self.flat(plain.replace("layer(", "run(", 1)),
        )

    def built(self) -> list[str]:
        """The lines that build the layers without a model, and set their weights."""
        case = self.case
        (shape, dtype), *_ = signature_of(self.case)
        read = ((*shape, case.input_dim), "float32") if case.mask_source == "embedding" else (shape, dtype)
        if case.architecture != "layers2":
            return [f"layer.build({read[0]})", "layer.set_weights(weights)"]
        outputs = "below(xs)[0]" if case.config.return_state else "below(xs)"
        return [f"model = keras.Model(xs := {tensor(*read)}, layer({outputs}))", "model.set_weights(weights)"]

    # --- models ----------------------------------------------------------------------------------------------------------------

    def model(self) -> list[str]:
        """The lines that make a functional model with the weights."""
        case = self.case
        tensors = [tensor(shape, dtype) for shape, dtype in signature_of(self.case)]
        first, mask, states = "xs", "", ""
        if len(tensors) > 1:
            first = "xs[0]"
            position = 1 + len(self.names["mask"])
            mask = "xs[1]" if position == 2 else ""
            states = self._model_states(position)
        outputs = self.applied(first, mask, states)
        if case.returns_loss:
            outputs += "[0]" if case.config.return_state else ""
        elif self.nested and case.config.return_state:
            outputs = f"keras.tree.flatten({outputs})"
        layers = self.layers()
        if case.initial_state and len(set(tensors[-2 * len(case.layer_sizes) :])) == 1:
            count = 2 * len(case.layer_sizes)
            tensors[-count:] = [f"*({tensors[-1]} for _ in range({count}))"]
        made = tensors[0] if len(tensors) == 1 else f"[{', '.join(tensors)}]"
        lines = [*layers, f"xs = {made}", f"model = keras.Model(xs, {outputs})"]
        if case.architecture == "layers2" and case.mask_source == "embedding":
            half = 3 if case.config.use_bias else 2
            return [*lines, f"below.set_weights(weights[:{half}])", f"layer.set_weights(weights[{half}:])"]
        return [*lines, f"{'model' if case.architecture == 'layers2' else 'layer'}.set_weights(weights)"]

    def _model_states(self, position: int) -> str:
        if not self.case.initial_state:
            return ""
        count = 2 * len(self.case.layer_sizes)
        names = [f"xs[{k}]" for k in range(position, position + count)]
        if self.nested:
            return nested_pairs(names)
        return f"xs[{position}:]" if self.case.architecture != "layers2" else f"[{', '.join(names)}]"

    def given(self) -> str:
        """The argument of a model's call."""
        return self.arrays[0] if len(self.arrays) == 1 else f"[{', '.join(self.arrays)}]"

    def compiled_model(self) -> str:
        """The line that compiles the model, with all choices explicit."""
        case = self.case
        return call_text(
            "model.compile",
            loss='"mean_squared_error"' if case.returns_loss else None,
            optimizer="keras.optimizers.SGD(0.0)" if case.returns_loss else None,
            run_eagerly=None if case.execution.compiled else True,
            jit_compile=case.execution.jit_compile,
        )


def _differentiated(writer: _Writer) -> KerasLines:
    refuse_what_takes_more(writer.case, writer.backend)
    case, is_function = writer.case, writer.backend == "jax"
    # A stateless call of a layer casts nothing, and does not look for a mask that comes along with its inputs.
    of_model = case.architecture == "layers2" or (is_function and (case.mask_source == "masking" or "16" in case.dtype))
    trained, build, returned = "model" if of_model else "layer", [*writer.layers(), *writer.built()], writer.plain()
    if is_function:
        made, call = (writer.model(), f"model({writer.given()}, training=True)") if of_model else (build, returned)
        build, returned = made[:-1], stateless(trained, call)  # of the weights, which are not set
    request = GradientRequest(case=case, returned=writer.flat(returned), trained=trained, signature=signature_of(case)[0])
    prepare, slopes = GRADIENTS[writer.backend](request)
    return KerasLines(imports=(BACKENDS[writer.backend].import_line,), build=tuple(build), prepare=prepare, returned=slopes)


def _functional(writer: _Writer) -> KerasLines:
    return KerasLines(build=tuple(writer.model()), returned=writer.listed(f"model({writer.given()})"))


def _stateless(writer: _Writer) -> KerasLines:
    backend = BACKENDS[writer.backend]
    jit = backend.compiler(writer.case) if backend.is_functional else ""
    function = f"{jit}(model.stateless_call)" if jit else "model.stateless_call"
    if writer.case.config.stateful:
        raise LSTMError(
            "stateful with the route stateless_call is not expressible in a script: the caller must carry the variables"
        )
    return KerasLines(
        imports=(backend.import_line,) if jit else (),
        build=tuple(writer.model()),
        prepare=("variables = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]",),
        returned=writer.listed(f"{function}(*variables, {writer.given()})[0]"),
    )


def _driven(returned: str) -> Callable[[_Writer], KerasLines]:
    def write(writer: _Writer) -> KerasLines:
        if writer.case.execution.route in ("fit", "train_on_batch") and writer.backend not in DIFFERENTIATE:
            raise LSTMError(f"training is not expressible in a script for {writer.backend}: Keras infers only there")
        text = returned.format(
            given=writer.given(), batch=writer.case.batch, fewer=writer.case.batch - 1, target=targets_text(writer.case)
        )
        return KerasLines(build=tuple(writer.model()), prepare=(writer.compiled_model(),), returned=writer.listed(text))

    return write


def _twice(writer: _Writer) -> KerasLines:
    lines = _driven("model.predict({given}, batch_size={batch}, verbose=0)")(writer)
    return KerasLines(build=lines.build, prepare=(*lines.prepare, lines.returned.strip("[]")), returned=lines.returned)


def _reloaded(*made: str) -> Callable[[_Writer], KerasLines]:
    def write(writer: _Writer) -> KerasLines:
        lines = made
        if writer.case.config.stateful:
            lines = (*made, "layer = model.layers[-1]")
        return KerasLines(build=tuple(writer.model()), prepare=lines, returned=writer.listed(f"model({writer.given()})"))

    return write


def _exported(form: str, package: str, *opened: str, returned: str) -> Callable[[_Writer], KerasLines]:
    def write(writer: _Writer) -> KerasLines:
        if form not in (formats := BACKENDS[writer.backend].exports):
            raise LSTMError(
                f"{form} is not expressible in a script for {writer.backend}, which exports {' and '.join(formats) or 'nothing'}"
            )
        if writer.case.config.stateful:
            raise LSTMError(f"stateful with the route {form} is not expressible in a script: an exported model has no reset_state")
        arrays = writer.given()
        listed = arrays if arrays.startswith("[") else f"[{arrays}]"
        return KerasLines(
            imports=(package,),
            build=tuple(writer.model()),
            # An export needs a model that was called before.
            prepare=(f"model({arrays})", *opened),
            returned=returned.format(arrays=listed, given=arrays),
        )

    return write


_PREDICT = "model.predict({given}, batch_size={batch}, verbose=0)"
_ROUTES: Mapping[str, Callable[[_Writer], KerasLines]] = {
    "gradient": _differentiated,
    "functional": _functional,
    "stateless_call": _stateless,
    "predict": _driven(_PREDICT),
    "predict_twice": _twice,
    "predict_partial": _driven("model.predict({given}, batch_size={fewer}, verbose=0)"),
    "predict_on_batch": _driven("model.predict_on_batch({given})"),
    "evaluate": _driven("model.evaluate({given}, {target}, batch_size={batch}, verbose=0)"),
    "train_on_batch": _driven("model.train_on_batch({given}, {target})"),
    "fit": _driven('model.fit({given}, {target}, batch_size={batch}, shuffle=False, verbose=0).history["loss"][0]'),
    "from_config": _reloaded(
        "again = keras.Model.from_config(model.get_config())", "again.set_weights(model.get_weights())", "model = again"
    ),
    "clone_model": _reloaded("again = keras.models.clone_model(model)", "again.set_weights(model.get_weights())", "model = again"),
    "keras_file": _reloaded('model.save("repro.keras")', 'model = keras.models.load_model("repro.keras")'),
    "weights_file": _reloaded(
        'model.save_weights("repro.weights.h5")',
        "model = keras.models.clone_model(model)",
        'model.load_weights("repro.weights.h5")',
    ),
    "saved_model": _exported(
        "saved_model",
        "import tensorflow as tf",
        'model.export("repro", format="tf_saved_model", verbose=False)',
        returned='keras.tree.flatten((saved := tf.saved_model.load("repro")).serve(*{arrays}))',
    ),
    "onnx": _exported(
        "onnx",
        "import onnxruntime",
        'model.export("repro.onnx", format="onnx", verbose=False)',
        returned='(session := onnxruntime.InferenceSession("repro.onnx"))'
        ".run(None, {{x.name: a for x, a in zip(session.get_inputs(), {arrays})}})",
    ),
    "openvino": _exported(
        "openvino",
        "import openvino",
        'model.export("repro.xml", format="openvino", verbose=False)',
        returned='openvino.Core().compile_model("repro.xml", "CPU", {{"INFERENCE_PRECISION_HINT": "f32"}})({arrays}).values()',
    ),
}

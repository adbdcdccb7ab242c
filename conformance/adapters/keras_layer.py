"""`keras.layers.LSTM`, on whichever backend Keras runs.

Keras is imported by `start()` and not before: its backend is fixed at that moment, for the whole process.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conformance.adapters.base import AdapterStartError
from conformance.case import Call, Case, Family
from conformance.observation import CallObservation, Observation
from conformance.stimulus import Stimulus
from lstm_ref import LSTMConfig
from lstm_ref.arrays import Array

# Backend, and the package that it needs.
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "openvino": "openvino", "numpy": "jax"}


@dataclass(frozen=True)
class _Built:
    """A layer with its weights, the function that runs it, and what that function is."""

    layer: Any
    run: Callable[[Array], Any]
    path: str


@dataclass
class KerasLayerAdapter:
    """Builds one layer per configuration (and batch size, where stateful) and runs every length through it.

    Compiled, on TensorFlow, one `tf.function` with a dynamic time axis serves all lengths. The other backends call the layer
    eagerly, and the observation's path says so.
    """

    backend: str = "tensorflow"
    keras: Any = field(default=None, init=False, repr=False)
    _family: Family | None = field(default=None, init=False, repr=False)
    _built: dict[Any, _Built] = field(default_factory=dict, init=False, repr=False)

    def start(self) -> Mapping[str, str]:
        """Import Keras on the asked backend and say which versions these are.

        Raises:
            AdapterStartError: Keras or its backend is not installed, does not import, or Keras already runs on another backend.
        """
        if self.backend not in BACKENDS:
            raise AdapterStartError(f"unknown backend {self.backend!r}; expected one of {', '.join(BACKENDS)}")
        os.environ["KERAS_BACKEND"] = self.backend
        try:
            with _quiet_stderr():
                framework = importlib.import_module(BACKENDS[self.backend])
                self.keras = importlib.import_module("keras")
                self.keras.ops.zeros(1)
        except ImportError as error:
            raise AdapterStartError(
                f"the {self.backend} backend cannot be imported ({error}); install it with: "
                f"pip install 'keras-lstm-conformance[{self.backend}]'"
            ) from error
        if self.keras.backend.backend() != self.backend:
            raise AdapterStartError(
                f"Keras already runs on {self.keras.backend.backend()} in this process, {self.backend} was asked for: "
                f"start a new process, or set KERAS_BACKEND={self.backend} before Keras is imported"
            )
        if int(self.keras.__version__.split(".")[0]) < 3:
            raise AdapterStartError(f"expected Keras 3 or later; got Keras {self.keras.__version__}")
        return {
            "implementation": "keras.layers.LSTM",
            "keras": self.keras.__version__,
            "backend": self.backend,
            BACKENDS[self.backend]: framework.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        }

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Run the case's calls; a layer that an earlier case built is used again, its state reset."""
        built = self._layer_for(case, stimulus)
        layer = built.layer
        if case.config.stateful:
            layer.reset_state()
        return Observation(
            calls=tuple(self._observe_call(built, case, call, stimulus) for call in case.calls),
            parameter_count=int(layer.count_params()),
            weight_shapes=tuple(tuple(int(axis) for axis in weight.shape) for weight in layer.weights),
            path=built.path,
        )

    def _observe_call(self, built: _Built, case: Case, call: Call, stimulus: Stimulus) -> CallObservation:
        stateful = case.config.stateful
        reset: list[Any] = [None, None]
        if call.after_reset:
            built.layer.reset_state()
            reset = _stored(built.layer)
        outputs, hidden, cell = (self._to_numpy(tensor) for tensor in built.run(stimulus.inputs_of(case, call)))
        stored = _stored(built.layer) if stateful else [None, None]
        return CallObservation(
            outputs=outputs,
            hidden=hidden,
            cell=cell,
            stored_hidden=stored[0],
            stored_cell=stored[1],
            reset_hidden=reset[0],
            reset_cell=reset[1],
        )

    def _to_numpy(self, tensor: Any) -> Array:
        return np.asarray(self.keras.ops.convert_to_numpy(tensor))

    def _layer_for(self, case: Case, stimulus: Stimulus) -> _Built:
        if stimulus.family != self._family:
            # What one family built no other uses; without this, graphs would pile up.
            self._built.clear()
            self.keras.backend.clear_session()
            self._family = stimulus.family
        key = (case.config, case.batch if case.config.stateful else None, case.execution, case.input_dtype)
        if key not in self._built:
            self._built[key] = self._build(case, stimulus)
        return self._built[key]

    def _build(self, case: Case, stimulus: Stimulus) -> _Built:
        layer = self.keras.layers.LSTM(**keras_arguments(case.config), dtype=case.precision)
        batch = case.batch if case.config.stateful else None
        layer.build((batch, None, case.input_dim))
        layer.set_weights([array.astype(case.precision) for array in stimulus.weights.arrays.values()])
        if case.execution.compiled and self.backend == "tensorflow":
            tensorflow = importlib.import_module("tensorflow")
            signature = [tensorflow.TensorSpec((batch, None, case.input_dim), case.input_dtype)]
            function = tensorflow.function(layer, input_signature=signature, autograph=False)
            return _Built(layer, function, "tf.function, dynamic time")
        return _Built(layer, layer, "eager")


def _stored(layer: Any) -> list[Array]:
    """Copies of the states that a stateful layer keeps, h and c.

    Not by `convert_to_numpy`, which makes NumPy 2 warn of a TensorFlow variable's `__array__`.
    """
    return [np.asarray(variable).copy() for variable in layer.states]


def keras_arguments(config: LSTMConfig) -> dict[str, Any]:
    """The constructor's arguments for a configuration, all of them given, so that no default decides."""
    return {
        "units": config.units,
        "activation": config.activation,
        "recurrent_activation": config.recurrent_activation,
        "use_bias": config.use_bias,
        "return_sequences": config.return_sequences,
        "return_state": config.return_state,
        "go_backwards": config.go_backwards,
        "stateful": config.stateful,
        "zero_output_for_mask": config.zero_output_for_mask,
    }


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hold back what a framework's C++ code writes to stderr while it loads (greetings, advice); show it if loading fails."""
    sys.stderr.flush()
    visible = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(visible, held.read())
            raise
        finally:
            os.dup2(visible, 2)
            os.close(visible)

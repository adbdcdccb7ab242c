"""`keras.layers.LSTM`, on whichever backend Keras runs.

Keras is imported by `start()` and not before: its backend is fixed at that moment, for the whole process.
"""

import gc
import importlib
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.base import AdapterStartError, UnsupportedError
from conformance.adapters.conventions import Conventions
from conformance.adapters.keras.backends import BACKENDS
from conformance.adapters.keras.routes import KerasSubject
from conformance.adapters.observation import Observation
from conformance.adapters.protocol import Answer, observation_of, question_of
from conformance.adapters.worker.calls import run_calls
from conformance.adapters.worker.common import Unsupported
from conformance.adapters.worker.keras import Keras
from conformance.adapters.worker.loops import watched_loops
from conformance.cases.case import Case
from conformance.cases.forms import form_of
from conformance.cases.stimulus import Stimulus
from conformance.system.infrastructure import Fault, infrastructure_fault
from lstm_ref import DropoutMasks
from lstm_ref.arrays import Array

# As many as the cases of a family of the documents' matrix need.
MOST_BUILT = 6
# Models whose compiled functions a framework may keep, where it lets go of them all or none: what they share is compiled again.
MOST_COMPILED = 50


@dataclass(kw_only=True)
class _Built:
    """What was built for a case, what its weights were drawn from, and which inner loops ran when it was first run."""

    subject: KerasSubject
    weights: tuple[Stimulus, str]
    kernels: str = ""


@dataclass
class KerasLayerAdapter:
    """Builds what a case asks for, by the route that it asks for, and runs the case's calls through it.

    Most of the time goes into tracing, so what was built serves every further case of its form (`form_of`) by the same route: its
    weights are set anew, a stateful layer's states are reset, and nothing is compiled that was compiled already. Compiled, on
    TensorFlow, one `tf.function` with a dynamic time axis serves all lengths. The other backends call the layer eagerly, and the
    observation's path says so.
    """

    backend: str = "tensorflow"
    keras: Any = field(default=None, init=False, repr=False)
    _products: str = field(default="", init=False, repr=False)
    _built: dict[Any, _Built] = field(default_factory=dict, init=False, repr=False)
    _made: int = field(default=0, init=False, repr=False)
    _compiled: int = field(default=0, init=False, repr=False)
    _modules: int = field(default=0, init=False, repr=False)

    def start(self) -> Mapping[str, str]:
        """Import Keras on the asked backend and say which versions these are.

        Raises:
            AdapterStartError: Keras or its backend is not installed, does not import, or Keras already runs on another backend.
        """
        if self.backend not in BACKENDS:
            raise AdapterStartError(f"unknown backend {self.backend!r}; expected one of {', '.join(BACKENDS)}")
        os.environ["KERAS_BACKEND"] = self.backend
        # TensorFlow advises against tracing many functions, which is what a suite of many layers does.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        try:
            with _quiet_stderr(), _frozen_after_import():
                framework = importlib.import_module(BACKENDS[self.backend].package)
                self.keras = importlib.import_module("keras")
                self.keras.ops.zeros(1)
        except Exception as error:
            message = " ".join(str(error if isinstance(error, ImportError) else f"{type(error).__name__}: {error}").split())
            is_missing = isinstance(error, ModuleNotFoundError)
            step = "it with: pip install" if is_missing else "it anew with: pip install --force-reinstall"
            raise AdapterStartError(
                f"the {self.backend} backend cannot be imported ({message}); install {step} "
                f"'keras-lstm-conformance[{self.backend}]'"
            ) from error
        self._check_keras()
        self._products = BACKENDS[self.backend].products()
        return {
            **self._system.hello(),
            BACKENDS[self.backend].package: str(framework.__version__),
            "numpy": np.__version__,
            "python": platform.python_version(),
            "conventions": str(self.conventions),
            **({"products": self._products} if self._products else {}),
        }

    def _check_keras(self) -> None:
        """Refuse a Keras that runs on another backend, or is older than Keras 3."""
        if self.keras.backend.backend() != self.backend:
            raise AdapterStartError(
                f"Keras already runs on {self.keras.backend.backend()} in this process, {self.backend} was asked for: "
                f"start a new process, or set KERAS_BACKEND={self.backend} before Keras is imported"
            )
        if int(self.keras.__version__.split(".")[0]) < 3:
            raise AdapterStartError(
                f"expected Keras 3 or later; got Keras {self.keras.__version__}: verify it with --environment installed, or "
                "install a later one with: pip install --upgrade keras"
            )

    @property
    def conventions(self) -> Conventions:
        """Of the backend, and of what it runs on once that is known."""
        usual = BACKENDS[self.backend].conventions
        return replace(usual, products=self._products) if self._products else usual

    def source(self) -> Path:
        """The folder of Keras' files."""
        return Path(self.keras.__file__).parent

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Run the case's calls, on what an earlier case of its form has built, if one has, its weights and states set anew.

        Raises:
            UnsupportedError: the backend has no such route, or takes beyond all limits of time.
        """
        if costs := BACKENDS[self.backend].too_costly(case):
            raise UnsupportedError(costs)
        with watched_loops(self._system) as loops:
            try:
                built = self._built_for(case, stimulus)
                subject = built.subject
                drawn: list[tuple[DropoutMasks, ...]] = []
                with _recorded_dropout(case, subject.cells, drawn, self._system.numpy):
                    answer, arrays = run_calls(subject)
            except Unsupported as error:
                raise UnsupportedError(str(error)) from error
            except NotImplementedError as error:
                raise UnsupportedError(f"not implemented on the {self.backend} backend: {error}") from error
            except Exception as error:
                if infrastructure_fault(f"{type(error).__name__}: {error}") is not Fault.PACKAGE:
                    raise
                name = getattr(error, "name", None)
                mend = f"; install it with: pip install {name.partition('.')[0]}" if name else ""
                raise UnsupportedError(f"this route needs a package that is not installed here: {error}{mend}") from error
        built.kernels = kernels = built.kernels or " and ".join(loops)
        if form_of(case) is not None:
            self._built[self._key(case)] = built
        observed = observation_of(case, Answer(fields=answer, arrays=arrays))
        return replace(
            observed,
            path=f"{subject.how}; {kernels}" if kernels else subject.how,
            not_run="; ".join(filter(None, [subject.not_run, _ignored_arguments(case, kernels)])),
            dropout=tuple(drawn),
        )

    @cached_property
    def _system(self) -> Keras:
        return Keras(self.keras.__name__)

    def _built_for(self, case: Case, stimulus: Stimulus) -> _Built:
        """What runs the case, with its weights."""
        # Taken out until it has run: what raised is not used again.
        built, weights = self._built.pop(self._key(case), None), (stimulus, case.weights)
        if built is None:
            if self._made == MOST_BUILT or form_of(case) is None:
                self._forget()
            self._made += 1
            self._compiled += 1
            return _Built(subject=KerasSubject(self._system, case, stimulus), weights=weights)
        built.subject.question, built.subject.arrays = question_of(case, stimulus)
        if built.weights != weights:
            built.subject.load_weights()
            built.weights = weights
        return built

    def _key(self, case: Case) -> Hashable:
        """What cases share a model by: their form, and their mask where nothing is traced."""
        return form_of(case), "" if BACKENDS[self.backend].compiler(case) else case.mask

    def _forget(self) -> None:
        """Let go of what was built, in Keras too: graphs would pile up, and now and then of what was compiled."""
        self._built.clear()
        self._made = 0
        self.keras.backend.clear_session()
        forget = BACKENDS[self.backend].forget
        if forget is not None and self._compiled >= MOST_COMPILED:
            forget()
            self._compiled = 0
        if len(sys.modules) > self._modules:  # routes load more of a framework, a compiler say, when they are first asked for
            self._modules = len(sys.modules)
            gc.freeze()


def _ignored_arguments(case: Case, kernels: str) -> str:
    """The arguments of the layer that its inner loop ignored."""
    execution = case.execution
    ignored = {
        "unroll": execution.unroll and "unrolled loop" not in kernels,
        "implementation 1": execution.implementation == 1 and "fused" in kernels,
    }
    return "; ".join(f"{name}: the {kernels} ran" for name, is_ignored in ignored.items() if is_ignored)


@contextmanager
def _recorded_dropout(
    case: Case, cells: list[Any], kept: list[tuple[DropoutMasks, ...]], to_numpy: Callable[[Any], Array]
) -> Iterator[None]:
    """Collect the masks that the cells draw, read when the layer lets go of them at the end of a call."""
    if case.dropout == "none":
        yield
        return
    drawn: list[DropoutMasks] = []

    def keep(cell: Any, forget: Callable[[], None]) -> Callable[[], None]:
        def read_and_forget() -> None:
            masks = {"inputs": getattr(cell, "_dropout_mask", None), "hidden": getattr(cell, "_recurrent_dropout_mask", None)}
            if case.in_training:  # drawn at inference too, and left unused: were they applied, the outputs would show it
                drawn.append(DropoutMasks(**{name: _as_masks(mask, to_numpy) for name, mask in masks.items()}))
                if len(drawn) == len(cells):
                    kept.append(tuple(drawn))
                    drawn.clear()
            forget()

        return read_and_forget

    for cell in cells:
        cell.reset_dropout_mask = keep(cell, cell.reset_dropout_mask)
    try:
        yield
    finally:
        for cell in cells:
            del cell.reset_dropout_mask


def _as_masks(mask: Any, to_numpy: Callable[[Any], Array]) -> Array | None:
    """(1 or 4, batch, size), from one mask or a list of them."""
    if mask is None:
        return None
    return np.stack([to_numpy(each) for each in (mask if isinstance(mask, list | tuple) else [mask])]).astype(np.float64)


@contextmanager
def _frozen_after_import() -> Iterator[None]:
    """The garbage that Keras collects as it clears its session is not among what was loaded: looking there takes longest."""
    is_first = "keras" not in sys.modules
    yield
    if is_first:
        gc.freeze()


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

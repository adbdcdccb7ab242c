"""Settles a sentence: by probes, the defaults of a class, or an experiment of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import Any

from conformance.claims.docstrings import acceleration, arguments, bidirectional, calls, cells, examples, wrappers
from conformance.claims.judging import equal, judge
from conformance.claims.measure import import_keras
from conformance.claims.model import Evidence, Finding
from conformance.judging.verdict import Verdict
from conformance.probes import PROBES, Probe, probe_of, run_probe

Experiment = Callable[..., Finding]

# The classes whose docstrings are split, and others that experiments build.
CLASSES = ("LSTM", "LSTMCell", "RNN", "Bidirectional", "StackedRNNCells", "TimeDistributed", "Masking")
OTHERS = ("Embedding", "Conv1D", "Flatten", "Reshape")


def _experiments_of(module: ModuleType) -> Mapping[str, Experiment]:
    """The functions of the module that return a finding."""
    return {
        name: function
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
        if function.__annotations__["return"] == Finding.__name__
    }


EXPERIMENTS: Mapping[str, Experiment] = {
    name: function
    for module in (acceleration, arguments, bidirectional, calls, cells, examples, wrappers)
    for name, function in _experiments_of(module).items()
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Settlement:
    """What settles a sentence: one experiment, or probes and defaults.

    Attributes:
        sentence: the sentence, for an experiment that runs it as code.
        experiment: name of a function of the modules of experiments.
        parameters: its keyword arguments.
        probes: patterns of ids; every such probe passes if the sentence is right.
        default: of classes, the value that the argument at the sentence's start has if it is not given.
        call_default: the same for the argument of a call.
    """

    sentence: str
    experiment: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    probes: Sequence[str] = ()
    default: Any = None
    call_default: Any = None

    def __post_init__(self) -> None:
        others = [self.probes, self.default, self.call_default]
        if bool(self.experiment) == any(each is not None and each != () for each in others):
            raise ValueError(f"{self.sentence!r} is settled by exactly one of an experiment and its other means")
        if self.experiment and self.experiment not in EXPERIMENTS:
            raise ValueError(f"there is no experiment {self.experiment!r}; expected one of {', '.join(EXPERIMENTS)}")

    @property
    def source(self) -> str:
        """The file that holds the experiment, or the ids of what settles the sentence."""
        if self.experiment:
            return EXPERIMENTS[self.experiment].__module__.replace(".", "/") + ".py"
        return ", ".join(self.probes) or __name__.replace(".", "/") + ".py"

    @property
    def argument(self) -> str:
        """The argument at the sentence's start."""
        return self.sentence.partition(":")[0]

    def finding(self) -> Finding:
        """Settle the sentence."""
        if self.experiment:
            code = {"code": self.sentence} if self.experiment == examples.example_runs.__name__ else {}
            return _run_experiment(self.experiment, tuple((self.parameters | code).items()), _classes())
        return judge(*self._evidence())

    def _evidence(self) -> Iterator[Evidence]:
        layer_class = import_keras().layers.LSTM
        for pattern in self.probes:
            yield from (_of_probe(probe, layer_class) for probe in _matching(pattern))
        if self.default is not None:
            yield from arguments.evidence_of_default(self.argument, self.default)
        if self.call_default is not None:
            yield calls.evidence_of_default(self.argument, self.call_default)


def _classes() -> tuple[Any, ...]:
    """The classes under test; replaced ones are measured anew."""
    layers = import_keras().layers
    return tuple(getattr(layers, name) for name in (*CLASSES, *OTHERS))


@cache
def _run_experiment(name: str, parameters: tuple[tuple[str, Any], ...], _: tuple[Any, ...]) -> Finding:
    """The finding of an experiment, which several sentences may share."""
    return EXPERIMENTS[name](**dict(parameters))


def _matching(pattern: str) -> list[Probe]:
    probes = [probe for probe in PROBES if fnmatchcase(probe.id, pattern)]
    if not probes:
        raise ValueError(f"no probe has an id like {pattern}")
    return probes


def _of_probe(probe: Probe, layer_class: Any) -> Evidence:
    return equal(f"{probe.id}: {probe.asserts}", _probe_verdict(probe.id, layer_class), Verdict.PASS.value)


@cache
def _probe_verdict(identifier: str, layer_class: Any) -> str:
    return run_probe(probe_of(identifier), import_keras(), layer_class).verdict.value

"""Settles a sentence: by probes, cases, other claims, the defaults of a class, or an experiment of its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from types import ModuleType
from typing import Any

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.claims import CLAIMS
from conformance.claims.docstrings import acceleration, arguments, bidirectional, calls, cells, examples, wrappers
from conformance.claims.judging import equal, judge
from conformance.claims.measure import import_keras
from conformance.claims.model import ClaimVerdict, Evidence, Finding
from conformance.judging.verdict import Verdict
from conformance.probes import PROBES, Probe, run_probe
from conformance.running.runner import run_case

Experiment = Callable[..., Finding]

# The classes whose docstrings are split.
CLASSES = ("LSTM", "LSTMCell", "RNN", "Bidirectional", "StackedRNNCells", "TimeDistributed", "Masking")


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
    """What settles a sentence: exactly one experiment, or any number of the others.

    Attributes:
        sentence: the sentence, for an experiment that runs it as code.
        experiment: name of a function of the modules of experiments.
        parameters: its keyword arguments.
        probes: patterns of ids; every such probe passes if the sentence is right.
        refuting_probes: patterns of ids; every such probe fails if the sentence is right.
        cases: ids of cases that pass if the sentence is right.
        claims: ids of other claims that hold if the sentence is right.
        default: of classes, the value that the argument at the sentence's start has if it is not given.
        call_default: the same for the argument of a call.
    """

    sentence: str
    experiment: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    probes: Sequence[str] = ()
    refuting_probes: Sequence[str] = ()
    cases: Sequence[str] = ()
    claims: Sequence[str] = ()
    default: Any = None
    call_default: Any = None

    def __post_init__(self) -> None:
        others = [self.probes, self.refuting_probes, self.cases, self.claims, self.default, self.call_default]
        if bool(self.experiment) == any(each is not None and each != () for each in others):
            raise ValueError(f"{self.sentence!r} is settled by exactly one of an experiment and its other means")
        if self.experiment and self.experiment not in EXPERIMENTS:
            raise ValueError(f"there is no experiment {self.experiment!r}; expected one of {', '.join(EXPERIMENTS)}")

    @property
    def source(self) -> str:
        """The file that holds the experiment, or the ids of what settles the sentence."""
        if self.experiment:
            return EXPERIMENTS[self.experiment].__module__.replace(".", "/") + ".py"
        return ", ".join([*self.probes, *self.refuting_probes, *self.cases, *self.claims]) or __name__.replace(".", "/") + ".py"

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
        for patterns, stated in ((self.probes, Verdict.PASS), (self.refuting_probes, Verdict.FAIL)):
            for pattern in patterns:
                yield from (_of_probe(probe, layer_class, stated) for probe in _matching(pattern))
        yield from (_of_case(identifier, layer_class) for identifier in self.cases)
        for claim in CLAIMS:
            if claim.id in self.claims:
                yield equal(f"{claim.id}: {claim.statement}", claim.run().verdict.value, ClaimVerdict.HOLDS.value)
        if self.default is not None:
            yield from arguments.evidence_of_default(self.argument, self.default)
        if self.call_default is not None:
            yield calls.evidence_of_default(self.argument, self.call_default)


def _classes() -> tuple[Any, ...]:
    """The classes under test; replaced ones are measured anew."""
    layers = import_keras().layers
    return tuple(getattr(layers, name) for name in CLASSES)


@cache
def _run_experiment(name: str, parameters: tuple[tuple[str, Any], ...], _: tuple[Any, ...]) -> Finding:
    """The finding of an experiment, which several sentences may share."""
    return EXPERIMENTS[name](**dict(parameters))


def _matching(pattern: str) -> list[Probe]:
    probes = [probe for probe in PROBES if fnmatchcase(probe.id, pattern)]
    if not probes:
        raise ValueError(f"no probe has an id like {pattern}")
    return probes


def _of_probe(probe: Probe, layer_class: Any, stated: Verdict) -> Evidence:
    return equal(f"{probe.id}: {probe.asserts}", _probe_verdict(probe.id, layer_class), stated.value)


@cache
def _probe_verdict(identifier: str, layer_class: Any) -> str:
    (probe,) = _matching(identifier)
    return run_probe(probe, import_keras(), layer_class).verdict.value


def _of_case(identifier: str, layer_class: Any) -> Evidence:
    return equal(
        f"{identifier}: outputs and states are the reference's", _case_verdict(identifier, layer_class), Verdict.PASS.value
    )


@cache
def _case_verdict(identifier: str, layer_class: Any) -> str:  # noqa: ARG001  # the class is part of the cache's key
    case = Case.from_id(identifier)
    adapter = KerasLayerAdapter()
    adapter.start()
    return run_case(case, draw([case]), adapter).verdict.value

"""The known differences of released Keras: the file that is shipped, and each entry of it shown by a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from importlib.metadata import version
from typing import Any

import pytest
from packaging.version import Version

from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.diagnosis.diagnosticians import diagnostician
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recipes import recipes
from conformance.environments.recording import recording_path
from conformance.environments.spec import parse
from conformance.judging.checks import CHECKS
from conformance.judging.verdict import Verdict
from conformance.known.known_differences import EARLIER_FILE, KnownDifference, classify, condition_values, known_differences
from conformance.matrix import allowed
from conformance.probes import PROBES, probe_of, run_probe
from conformance.running.runner import run
from lstm_ref import activations

ENTRIES = {entry.id: entry for entry in known_differences()}
PROBE_IDS = {probe.id for probe in PROBES}

EARLIER_ENTRIES = {entry.id: entry for entry in known_differences(EARLIER_FILE)}
each_entry = pytest.mark.parametrize("entry", [*ENTRIES.values(), *EARLIER_ENTRIES.values()], ids=[*ENTRIES, *EARLIER_ENTRIES])


def test_ids_of_the_file_are_unique() -> None:
    """And it is valid."""
    assert len(ENTRIES) == len(known_differences()) > 20


@each_entry
def test_an_entry_says_where_and_since_when(entry: KnownDifference) -> None:
    """Backends that there are, a version range, a date, a clause that a report quotes and a sentence that it does not."""
    assert set(entry.backends) <= {*CONVENTIONS, "theano"}
    assert len(set(entry.backends)) == len(entry.backends) > 0
    assert entry.first <= entry.last
    assert date.fromisoformat(entry.seen)
    assert not entry.summary.endswith(".")
    assert entry.reason.endswith(".")
    assert entry.upstream == "" or entry.upstream.startswith("https://github.com/keras-team/keras/")


@each_entry
def test_an_entry_asks_for_values_that_there_are(entry: KnownDifference) -> None:
    """A misspelt value would cover nothing."""
    values: dict[str, Any] = {feature.name: feature.values for feature in FEATURES}
    for_any = {"backend": entry.backends, "activation": activations.ACTIVATIONS, "recurrent_activation": activations.ACTIVATIONS}
    asked = [(name, value) for each in entry.when for name, allowed_values in each.items() for value in allowed_values]
    known = values | for_any
    assert [(name, value) for name, value in asked if name in known and value not in known[name]] == []
    assert all(isinstance(allowed_values, list) for each in entry.when for allowed_values in each.values())


@each_entry
def test_each_condition_of_probes_covers_some(entry: KnownDifference) -> None:
    """A pattern that matches none is no condition."""
    patterns = [replace(entry, when=({"probe": [one]},)) for each in entry.when for one in each.get("probe", ())]
    assert all(any(one.covers({"probe": probe}, entry.backends[0], entry.last) for probe in PROBE_IDS) for one in patterns)


@each_entry
def test_an_entry_of_cases_names_checks_that_there_are(entry: KnownDifference) -> None:
    """Those of probes are their own."""
    assert set(entry.checks) <= {check.name for check in CHECKS} or all("probe" in each for each in entry.when)


@each_entry
def test_evidence_is_covered_by_its_own_entry(entry: KnownDifference) -> None:
    """On some backend of the entry, in its whole range."""
    values = condition_values(entry.evidence)
    assert any(entry.covers(values, backend, one) for backend in entry.backends for one in {entry.first, entry.last})


@each_entry
def test_evidence_is_a_case_or_a_probe(entry: KnownDifference) -> None:
    """One that can be run."""
    known_probe = entry.evidence in PROBE_IDS
    assert known_probe or allowed(Case.from_id(entry.evidence))
    assert known_probe or Case.from_id(entry.evidence).id == entry.evidence


# --- each entry, shown

SHOWN_ON_TENSORFLOW = {
    entry.id: entry
    for entry in ENTRIES.values()
    if entry.covers(condition_values(entry.evidence), "tensorflow", Version(version("keras")))
}


@pytest.mark.xdist_group("keras")
@pytest.mark.filterwarnings("ignore")  # what a framework says of a layer that it cannot run is no concern here
@pytest.mark.parametrize("entry", SHOWN_ON_TENSORFLOW.values(), ids=SHOWN_ON_TENSORFLOW)
def test_evidence_shows_the_difference_on_tensorflow(entry: KnownDifference, keras_adapter: KerasLayerAdapter) -> None:
    """Keras differs there as the entry says, and in nothing else."""
    if entry.evidence.startswith("probe-"):
        shown = run_probe(probe_of(entry.evidence), keras_adapter.keras)
    else:
        (shown,) = run([Case.from_id(entry.evidence)], keras_adapter, diagnostician(keras_adapter.start()).explain)
    known = classify(shown, keras_adapter.start())
    assert (known.verdict, known.known) == (Verdict.KNOWN_DIFFERENCE, entry.id), known


def test_evidence_of_every_entry_of_tensorflow_is_shown() -> None:
    """None has an evidence of other backends alone."""
    on_tensorflow = {entry.id for entry in ENTRIES.values() if "tensorflow" in entry.backends}
    current = {name for name in on_tensorflow if ENTRIES[name].first <= Version(version("keras")) <= ENTRIES[name].last}
    assert current == set(SHOWN_ON_TENSORFLOW)


# --- each entry of earlier systems, shown by a recording


@pytest.mark.parametrize("entry", EARLIER_ENTRIES.values(), ids=EARLIER_ENTRIES)
def test_a_recording_shows_what_an_earlier_system_does(entry: KnownDifference) -> None:
    """Of the last version that has it, on the first backend that is named."""
    spec = parse(f"{entry.package}=={entry.last}" + (f" --backend {entry.backends[0]}" if entry.package == "keras" else ""))
    adapter = EnvironmentAdapter(str(recording_path(str(recipes().without_default_backend(spec)))))
    environment = adapter.start()
    (shown,) = run([Case.from_id(entry.evidence)], adapter, diagnostician(environment).explain)
    known = classify(shown, environment)
    assert (known.verdict, known.known) == (Verdict.KNOWN_DIFFERENCE, entry.id), known

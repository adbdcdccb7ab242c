"""The documents' systems behave as described, as they were recorded; what is not as described, or was not recorded, shows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.version import Version
from rich.console import Console

from conformance.adapters.worker import PROTOCOL
from conformance.cases.case import Case
from conformance.claims import CLAIMS, SYSTEMS, System
from conformance.claims.cells import VARIANTS, Variant
from conformance.claims.systems import recorded_adapter, signatures
from conformance.claims.text import render_systems
from conformance.claims.verification import SystemResult, environments_of, verify_live, verify_recorded
from conformance.environments.recording import FOLDER, read_recording, recording_path
from conformance.judging.verdict import Result, Verdict

# What is expected of a case is computed once for all environments.
pytestmark = pytest.mark.xdist_group("recordings")

FILES = sorted(FOLDER.rglob("*.npz"))
SPECS = [read_recording(file).hello()["environment"] for file in FILES if file.parent == FOLDER]

PASSING = Result(case_id="a-case", group="all", verdict=Verdict.PASS)
FAILING = Result(case_id="another-case", group="all", verdict=Verdict.FAIL, reason="no likeness")


@pytest.fixture(scope="module")
def results() -> Mapping[str, SystemResult]:
    """The result of every environment, by its spec."""
    return {each.environment: each for each in verify_recorded(SPECS)}


@pytest.mark.parametrize("spec", SPECS)
def test_a_system_is_as_described(spec: str, results: Mapping[str, SystemResult]) -> None:
    """Every case of the quick level passes, differs as its description or a known difference says, or is one that it has not."""
    assert [(case.case_id, case.verdict, case.reason) for case in results[spec].unexplained] == []
    assert len(results[spec].results) - results[spec].count(Verdict.UNSUPPORTED) >= 19


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_recording_is_whole_and_of_this_protocol(file: Path) -> None:
    """As it was written, with its provenance, under the name of what it is of."""
    provenance = read_recording(file).provenance
    assert provenance["protocol"] == PROTOCOL
    assert provenance["command"].startswith("lstm-conformance record ")
    named = (
        recording_path(provenance["hello"]["environment"]).name
        if file.parent == FOLDER
        else f"keras-{provenance['hello']['keras']}.npz"
    )
    assert file.name == named


def test_each_environment_of_a_system_is_recorded() -> None:
    """So that claims need none of them; and all recordings together stay small."""
    assert set(environments_of(SYSTEMS)) <= set(SPECS)
    assert sum(file.stat().st_size for file in FILES) < 2**20


def test_signatures_are_of_every_stand_alone_version_from_2_0_0_on() -> None:
    """So that it is known exactly since when a default is what it is."""
    last = {"2.0": 9, "2.1": 6, "2.2": 5, "2.3": 1}
    versions = {Version(f"{minor}.{patch}") for minor, patches in last.items() for patch in range(patches + 1)}
    assert versions | {Version("1.0.8"), Version("1.1.2"), Version("1.2.2")} == set(signatures())


def test_claims_of_systems_are_claims() -> None:
    """The other systems have environments that are verified."""
    assert {identifier for system in SYSTEMS for identifier in system.claims} <= {claim.id for claim in CLAIMS}


def test_no_system_is_without_an_environment() -> None:
    """Validated at birth."""
    with pytest.raises(ValueError, match="needs an environment"):
        System(name="a system", documents=("D0",), environments=())


def test_a_wrong_description_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases in which it must show and does not, and those that differ otherwise."""
    monkeypatch.setattr("conformance.environments.recipes.Recipes.deviations_of", lambda *_: ("bias_dropped",))
    (system,) = verify_recorded(["keras==2.2.4 --backend theano"])
    unexplained = {each.case_id: each for each in system.unexplained}
    assert "must show here and does not" in unexplained["u3-d2-t5-b4-seq-s0"].reason
    assert unexplained["u3-d2-t5-b4-seq-ract_hard_sigmoid-s0"].verdict is Verdict.FAIL


def test_what_was_not_recorded_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that has come since, or whose weights and inputs are others, is none that the system has not."""
    monkeypatch.setattr("conformance.claims.verification.surface", lambda _: [Case.from_id("u3-d2-t5-b4-seq-s1")])
    (system,) = verify_recorded(["keras==2.2.4 --backend theano"])
    assert [each.case_id for each in system.unexplained] == ["u3-d2-t5-b4-seq-s1"]


def test_an_environment_is_asked_itself() -> None:
    """A recording by its path is asked as an environment is, and it is said what is asked."""
    said: list[str] = []
    path = str(recording_path("block-lstm-v2"))
    (system,) = verify_live([path], said.append)
    assert (system.environment, system.unexplained, said) == (path, (), [f"{path} is asked"])


@pytest.mark.parametrize(
    ("asked", "as_if", "verdict", "reason"),
    [
        ({"use_peepholes": True}, {"use_peepholes": True}, Verdict.KNOWN_DIFFERENCE, "as described: "),
        ({"use_peepholes": True}, {"use_peepholes": True, "forget_bias": 0.5}, Verdict.FAIL, "σ off what describes it"),
        ({"num_proj": 2}, {"num_proj": 2, "proj_clip": 0.125}, Verdict.FAIL, "σ off what describes it"),
        ({"num_proj": 1}, {"num_proj": 1}, Verdict.UNRESOLVED, "not among what was recorded"),
    ],
    ids=str,
)
def test_a_cell_with_additional_arguments_is_compared_with_their_description(
    asked: Mapping[str, object], as_if: Mapping[str, object], verdict: Verdict, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peepholes, projection, clips and forget bias as they are described, and no others."""
    described = Variant(arguments=as_if).description("lstm-cell")
    monkeypatch.setattr(Variant, "description", lambda *_: described)
    judged = Variant(arguments=asked).judge(recorded_adapter("lstm-cell"), "lstm-cell")
    assert (judged.verdict, reason in judged.reason) == (verdict, True)


def test_all_arguments_of_the_cell_are_tested() -> None:
    """The arguments of TensorFlow's LSTMCell that change what is computed."""
    arguments = {name for variant in VARIANTS["lstm-cell"] for name in variant.arguments}
    assert arguments == {"forget_bias", "cell_clip", "use_peepholes", "num_proj", "proj_clip"}


def test_results_of_systems_are_printed() -> None:
    """A line for each environment or claim, and one for each case that is not explained."""
    systems = [
        System(name="a layer", documents=("D0", "D1"), environments=("layer==1",)),
        System(name="a table", documents=("D2",), environments=("layer==1", "layer==2"), claims=("a-claim",)),
    ]
    system = SystemResult(environment="layer==1", described="a+b", recorded="2026-11-21 on Linux", results=(PASSING, FAILING))
    stream = io.StringIO()
    render_systems(systems, {"a-claim": "holds"}, [system], Console(file=stream, width=40))
    assert stream.getvalue() == (
        "1 system: recorded, not run: answers of 2026-11-21; --live runs them\n"
        "a layer  [D0, D1]\n"
        "  1 of 2 as described  layer==1: Keras 3 with a, b; 0 show a difference, 0 more it has not; recorded 2026-11-21\n"
        "    FAIL another-case: no likeness\n"
        "a table  [D2]\n"
        "  holds  a-claim, on layer==1, layer==2\n"
    )

"""Agreement: what two implementations have returned is compared pair by pair, within what rounding and conventions explain."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from conformance.adapters.base import Adapter
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.cli import main
from conformance.matrix import surface
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from conformance.running.agreement import ENVIRONMENT, ObservationFolder, _Observations, agree
from conformance.running.runner import run
from conformance.tests.support.doubles import Scaling
from lstm_ref import LSTMError

CASES = [
    Case.from_id(case_id)
    for case_id in ("u3-d2-t6-b4-seq-s0", "u3-d2-t6-b4-stateful-s0", "u3-d2-t6-b4-mask_right-via_fit-s0", "u3-d2-t6-b0-s0")
]
MASK_LOST = "implicit-mask-lost-with-initial-state"
SHOWS_IT = "u3-d2-t6-b4-seq-mask_left-by_masking-init-s0"
LATE = Case.from_id("u3-d2-t6-b4-seq-mask_left-init-s0")


def observations_of(folder: Path, adapter: Adapter, cases: Sequence[Case] = CASES, backend: str | None = None) -> Path:
    """A folder with an adapter's observations of the cases."""
    observations = ObservationFolder(folder)
    observations.describe({**adapter.start(), **({} if backend is None else {"backend": backend})})
    list(run(cases, adapter, keep=observations))
    return folder


# --- keeping -------------------------------------------------------------------------------------------------------------------


def test_one_file_of_arrays_is_kept_per_case(tmp_path: Path) -> None:
    """What each call computed, under its number; a loss in place of outputs, and no states that it keeps."""
    observations_of(tmp_path / "new", ReferenceAdapter())
    files = {path.name for path in (tmp_path / "new").iterdir()}
    assert files == {ENVIRONMENT, *(f"{case.id}.npz" for case in CASES)}
    with np.load(tmp_path / "new" / f"{CASES[2].id}.npz") as arrays:
        assert arrays.files == ["0_loss"]
    with np.load(tmp_path / "new" / f"{CASES[1].id}.npz") as arrays:
        assert arrays.files == [f"{call}_{name}" for call in range(4) for name in ("outputs", "hidden", "cell")]
        observed = ReferenceAdapter().observe(CASES[1], draw([CASES[1]]))
        np.testing.assert_array_equal(arrays["3_cell"], observed.calls[3].cell)


def test_environment_is_kept_as_json(tmp_path: Path) -> None:
    """What the arrays come from."""
    observations_of(tmp_path, ReferenceAdapter("states_exchanged"), backend="numpy")
    read = json.loads((tmp_path / ENVIRONMENT).read_text(encoding="utf-8"))["environment"]
    assert (read["implementation"], read["backend"]) == ("lstm_ref with states_exchanged", "numpy")


def test_what_dropout_drew_is_not_kept(tmp_path: Path) -> None:
    """Each implementation draws its own masks: there is nothing to compare."""
    observations_of(
        tmp_path, ReferenceAdapter(), [Case.from_id("u3-d2-t6-b4-drop_both-s0"), Case.from_id("u3-d2-t6-b4-drop_inference-s0")]
    )
    assert [path.stem for path in tmp_path.glob("*.npz")] == ["u3-d2-t6-b4-drop_inference-s0"]


def test_an_id_may_be_longer_than_the_name_of_a_file(tmp_path: Path) -> None:
    """File systems allow names of 255 bytes. A folder of observations inside another one is no part of it."""
    longest = max((case for case in surface("deep") if isinstance(case, Case)), key=lambda case: len(case.id))
    longer = Case.from_id(longest.id.replace("-ract_", "-act_hard_sigmoid-ract_"))
    cases = [longest, longer]
    assert len(longest.id) > 230
    assert len(longer.id) > 255
    folder = observations_of(tmp_path / "new", ReferenceAdapter(), cases)
    observations_of(folder / "inside", ReferenceAdapter())
    assert {case.id for case in cases} == set(_Observations.read(folder).files)
    (comparison,) = agree([folder, folder])
    assert comparison.cases == 2


def test_folder_is_made_when_something_is_kept(tmp_path: Path) -> None:
    """Also by a worker that is faster than the run that describes it."""
    list(run(CASES[:1], ReferenceAdapter(), keep=ObservationFolder(tmp_path / "a" / "b")))
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == [f"{CASES[0].id}.npz"]


# --- comparing -----------------------------------------------------------------------------------------------------------------


def test_implementation_agrees_with_itself(tmp_path: Path) -> None:
    """Without any difference, on every case that both hold."""
    first, second = (observations_of(tmp_path / name, ReferenceAdapter()) for name in ("first", "second"))
    (agreement,) = agree([first, second])
    assert agreement.names == ("lstm_ref on no backend", "lstm_ref on no backend")
    assert (agreement.cases, agreement.worst, agreement.rms, agreement.differing) == (len(CASES), 0.0, 0.0, ())


def test_deviating_implementation_differs_and_is_named(tmp_path: Path) -> None:
    """Case by case, with the largest difference in σ; an empty batch cannot differ."""
    first = observations_of(tmp_path / "first", ReferenceAdapter())
    second = observations_of(tmp_path / "second", ReferenceAdapter("output_tanh_missing"), backend="numpy")
    (agreement,) = agree([first, second])
    assert agreement.names == ("lstm_ref on no backend", "lstm_ref with output_tanh_missing on numpy")
    assert [case_id for case_id, _ in agreement.differing] == sorted(case.id for case in CASES[:3])
    assert max(sigmas for _, sigmas in agreement.differing) == agreement.worst > ELEMENT_LIMIT
    assert 0 < agreement.rms < agreement.worst


@pytest.mark.parametrize(("sigmas", "differs"), [(1.9, False), (2.1, True)])
def test_limits_are_those_of_two_runs(tmp_path: Path, sigmas: float, *, differs: bool) -> None:
    """Each implementation is within σ of the truth, so they are within √2 σ of each other."""
    case = CASES[0]
    first, second = (observations_of(tmp_path / name, ReferenceAdapter(), [case]) for name in ("first", "second"))
    expected = ReferenceAdapter().observe(case, draw([case])).calls[0]
    (sigma,) = sigma_of(case)
    for folder, moved in ((first, 0.0), (second, sigmas * TWO_RUNS)):
        np.savez(folder / f"{case.id}.npz", **{"0_outputs": expected.outputs.astype("float64") + moved * sigma})
    (agreement,) = agree([first, second])
    assert bool(agreement.differing) is differs
    assert agreement.rms == pytest.approx(sigmas, rel=1e-6)


def sigma_of(case: Case) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """σ of the outputs of each call."""
    return [call.outputs for call in expected_calls(case, draw([case])).sigma]


def test_every_two_folders_are_compared(tmp_path: Path) -> None:
    """Three make three pairs, in order, on what both of a pair hold."""
    folders = [
        observations_of(tmp_path / "first", ReferenceAdapter(), CASES[:1]),
        observations_of(tmp_path / "two", Scaling(2.0), CASES[:2]),
        observations_of(tmp_path / "three", Scaling(2.0), CASES[:2]),
    ]
    agreements = agree(folders)
    assert [agreement.cases for agreement in agreements] == [1, 1, 2]
    assert [len(agreement.differing) for agreement in agreements] == [1, 1, 0]
    assert agreements[2].names == ("scaling on no backend", "scaling on no backend")


@pytest.mark.parametrize(("backend", "deviation"), [("jax", "initial_hidden_emitted"), ("numpy", "initial_hidden_emitted")])
def test_convention_is_no_disagreement(tmp_path: Path, backend: str, deviation: str) -> None:
    """What one emits as h0 and the other as zeros, by their profiles, agrees, in both orders."""
    usual = observations_of(tmp_path / "usual", ReferenceAdapter(), [LATE], backend="tensorflow")
    other = observations_of(tmp_path / "second", ReferenceAdapter(deviation, CONVENTIONS[backend]), [LATE], backend=backend)
    assert [agreement.differing for agreement in (*agree([usual, other]), *agree([other, usual]))] == [(), ()]


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_departure_from_a_convention_is_a_disagreement(tmp_path: Path, backend: str) -> None:
    """The same arrays under a profile that does not say so."""
    usual = observations_of(tmp_path / "usual", ReferenceAdapter(), [LATE], backend="tensorflow")
    other = observations_of(tmp_path / "second", ReferenceAdapter("initial_hidden_emitted"), [LATE], backend=backend)
    (agreement,) = agree([usual, other])
    assert [case_id for case_id, _ in agreement.differing] == [LATE.id]


def test_an_array_that_one_has_and_the_other_has_not_differs(tmp_path: Path) -> None:
    """By infinitely many σ: what is not there agrees with nothing."""
    folders = [observations_of(tmp_path / name, ReferenceAdapter(), CASES[:1]) for name in ("first", "second")]
    path = folders[0] / f"{CASES[0].id}.npz"
    with np.load(path) as arrays:
        np.savez(path, **{name: array for name, array in arrays.items() if name != "0_cell"})
    (agreement,) = agree(folders)
    assert agreement.differing == ((CASES[0].id, math.inf),)


def test_a_file_without_an_array_is_refused(tmp_path: Path) -> None:
    """It would agree with any other."""
    folders = [observations_of(tmp_path / name, ReferenceAdapter(), CASES[:1]) for name in ("first", "second")]
    np.savez(folders[0] / f"{CASES[0].id}.npz")
    with pytest.raises(LSTMError, match="holds no array; delete it, and run the `verify --keep"):
        agree(folders)


@pytest.mark.parametrize(
    "shapes", [((4, 6, 3), (4, 1, 3)), ((4, 1, 3), (4, 6, 3)), ((4, 1, 3), (4, 1, 3)), ((4, 6, 3), (0, 6, 3))], ids=str
)
def test_another_shape_than_asked_for_differs(tmp_path: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    """By no number of σ; what both have wrong is no agreement."""
    folders = [observations_of(tmp_path / name, ReferenceAdapter(), CASES[:1]) for name in ("first", "second")]
    for folder, shape in zip(folders, shapes, strict=True):
        arrays: dict[str, Any] = {"0_outputs": np.zeros(shape)}
        np.savez(folder / f"{CASES[0].id}.npz", **arrays)
    (agreement,) = agree(folders)
    assert agreement.differing == ((CASES[0].id, math.inf),)


@pytest.mark.parametrize(("version", "known"), [("3.15.1", [MASK_LOST]), ("99.0", [])])
def test_known_difference_of_one_of_them_is_no_news(tmp_path: Path, version: str, known: list[str]) -> None:
    """It is named, and no part of the worst; where it is not known, it differs."""
    cases = [Case.from_id(SHOWS_IT), CASES[0]]
    first, second = (
        observations_of(tmp_path / name, adapter, cases)
        for name, adapter in (("first", ReferenceAdapter()), ("second", Scaling(2.0)))
    )
    np.savez(second / f"{CASES[0].id}.npz", **np.load(first / f"{CASES[0].id}.npz"))
    (second / ENVIRONMENT).unlink()
    ObservationFolder(second).describe({"implementation": "scaling", "keras": version, "backend": "torch"})
    (agreement,) = agree([first, second])
    assert [*agreement.known] == [(SHOWS_IT, name) for name in known]
    assert [case_id for case_id, _ in agreement.differing] == [SHOWS_IT] * (not known)
    assert (agreement.worst == 0) is bool(known)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_not_finite_agrees_with_itself(tmp_path: Path, value: str) -> None:
    """NaN with NaN, infinity with infinity, without a warning."""
    case = Case.from_id(f"u3-d2-t6-b4-seq-with_{value}-s0")
    first, second = (observations_of(tmp_path / name, ReferenceAdapter(), [case]) for name in ("first", "second"))
    (agreement,) = agree([first, second])
    assert (agreement.worst, agreement.differing) == (0.0, ())


def test_cases_of_one_folder_only_are_named(tmp_path: Path) -> None:
    """They are compared with nothing, which is no agreement."""
    first, second = (
        observations_of(tmp_path / "first", ReferenceAdapter(), CASES),
        observations_of(tmp_path / "second", ReferenceAdapter(), CASES[1:]),
    )
    (agreement,) = agree([first, second])
    assert (agreement.cases, agreement.not_compared) == (len(CASES) - 1, (CASES[0].id,))
    result = CliRunner().invoke(main, ["agree", str(first), str(second)])
    note, summary = result.stdout.splitlines()
    assert note.endswith(f": 1 cases are in one of the two folders only, so not compared: {CASES[0].id}")
    assert f": 3 of {agreement.cases} cases agree" in summary


@pytest.mark.parametrize("changed", [{"keras": "3.14.1"}, {"implementation_files": "ed"}], ids=["version", "files"])
def test_folder_of_another_implementation_is_not_added_to(tmp_path: Path, changed: dict[str, str]) -> None:
    """Its arrays would be taken for this one's."""
    environment = {"implementation": "keras.layers.LSTM", "keras": "3.15.1", "implementation_files": "1e"}
    for _ in range(2):
        ObservationFolder(tmp_path).describe(environment)
    ((name, value),) = changed.items()
    with pytest.raises(LSTMError, match=f"another implementation: {name} {environment[name]} there, {value} here; name another"):
        ObservationFolder(tmp_path).describe(environment | changed)


# --- what cannot be compared ---------------------------------------------------------------------------------------------------


WITHOUT_NAME = '{"format": "observations", "format_version": 1, "environment": {}}'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not a whole JSON file (Expecting property name"),
        ('{"implementation": "keras"}', "is a document without a format"),
        (WITHOUT_NAME, "$.environment: 'implementation' is a required property"),
        (WITHOUT_NAME.replace("1", "2"), "has format_version 2; this suite reads 1"),
    ],
    ids=["nothing", "no JSON", "of before there were formats", "no name", "of another version"],
)
def test_folder_without_an_environment_holds_no_observations(tmp_path: Path, content: str | None, reason: str) -> None:
    """The message says why, and how to make it."""
    first, second = observations_of(tmp_path / "first", ReferenceAdapter(), CASES[:1]), tmp_path / "second"
    second.mkdir()
    if content is not None:
        (second / ENVIRONMENT).write_text(content, encoding="utf-8")
    with pytest.raises(LSTMError) as refusal:
        agree([first, second])
    assert str(refusal.value).startswith(str(second / ENVIRONMENT))
    assert reason in str(refusal.value)
    assert str(refusal.value).endswith(f" lstm-conformance verify --keep {second}")


def test_folders_without_a_common_case_are_refused(tmp_path: Path) -> None:
    """Nothing compared is no agreement."""
    first, second = (observations_of(tmp_path / str(n), ReferenceAdapter(), CASES[n : n + 1]) for n in range(2))
    names = r"lstm_ref on no backend \(1 cases\) and lstm_ref on no backend \(1 cases\)"
    message = f"{names} have no case in common: run the same cases on both, with lstm-conformance verify --keep FOLDER"
    with pytest.raises(LSTMError, match=message):
        agree([first, second])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"no archive at all"], ids=["empty", "cut", "other"])
def test_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    """Of a run that was killed while it wrote, or of another program."""
    first, second = (observations_of(tmp_path / name, ReferenceAdapter(), CASES[:1]) for name in ("first", "second"))
    damaged = second / f"{CASES[0].id}.npz"
    damaged.write_bytes(content)
    with pytest.raises(LSTMError, match="cannot be read: ") as refusal:
        agree([first, second])
    assert str(refusal.value).startswith(str(damaged))

"""Whatever a user writes, and whatever a file holds: a right answer, or one of our own errors; no other exception."""

from __future__ import annotations

import io
import json
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.cases.stimulus import draw
from conformance.commands.report import page_of
from conformance.environments.recording import Recording, RecordingError, read_recording, write_recording
from conformance.environments.spec import EnvironmentSpecError, parse
from conformance.judging.verdict import Result
from conformance.known.known_differences import FILE, known_differences
from conformance.matrix import select, surface
from conformance.model_file.inputs import read_inputs
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.documents import DocumentError, as_document, read, version
from conformance.report.html.page import as_html
from conformance.running.agreement import agree, read_arrays
from conformance.running.journal import as_dict, from_dict, identify, resume
from conformance.system.array_files import load_arrays
from conformance.tests.support import pages
from conformance.tests.support.fuzzing import EXAMPLES, changed, damaged, places, refused, toml, written
from conformance.upgrade.baseline import FORMAT, read_baseline
from lstm_ref import LSTMError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes, str], Path]:
    """Writes a file, in the place of the last of the same name."""
    folder = tmp_path_factory.mktemp("fuzz")

    def write(content: bytes, name: str) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return write


# --- cases ---------------------------------------------------------------------------------------------------------------------

LEVEL = [one for one in surface("quick") if isinstance(one, Case)]
WORDS = [word for feature in FEATURES for value in feature.values if (word := feature.word_of(value))]


@st.composite
def ids(draw_from: st.DrawFn) -> str:
    """Words of ids, in an order that may be none."""
    parts = draw_from(st.sampled_from(LEVEL)).id.split("-")
    for _ in range(draw_from(st.integers(0, 3))):
        at = draw_from(st.integers(0, len(parts)))
        new = draw_from(
            st.sampled_from(WORDS)
            | st.sampled_from(["u0", "t0", "b0", "s٣", "d" + "9" * 18, "s" + "9" * 19, ""])
            | st.text(max_size=3)
        )
        parts[at : at + draw_from(st.integers(0, 1))] = [new]
    return "-".join(parts)


@settings(max_examples=5 * EXAMPLES)
@given(ids() | st.text(max_size=40))
def test_id_is_that_of_its_case_or_refused(text: str) -> None:
    """The case of an id has an id, and that id is of the same case."""
    if (case := refused(lambda: Case.from_id(text))) is not None:
        assert Case.from_id(case.id) == case
        assert Case.from_id(case.id).id == case.id


@settings(max_examples=EXAMPLES)
@given(st.lists(ids() | st.text(max_size=12), max_size=3))
def test_patterns_choose_cases_or_are_refused(patterns: list[str]) -> None:
    """Whole ids, patterns, and what is neither."""
    assert refused(lambda: select(LEVEL, patterns)) != []


# --- environments --------------------------------------------------------------------------------------------------------------

SYSTEMS = ("keras", "tf-keras", "tensorflow", "installed", "interpreter", "lstm-cell")
SIGNS = ("==", "3.15.1", "1!2.0+local", " ", "\n", "\x00", "--backend", "=", "jax", "/", "~", "~nobody-of-that-name/", "./python")
SPECS = st.lists(st.sampled_from((*SYSTEMS, *SIGNS)) | st.text(max_size=4), max_size=7).map("".join)


@settings(max_examples=5 * EXAMPLES)
@given(SPECS)
def test_spec_is_written_as_it_is_read_or_refused(text: str) -> None:
    """What names an environment is read from what it is written as."""
    if (spec := refused(lambda: parse(text), EnvironmentSpecError)) is not None:
        assert parse(str(spec)) == spec


# --- documents -----------------------------------------------------------------------------------------------------------------

DOCUMENTS: Mapping[str, Callable[[], Any]] = {
    "verify": lambda: pages.verify_report().as_parsed_json(),
    "upgrade": pages.upgrade_said,
    "history": pages.history_said,
    "model": pages.model_said,
    "claims": pages.claims_said,
}


@cache
def document(name: str) -> bytes:
    """A whole one of the format."""
    return written(json.loads(json.dumps(DOCUMENTS[name]())))


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=EXAMPLES // 2)
@given(data=st.data())
def test_changed_document_makes_a_page_or_is_refused(name: str, data: st.DataObject, file: Callable[[bytes, str], Path]) -> None:
    """What is no more a document of its format is refused before a page is made of it."""
    content = document(name)
    path = file(data.draw(changed(json.loads(content)).map(written) | damaged(content)), f"{name}.json")
    if (said := refused(lambda: read(path, *DOCUMENTS), DocumentError)) is not None:
        assert as_html(page_of([said]))


TWICE = "§"


@st.composite
def with_a_key_twice(draw_from: st.DrawFn, said: Any) -> Any:
    """The document with one key of one of its objects there again, under a name that `TWICE` marks, with some value."""
    said = json.loads(json.dumps(said))
    *way, key = draw_from(st.sampled_from([place for place in places(said) if isinstance(place[-1], str)]))
    part = said
    for step in way:
        part = part[step]
    part[f"{key}{TWICE}"] = draw_from(st.just(part[key]) | st.integers(0, 9))
    return said


@pytest.mark.parametrize("name", DOCUMENTS)
@settings(max_examples=EXAMPLES // 5)
@given(data=st.data())
def test_document_with_a_key_twice_is_refused(name: str, data: st.DataObject, file: Callable[[bytes, str], Path]) -> None:
    """Readers may take either value, also where both are the same."""
    said = data.draw(with_a_key_twice(json.loads(document(name))))
    content = json.dumps(said, ensure_ascii=False).replace(TWICE, "").encode()
    with pytest.raises(DocumentError, match="stands twice in one object"):
        read(file(content, f"{name}.json"), *DOCUMENTS)


# --- baselines, known differences ------------------------------------------------------------------------------------------------

BASELINE = {
    "format": FORMAT,
    "format_version": version(FORMAT),
    "change": [{"from": "keras 3.0.5", "to": "keras 3.1.1", "kind": "changed", "behaviour": "mask", "case": "u3-d2-t5-b4-s0"}],
}


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_changed_baseline_is_read_or_refused(file: Callable[[bytes, str], Path], data: st.DataObject) -> None:
    """Entries of a baseline, or a sentence."""
    path = file(data.draw(changed(BASELINE).map(toml) | damaged(toml(BASELINE))), "baseline.toml")
    refused(lambda: read_baseline(path))


@settings(max_examples=EXAMPLES // 5)
@given(with_a_key_twice(BASELINE).filter(lambda said: f"change{TWICE}" not in said))
def test_baseline_with_a_key_twice_is_refused(file: Callable[[bytes, str], Path], said: Any) -> None:
    """As documents are; two lists of tables are one list in TOML."""
    with pytest.raises(LSTMError, match=r"is not a whole TOML file \(Cannot overwrite a value"):
        read_baseline(file(tomli_w.dumps(said).replace(TWICE, "").encode(), "twice.toml"))


KNOWN = tomllib.loads(FILE.read_text(encoding="utf-8"))
KNOWN_FEW = json.loads(json.dumps({"difference": KNOWN["difference"][:2]}, default=str))


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_changed_known_differences_are_read_or_refused(file: Callable[[bytes, str], Path], data: st.DataObject) -> None:
    """Entries that say what they must, or a sentence."""
    path = file(data.draw(changed(KNOWN_FEW).map(toml) | damaged(toml(KNOWN_FEW))), "known.toml")
    refused(lambda: known_differences.__wrapped__(path))


# --- journals --------------------------------------------------------------------------------------------------------------------

RESULTS = (*pages.failing(), pages.passing())
ASKED = [Case.from_id(result.case_id) for result in RESULTS]
IDENTITY = identify(pages.ENVIRONMENT, {"case_ids": list(pages.IDS)}, {})
JOURNAL = b"".join(json.dumps(each).encode() + b"\n" for each in (IDENTITY, *map(as_dict, RESULTS)))


@settings(max_examples=EXAMPLES)
@given(changed(as_dict(RESULTS[0])))
def test_changed_result_is_one_or_refused(said: Any) -> None:
    """What is read is what was written, in every field."""
    try:
        result = from_dict(said)
    except (ValueError, RecursionError, OverflowError):
        return
    assert isinstance(result, Result)
    assert written(as_dict(from_dict(as_dict(result)))) == written(as_dict(result))


@settings(max_examples=EXAMPLES)
@given(damaged(JOURNAL))
def test_damaged_journal_is_gone_on_with_or_refused(file: Callable[[bytes, str], Path], content: bytes) -> None:
    """Of the results that a file still has, none is another than was written."""
    path = file(content, "journal")
    found = refused(lambda: list(resume(path, IDENTITY, ASKED, lambda _: ())))
    assert {result.case_id for result in found or ()} <= {result.case_id for result in RESULTS}


# --- arrays: recordings, folders of observations, inputs -------------------------------------------------------------------------


@cache
def recording() -> bytes:
    """A small whole one."""
    arrays = {"0.returned.0": np.arange(6.0).reshape(2, 3), "ids": np.arange(4, dtype=np.int32)}
    provenance = {"protocol": 1, "hello": {"implementation": "keras"}, "recorded": "2026-01-01", "platform": "Linux"}
    answers = {"key": {"calls": [{"returned": 1, "dtypes": ["float64"]}]}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.npz"
        write_recording(Recording(provenance=provenance, answers=answers, arrays={"key": arrays}), path)
        return path.read_bytes()


@settings(max_examples=EXAMPLES)
@given(st.data())
def test_damaged_recording_is_whole_or_refused(file: Callable[[bytes, str], Path], data: st.DataObject) -> None:
    """What a damaged file still says is what was recorded: its digest is that of all that is in it."""
    found = refused(lambda: read_recording(file(data.draw(damaged(recording())), "recording.npz")), RecordingError)
    assert found is None or found.answers.keys() == {"key"}


@cache
def archive(*, compressed: bool) -> bytes:
    """Arrays of a case, as .npz."""
    held = io.BytesIO()
    arrays: dict[str, Any] = {"0_outputs": np.arange(6.0).reshape(2, 3), "0_hidden": np.ones(3)}
    (np.savez_compressed if compressed else np.savez)(held, **arrays)
    return held.getvalue()


@pytest.mark.parametrize("compressed", [False, True], ids=["stored", "compressed"])
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_damaged_arrays_are_read_or_refused(compressed: bool, data: st.DataObject, file: Callable[[bytes, str], Path]) -> None:
    """Of a folder of observations, and a user's own inputs."""
    path = file(data.draw(damaged(archive(compressed=compressed))), "arrays.npz")
    refused(lambda: read_arrays(path))
    refused(lambda: read_inputs(path, ()))


KEPT = "u1-d1-t2-b2-seq-s0"
COMPUTED = {
    f"{number}_{name}": np.asarray(array)
    for number, call in enumerate(ReferenceAdapter().observe(Case.from_id(KEPT), draw([Case.from_id(KEPT)])).calls)
    for name, array in call.computed.items()
}


def kept(names: Iterable[str] = COMPUTED) -> bytes:
    """What a folder keeps of the case, or a part of it."""
    held = io.BytesIO()
    arrays: dict[str, Any] = {name: COMPUTED[name] for name in names}
    np.savez(held, **arrays)
    return held.getvalue()


ENVIRONMENT_KEPT = as_document("observations", {"environment": {"implementation": "keras", "backend": "numpy", "keras": "3.15.1"}})
NAMES = st.sampled_from([KEPT, "u1-d1-t2-b2-s0", "notes", "u1"])


@settings(max_examples=EXAMPLES)
@given(
    st.just(written(ENVIRONMENT_KEPT)) | changed(ENVIRONMENT_KEPT).map(written) | damaged(written(ENVIRONMENT_KEPT)),
    st.dictionaries(NAMES, st.sets(st.sampled_from([*COMPUTED])).map(kept) | damaged(kept()), max_size=2),
)
def test_changed_folders_are_compared_or_refused(said: bytes, files: Mapping[str, bytes]) -> None:
    """With a whole one: what agrees with it holds what it holds."""
    with tempfile.TemporaryDirectory() as place:
        whole, other = Path(place, "whole"), Path(place, "other")
        for folder, environment, arrays in ((whole, written(ENVIRONMENT_KEPT), {KEPT: kept()}), (other, said, files)):
            folder.mkdir()
            (folder / "environment.json").write_bytes(environment)
            for name, content in arrays.items():
                (folder / f"{name}.npz").write_bytes(content)
        found = refused(lambda: agree([whole, other]))
        if found and not found[0].differing:
            ours, theirs = (load_arrays(folder / f"{KEPT}.npz") for folder in (whole, other))
            assert {name: array.shape for name, array in ours.items()} == {name: array.shape for name, array in theirs.items()}
            assert all(np.allclose(array, theirs[name], rtol=0, atol=1e-4) for name, array in ours.items())

"""Whatever a user writes, and whatever a file holds: a right answer, or one of our own errors; no other exception."""

from __future__ import annotations

import io
import json
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from conformance.adapters.reference import ReferenceAdapter
from conformance.agreement import agree, read_arrays
from conformance.array_files import load_arrays
from conformance.case import Case
from conformance.checks import Evidence, judge
from conformance.commands.pages import as_html
from conformance.commands.report import page_of
from conformance.conventions import USUAL
from conformance.documents import DocumentError, read, stamped, version
from conformance.environments.process import Answer, WorkerError
from conformance.environments.protocol import observation_of
from conformance.environments.recorded import Recording, RecordingError, read_recording, write_recording
from conformance.environments.spec import EnvironmentSpecError, parse
from conformance.features import FEATURES
from conformance.journal import as_dict, from_dict, identify, resume
from conformance.known_differences import FILE, known_differences
from conformance.matrix import select, surface
from conformance.model_file.contents import contents_of, read_apart
from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import read_inputs
from conformance.stimulus import draw
from conformance.tests import pages
from conformance.tests.model_files import lstm_node, model_node, one_lstm, weights_of, write_h5
from conformance.upgrade.baseline import FORMAT, read_baseline
from conformance.verdict import Result
from lstm_ref import LSTMError

EXAMPLES = 25

# --- what is written in place of what was there ----------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "nan", "\x00", "\ud800", "../x", "PASS", "verify"]
    )
    | st.floats()
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6
)


def places(said: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a document can be changed: every key and position, outside in."""
    inner = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    found = [(*at, key) for key, _ in inner]
    return found + [place for key, value in inner for place in places(value, (*at, key))]


@st.composite
def changed(draw_from: st.DrawFn, said: Any) -> Any:
    """The document with up to three of its parts lost, doubled, or something else."""
    said = json.loads(json.dumps(said))
    for _ in range(draw_from(st.integers(1, 3))):
        if not (there := places(said)):
            break
        *way, key = draw_from(st.sampled_from(there))
        part = said
        for step in way:
            part = part[step]
        match draw_from(st.sampled_from(["lose", "replace", "double", "nest"])):
            case "lose":
                del part[key]
            case "replace":
                part[key] = draw_from(VALUES)
            case "double":
                part[key] = [part[key], part[key]]
            case "nest":
                part[key] = {str(key): part[key]}
    return said


@st.composite
def damaged(draw_from: st.DrawFn, content: bytes) -> bytes:
    """The file with some bytes changed, cut off, or more of them."""
    for _ in range(draw_from(st.integers(1, 4))):
        at = draw_from(st.integers(0, max(0, len(content) - 1)))
        match draw_from(st.sampled_from(["cut", "change", "insert", "lose"])):
            case "cut":
                content = content[:at]
            case "change":
                content = content[:at] + draw_from(st.binary(min_size=1, max_size=4)) + content[at + 1 :]
            case "insert":
                content = content[:at] + draw_from(st.binary(max_size=8)) + content[at:]
            case "lose":
                content = content[:at] + content[at + draw_from(st.integers(1, 40)) :]
    return content


def written(said: Any) -> bytes:
    """As JSON, what Python takes for it among it."""
    return json.dumps(said).encode("utf-8", "surrogatepass")


def toml(said: Any) -> bytes:
    """As TOML, where it has such values, else as JSON."""
    try:
        return tomli_w.dumps(said).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError):
        return written(said)


def refused(attempt: Callable[[], Any], own: type[LSTMError] = LSTMError) -> Any:
    """What is found, or nothing where one of our own errors says why not."""
    try:
        return attempt()
    except LSTMError as error:
        if not isinstance(error, own) or not str(error):
            raise
        return None


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
    "verify": lambda: pages.verify_report().as_read(),
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
@given(with_a_key_twice(BASELINE))
def test_baseline_with_a_key_twice_is_refused(file: Callable[[bytes, str], Path], said: Any) -> None:
    """As documents are."""
    with pytest.raises(LSTMError, match="is no baseline: Cannot overwrite a value"):
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


ENVIRONMENT_KEPT = stamped("observations", {"environment": {"implementation": "keras", "backend": "numpy", "keras": "3.15.1"}})
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


# --- model files ------------------------------------------------------------------------------------------------------------------


@cache
def model(suffix: str) -> bytes:
    """A small whole one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{suffix}"
        if suffix == ".keras":
            return one_lstm(path).read_bytes()
        arrays = {f"lstm/lstm_cell/{name}:0": array for name, array in weights_of().arrays.items()}
        return write_h5(path, model_node(lstm_node()), {"lstm": arrays}).read_bytes()


@st.composite
def models(draw_from: st.DrawFn) -> bytes:
    """A model file with changed bytes; of an archive also a whole one of changed members, whose checksums hold."""
    content = model(draw_from(st.sampled_from([".keras", ".h5"])))
    if not content.startswith(b"PK") or draw_from(st.booleans()):
        return draw_from(damaged(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw_from(st.sampled_from([*members, "config.json", "config.json"]))
    other = (
        damaged(members[name]) if name.endswith(".h5") else changed(json.loads(members[name])).map(written) | damaged(members[name])
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for each, whole in members.items():
            archive.writestr(each, draw_from(other) if each == name else whole)
    return held.getvalue()


def read_all(folder: Path) -> list[str]:
    """Of each model file in a folder, in the order of their names, what is in it: cells with weights, or the refusal."""
    return [str(refused(lambda path=path: contents_of(path), ModelFileError)) for path in sorted(folder.iterdir())]  # type: ignore[misc]


@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(st.lists(models(), min_size=EXAMPLES, max_size=EXAMPLES))
def test_damaged_models_are_read_or_refused(files: list[bytes]) -> None:
    """In the process that reads such files, one after the other: HDF5's library may bring that down, which is a refusal too."""
    assume(len({*files}) > EXAMPLES // 2)  # the simplest of all lists, which comes first, holds one file many times
    with tempfile.TemporaryDirectory() as place:
        for number, content in enumerate(files):
            Path(place, f"{number:03}").write_bytes(content)
        read_many: Any = read_all  # of a folder, where the command reads a file
        found = refused(lambda: read_apart(Path(place), read_many), ModelFileError)
        assert found is None or len(found) == len(files)


# --- answers of a worker --------------------------------------------------------------------------------------------------------

CASE = Case.from_id("u2-d1-t3-b2-seq-stateful-s0")
SAID = {
    "calls": [{"returned": 3, "dtypes": ["float32"] * 3} for _ in CASE.calls],
    "parameter_count": 32,
    "weight_shapes": [[1, 8], [2, 8], [8]],
    "path": "eager",
}
STIMULUS = draw([CASE])
ARRAYS = {
    f"{number}.returned.{position}": np.zeros((2, call.stop - call.start, 2) if position == 0 else (2, 2))
    for number, call in enumerate(CASE.calls)
    for position in range(3)
}


@settings(max_examples=EXAMPLES)
@given(
    changed(SAID),
    st.dictionaries(st.sampled_from([*ARRAYS]), st.sampled_from([np.zeros(()), np.zeros((0, 2)), np.array(["a"])]), max_size=2),
)
def test_changed_answer_is_judged_or_refused(said: Any, other: Mapping[str, Any]) -> None:
    """What a worker says is an observation that checks can judge, or its own error."""
    answer = Answer(said=said, arrays={**ARRAYS, **other})
    if (observed := refused(lambda: observation_of(CASE, answer), WorkerError)) is not None:
        evidence = refused(lambda: Evidence(case=CASE, stimulus=STIMULUS, observed=observed, conventions=USUAL))
        assert evidence is None or judge(evidence)

"""What other processes are asked to read, and what they answer: a right answer, or one of our own errors."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.protocol import Answer, AnswerError, observation_of
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.checks import Evidence, judge
from conformance.model_file.contents import contents_of, read_in_subprocess
from conformance.model_file.errors import ModelFileError
from conformance.tests.support.fuzzing import EXAMPLES, changed, damaged, refused, written
from conformance.tests.support.model_files import lstm_node, model_node, one_lstm, weights_of, write_h5


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
    return [str(refused(lambda path=path: contents_of(path), ModelFileError)) for path in sorted(folder.iterdir())]  # type: ignore[misc]  # mypy cannot infer a lambda's default


@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(st.lists(models(), min_size=EXAMPLES, max_size=EXAMPLES))
def test_damaged_models_are_read_or_refused(files: list[bytes]) -> None:
    """In the process that reads such files, one after the other: HDF5's library may bring that down, which is a refusal too."""
    assume(len({*files}) > EXAMPLES // 2)  # the simplest of all lists, which comes first, holds one file many times
    with tempfile.TemporaryDirectory() as place:
        for number, content in enumerate(files):
            Path(place, f"{number:03}").write_bytes(content)
        read_many: Any = read_all  # of a folder, where the command reads a file
        found = refused(lambda: read_in_subprocess(Path(place), read_many), ModelFileError)
        assert found is None or len(found) == len(files)


# --- answers ---------------------------------------------------------------------------------------------------------------------

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
    answer = Answer(fields=said, arrays={**ARRAYS, **other})
    if (observed := refused(lambda: observation_of(CASE, answer), AnswerError)) is not None:
        evidence = refused(lambda: Evidence(case=CASE, stimulus=STIMULUS, observed=observed, conventions=DEFAULT_CONVENTIONS))
        assert evidence is None or judge(evidence)

"""Recordings answer what was asked when they were made, and nothing else; damage shows; an adapter takes them as an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import AdapterStartError
from conformance.adapters.protocol import Answer
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.environments import DESCRIBED_BY
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.process import QuestionError, UnsupportedQuestionError, WorkerDiedError
from conformance.environments.recording import (
    Recorder,
    Recording,
    RecordingError,
    fingerprint,
    read_recording,
    recording_path,
    write_recording,
)
from conformance.judging.verdict import Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run
from lstm_ref.arrays import Array

CASE = Case.from_id("u3-d2-t5-b4-seq-stateful-staticbatch-s0")
UNSUPPORTED, RAISES, DIES = (Case.from_id(f"u3-d2-t5-b4-seq-{word}-s0") for word in ("zeromask-mask_left", "nobias", "back"))


@dataclass
class Reference:
    """Answers questions as a worker would, by the reference with a deviation."""

    deviation: str | None = None
    hello_said: tuple[tuple[str, str], ...] = (("implementation", "lstm_ref"),)

    def hello(self) -> Mapping[str, str]:
        """What it is."""
        return dict(self.hello_said)

    def stop(self) -> None:
        """Nothing runs."""

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Of the cases above, all."""
        del kind
        if question["zero_output_for_mask"]:
            raise UnsupportedQuestionError("no argument zero_output_for_mask")
        if not question["use_bias"]:
            raise QuestionError("ValueError: no")
        if question["go_backwards"]:
            raise WorkerDiedError("the process died", 3)
        assert arrays
        stateful = question["stateful"]
        case = CASE.replace(stateful=stateful, static_batch=stateful, recurrent_activation=question["recurrent_activation"])
        observed = ReferenceAdapter(self.deviation).observe(case, draw([case]))
        answered: dict[str, Array] = {}
        for number, call in enumerate(observed.calls):
            for position, array in enumerate((call.outputs, call.hidden, call.cell)):
                answered[f"{number}.returned.{position}"] = array
            kept = {name: getattr(call, name) for name in ("stored_hidden", "stored_cell", "reset_hidden", "reset_cell")}
            answered |= {f"{number}.{name}": array for name, array in kept.items() if array is not None}
        calls = [{"returned": 3, "dtypes": list(call.dtypes)} for call in observed.calls]
        said = {"calls": calls, "parameter_count": observed.parameter_count, "path": observed.path, "id": 1}
        return Answer(fields={**said, "weight_shapes": [list(shape) for shape in observed.weight_shapes]}, arrays=answered)


def _adapter(asked: Any) -> EnvironmentAdapter:
    """Asks something that is no environment."""
    adapter = EnvironmentAdapter("installed")
    adapter._handler = asked
    return adapter


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of what the cases above answered."""
    recorder = Recorder(
        Reference(hello_said=(("keras", "2.2.4"), ("backend", "theano"))), "keras==2.2.4 --backend theano", "command"
    )
    adapter = _adapter(recorder)
    assert len(list(run([CASE, UNSUPPORTED, RAISES, DIES], adapter))) == 4
    path = tmp_path_factory.mktemp("recorded") / "file.npz"
    write_recording(recorder.recording, path)
    return path


@pytest.mark.parametrize(
    ("case", "verdict", "reason"),
    [
        (CASE, Verdict.PASS, ""),
        (UNSUPPORTED, Verdict.UNSUPPORTED, "no argument zero_output_for_mask"),
        (RAISES, Verdict.ERROR, "ValueError: no"),
        (DIES, Verdict.ERROR, "the process died"),
        (CASE.replace(seed=1), Verdict.UNRESOLVED, "not among what was recorded"),
    ],
)
def test_a_recording_answers_as_was_answered(recorded: Path, case: Case, verdict: Verdict, reason: str) -> None:
    """Numbers, refusals and errors; what was not asked, it does not have."""
    adapter = EnvironmentAdapter(str(recorded))
    environment = adapter.start()
    (result,) = run([case], adapter)
    assert (result.verdict, [check.message for check in result.checks if check.message]) == (verdict, [])
    assert result.reason.startswith(reason)
    assert environment["recorded"]
    assert environment["environment"] == "keras==2.2.4 --backend theano"


def test_a_recording_says_by_what_deviations_its_system_is_described(recorded: Path) -> None:
    """By its versions, as of a running one."""
    assert EnvironmentAdapter(str(recorded)).start()[DESCRIBED_BY] == "hard_sigmoid_slope"


def test_a_recording_tells_where_it_comes_from(recorded: Path) -> None:
    """Versions, platform, date and command."""
    assert {"protocol", "hello", "recorded", "platform", "command"} <= read_recording(recorded).provenance.keys()


@pytest.mark.parametrize("damage", ["cut", "changed", "other", "missing"])
def test_damage_is_told(recorded: Path, tmp_path: Path, damage: str) -> None:
    """A file that is not as it was written answers nothing."""
    path, content = tmp_path / "damaged.npz", recorded.read_bytes()
    recording = read_recording(recorded)
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "other":
        np.savez(path, a=np.ones(2))
    elif damage == "changed":
        with np.load(recorded) as stored:
            arrays = {name: stored[name].copy() for name in stored.files}
        arrays["numbers float32"][0] += 1
        np.savez(path, **arrays)
    with pytest.raises(RecordingError, match="damaged"):
        read_recording(path)
    assert isinstance(recording, Recording)


def test_a_recording_answers_only_where_it_is_asked_for(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of an environment that cannot be had here; the refusal says both ways to an answer."""
    spec = f"{tmp_path}/no/python"
    monkeypatch.setattr("conformance.environments.adapter.recording_path", lambda _: recorded)
    made = read_recording(recorded).provenance["recorded"]
    refusal = rf"cannot be had here: .* name the path of one.* Or let its recording of {made} answer, .*: --recorded"
    for use in (lambda adapter: adapter.prepare(print), EnvironmentAdapter.start):
        with pytest.raises(AdapterStartError, match=refusal):
            use(EnvironmentAdapter(spec, recorded=False))
        with pytest.raises(AdapterStartError, match=r"as in ./venv/bin/python$"):  # where the user has no such option
            use(EnvironmentAdapter(spec))
    said: list[str] = []
    EnvironmentAdapter(spec, recorded=True).prepare(said.append)
    assert "answers, as --recorded asks" in said[0]
    assert EnvironmentAdapter(spec, recorded=True).start()["keras"] == "2.2.4"


@pytest.mark.parametrize(("asks", "answers"), [(False, "here"), (True, "2.2.4")])
def test_what_answers_does_not_depend_on_what_is_here(
    asks: bool, answers: str, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment that could be run is run, unless its recording is asked for."""
    monkeypatch.setattr("conformance.environments.adapter.recording_path", lambda _: recorded)
    monkeypatch.setattr("conformance.environments.adapter.Worker", lambda **_: Reference(hello_said=(("keras", "here"),)))
    environment = EnvironmentAdapter("installed", recorded=asks).start()
    assert (environment["keras"], "recorded" in environment) == (answers, asks)


def test_an_environment_without_a_recording_is_refused_however_it_is_asked(tmp_path: Path) -> None:
    """And no recording is offered."""
    with pytest.raises(AdapterStartError) as refused:
        EnvironmentAdapter(f"{tmp_path}/no/python", recorded=True).start()
    assert "--recorded" not in str(refused.value)


def test_a_specification_may_be_longer_than_the_name_of_a_file() -> None:
    """File systems allow names of 255 bytes. Two that differ at their ends have two recordings."""
    first, second = (recording_path(f"keras @ https://example.org/{'a' * 300}/{name}.whl") for name in ("one", "two"))
    assert first != second
    assert len(first.name) < 255
    assert not first.exists()


def test_a_recordings_own_file_is_its_source(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as a file, or in place of an environment; another recording is another program."""
    named, instead = EnvironmentAdapter(str(recorded)), EnvironmentAdapter(f"{tmp_path}/no/python", recorded=True)
    monkeypatch.setattr("conformance.environments.adapter.recording_path", lambda _: recorded)
    for adapter in (named, instead):
        adapter.start()
    assert (named.source(), instead.source()) == (recorded, recorded)


def test_what_says_nothing_of_its_files_has_no_source() -> None:
    """A program in another language, that follows the protocol."""

    class Foreign(Reference):
        def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:  # noqa: ARG002  # the protocol's
            raise UnsupportedQuestionError(f"no such question: {kind}")

    assert _adapter(Foreign()).source() is None


def test_fingerprints_forgive_the_last_digits_only() -> None:
    """Inputs are drawn by functions whose last digit depends on the processor."""
    values = np.random.default_rng(0).standard_normal((4, 5, 2))
    assert fingerprint(values) == fingerprint(values * (1 + 1e-15))
    assert fingerprint(values) != fingerprint(values * (1 + 1e-5))
    assert fingerprint(values) != fingerprint(values[::-1])
    assert fingerprint(np.array([1.0, np.nan])) != fingerprint(np.array([1.0, 0.0]))


def test_a_recording_lies_under_the_name_of_its_environment() -> None:
    """In words that a file name can hold."""
    assert recording_path("keras==2.2.4 --backend theano").name == "keras-2.2.4-backend-theano.npz"

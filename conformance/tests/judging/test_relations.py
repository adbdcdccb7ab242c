"""Metamorphic relations: the reference keeps each, and an implementation that answers the other question otherwise breaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases import features
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.relations import RELATIONS
from conformance.judging.verdict import CheckResult, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run

# One case and more of each relation: with and without all outputs, states that are given, a mask, no bias.
ASKED = [
    "u3-d2-t6-b4-same_as_eager_call-s0",
    "u3-d2-t6-b4-stateful-staticbatch-same_as_eager_call-s0",
    "u3-d2-t6-b4-bidi-via_predict-same_as_eager_call-s0",
    "u3-d2-t6-b4-seq-same_as_predict-s0",
    "u3-d2-t6-b4-mask_left-same_as_training-s0",
    "u3-d2-t6-b4-back-same_as_loop-s0",
    "u3-d2-t6-b4-unroll-same_as_loop-s0",
    "u3-d2-t6-b4-same_as_no_cudnn-s0",
    "u3-d2-t6-b4-same_as_two_calls-s0",
    "u3-d2-t7-b4-seq-same_as_two_calls-s0",
    "u3-d2-t6-b4-same_as_padded-s0",
    "u3-d2-t6-b4-seq-init-same_as_padded-s0",
    "u3-d2-t6-b4-same_as_rows_permuted-s0",
    "u3-d2-t6-b4-seq-nostate-mask_left-init-same_as_rows_permuted-s0",
    "u3-d2-t6-b4-seq-same_as_units_permuted-s0",
    "u3-d2-t6-b4-nobias-init-same_as_units_permuted-s0",
    "u3-d2-t6-b4-same_as_time_reversed-s0",
    "u3-d2-t6-b4-seq-back-mask_right-init-same_as_time_reversed-s0",
    "u3-d2-t6-b4-same_as_in_float64-s0",
]


@dataclass(frozen=True)
class Otherwise:
    """The reference, a thousandth off in the cases of which something holds."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    where: Callable[[Case], bool]

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "otherwise"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, outputs perhaps moved."""
        observed = ReferenceAdapter().observe(case, stimulus)
        moved = 1e-3 * self.where(case)
        return replace(observed, calls=tuple(replace(call, outputs=call.outputs + moved) for call in observed.calls))


@dataclass(frozen=True)
class ReadsNeighbour:
    """The reference, whose rows read the inputs of the row before as well: which row stands there must not matter."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "reads its neighbour"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation of other inputs; the first row has no neighbour."""
        inputs = stimulus.inputs.copy()
        inputs[1:] += 0.01 * stimulus.inputs[:-1]
        return ReferenceAdapter().observe(case, replace(stimulus, inputs=inputs))


def relation_check(case_id: str, adapter: Adapter) -> CheckResult:
    """How the relation check judges a case."""
    (result,) = run([Case.from_id(case_id)], adapter)
    (check,) = (check for check in result.checks if check.check == "relation")
    return check


def test_every_relation_of_a_case_is_defined_and_asked_below() -> None:
    """A word of a case id without a relation would be an error in the middle of a run."""
    names = {name for name in features.RELATIONS if name}
    assert set(RELATIONS) == names == {Case.from_id(case_id).relation for case_id in ASKED}
    assert all(relation.asserts for relation in RELATIONS.values())


@pytest.mark.parametrize("case_id", ASKED)
def test_reference_keeps_the_relation(case_id: str) -> None:
    """Asked in another way it gives the same answer, and numbers were compared."""
    assert RELATIONS[Case.from_id(case_id).relation].applies_to(Case.from_id(case_id))
    check = relation_check(case_id, ReferenceAdapter())
    assert (check.verdict, check.message) == (Verdict.PASS, "")
    assert check.size > 0


@pytest.mark.parametrize("case_id", ASKED)
def test_answer_to_the_other_question_alone_decides(case_id: str) -> None:
    """An implementation that is right wherever no relation is named, and not where one is, breaks every relation."""
    check = relation_check(case_id, Otherwise(lambda case: bool(case.relation)))
    assert check.verdict is Verdict.FAIL
    assert RELATIONS[Case.from_id(case_id).relation].asserts in check.message


@pytest.mark.parametrize(
    ("case_id", "wrong_where"),
    [
        ("u3-d2-t6-b4-same_as_eager_call-s0", lambda case: not case.execution.compiled),
        ("u3-d2-t6-b4-jit-same_as_eager_call-s0", lambda case: case.execution.jit_compile),
        ("u3-d2-t6-b4-via_functional-same_as_eager_call-s0", lambda case: case.execution.route == "functional"),
        ("u3-d2-t6-b4-same_as_predict-s0", lambda case: case.execution.route == "predict"),
        ("u3-d2-t6-b4-same_as_training-s0", lambda case: case.in_training),
        ("u3-d2-t6-b4-same_as_loop-s0", lambda case: case.execution.unroll),
        ("u3-d2-t6-b4-unroll-same_as_loop-s0", lambda case: case.execution.unroll),
        ("u3-d2-t6-b4-same_as_no_cudnn-s0", lambda case: case.execution.use_cudnn == "auto"),
        ("u3-d2-t6-b4-same_as_two_calls-s0", lambda case: case.initial_state),
        ("u3-d2-t6-b4-same_as_padded-s0", lambda case: case.mask != "none"),
        ("u3-d2-t6-b4-same_as_time_reversed-s0", lambda case: case.config.go_backwards),
        ("u3-d2-t6-b4-same_as_in_float64-s0", lambda case: case.dtype == "float32"),
    ],
)
def test_one_of_two_ways_that_is_wrong_breaks_the_relation(case_id: str, wrong_where: Callable[[Case], bool]) -> None:
    """The relation asks both ways, with what it names and without."""
    assert relation_check(case_id, Otherwise(wrong_where)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("case_id", "deviation"),
    [
        ("u3-d2-t6-b4-same_as_two_calls-s0", "states_exchanged"),
        ("u3-d2-t6-b4-seq-same_as_two_calls-s0", "last_step_skipped"),
        ("u3-d2-t6-b4-same_as_padded-s0", "last_step_skipped"),
        ("u3-d2-t6-b4-seq-same_as_padded-s0", "outputs_reversed"),
        ("u3-d2-t6-b4-mask_left-init-same_as_rows_permuted-s0", "mask_of_first_row"),
        ("u3-d2-t6-b4-same_as_units_permuted-s0", "units_reversed"),
        ("u3-d2-t6-b4-nobias-init-same_as_units_permuted-s0", "recurrent_kernel_rows_reversed"),
        ("u3-d2-t6-b4-same_as_time_reversed-s0", "read_backwards"),
    ],
)
def test_deviation_breaks_the_relation(case_id: str, deviation: str) -> None:
    """Without the reference's numbers: the implementation contradicts itself."""
    check = relation_check(case_id, ReferenceAdapter(deviation))
    assert check.verdict is Verdict.FAIL
    assert "not comparable" not in check.message


@pytest.mark.parametrize("case_id", ["u3-d2-t6-b4-same_as_rows_permuted-s0", "u3-d2-t6-b4-seq-init-same_as_rows_permuted-s0"])
def test_row_that_reads_its_neighbour_breaks_the_relation(case_id: str) -> None:
    """In another order each has another neighbour."""
    assert relation_check(case_id, ReadsNeighbour()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("relation", "case_id"),
    [
        ("eager_call", "u3-d2-t6-b4-via_evaluate-s0"),
        ("eager_call", "u3-d2-t6-b4-drop_input-s0"),
        ("predict", "u3-d2-t6-b0-s0"),
        ("training", "u3-d2-t6-b4-drop_inference-s0"),
        ("two_calls", "u3-d2-t6-b4-mask_right-s0"),
        ("two_calls", "u3-d2-t6-b4-nostate-s0"),
        ("two_calls", "u3-d2-t1-b4-s0"),
        ("two_calls", "u3-d2-t6-b4-init-s0"),
        ("two_calls", "u3-d2-t6-b4-back-s0"),
        ("two_calls", "u3-d2-t6-b4-stateful-s0"),
        ("padded", "u3-d2-t6-b4-mask_right-s0"),
        ("padded", "u3-d2-t6-b4-back-s0"),
        ("padded", "u3-d2-t6-b4-zeromask-s0"),
        ("padded", "u3-d2-t6-b4-with_nan-s0"),
        ("rows_permuted", "u3-d2-t6-b1-s0"),
        ("rows_permuted", "u3-d2-t6-b4-mask_right-by_masking-s0"),
        ("units_permuted", "u1-d2-t6-b4-s0"),
        ("units_permuted", "u3-d2-t6-b4-layers2-s0"),
        ("time_reversed", "u3-d2-t6-b4-bidi-s0"),
        ("time_reversed", "u3-d2-t6-b4-mask_right-by_embedding-s0"),
        ("in_float64", "u3-d2-t6-b4-p_float16-s0"),
    ],
)
def test_relation_is_not_asked_where_it_says_nothing(relation: str, case_id: str) -> None:
    """Another seed would draw other masks, and what has no states cannot be gone on from."""
    assert not RELATIONS[relation].applies_to(Case.from_id(case_id))


@dataclass
class Recording:
    """The reference, which keeps what it was asked."""

    asked: list[tuple[Case, Stimulus]]
    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "recording"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation."""
        self.asked.append((case, stimulus))
        return ReferenceAdapter().observe(case, stimulus)


@pytest.mark.parametrize(
    ("case_id", "then"),
    [
        ("u3-d2-t7-b4-same_as_two_calls-s0", ["u3-d2-t3-b4-s0", "u3-d2-t4-b4-init-s0"]),
        ("u3-d2-t6-b4-same_as_padded-s0", ["u3-d2-t8-b4-mask_right-s0"]),
        ("u3-d2-t6-b4-back-same_as_time_reversed-s0", ["u3-d2-t6-b4-s0"]),
        ("u3-d2-t6-b4-jit-via_predict-same_as_eager_call-s0", ["u3-d2-t6-b4-eager-s0"]),
        ("u3-d2-t6-b4-same_as_in_float64-s0", ["u3-d2-t6-b4-p_float64-s0"]),
    ],
)
def test_relation_asks_these_cases(case_id: str, then: list[str]) -> None:
    """First the case itself, then those; no relation asks for another."""
    adapter = Recording([])
    list(run([Case.from_id(case_id)], adapter))
    assert [case.id for case, _ in adapter.asked] == [case_id, *then]


def test_second_of_two_calls_starts_from_what_the_first_returned() -> None:
    """Not from what the stimulus would draw, and on the rest of the inputs."""
    case = Case.from_id("u3-d2-t7-b4-same_as_two_calls-s0")
    adapter = Recording([])
    list(run([case], adapter))
    (_, whole), (first, stimulus), (_, rest) = adapter.asked
    (call,) = ReferenceAdapter().observe(first, stimulus).calls
    assert rest.given_states is not None
    assert (rest.given_states[0].hidden == call.hidden).all()
    assert (rest.given_states[0].cell == call.cell).all()
    assert (rest.inputs == whole.inputs[:, 3:]).all()


def test_pieces_that_cannot_be_joined_break_the_relation() -> None:
    """Their shape is the implementation's mistake, and none of the suite's."""
    check = relation_check("u3-d2-t7-b4-seq-same_as_two_calls-s0", ReferenceAdapter("outputs_time_major"))
    assert check.verdict is Verdict.FAIL
    assert check.message.endswith("not comparable")

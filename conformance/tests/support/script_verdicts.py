"""Whether a case's script says what its report says: of Keras, and of the reference with each deviation in Keras' place.

`python -m conformance.tests.support.script_verdicts` does so for all cases of a level; see `conformance/docs/extend/scripts.md`.
"""

from __future__ import annotations

import collections
import contextlib
import io
import os
import random
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from conformance.adapters.base import Adapter
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.explaining.reproduce import known_reproduction, not_asserted, reproduction
from conformance.judging.verdict import Verdict
from conformance.known.known_differences import classify, known_differences
from conformance.matrix import documents_matrix, select, surface
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.running.kill_matrix import affected_cases
from conformance.running.runner import run
from conformance.tests.support.keras_double import in_place_of_keras
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

# On the double, scripts are those of the backend whose conventions a deviation is judged by.
DOUBLE_BACKEND = "tensorflow"


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A script that says something else than the report of its case.

    Attributes:
        case_id: of both.
        deviation: that was in Keras' place; "" for none.
        report: the case's verdict, and the checks that reject.
        script: what it raised; "" where it passed.
    """

    case_id: str
    deviation: str
    report: str
    script: str

    def __str__(self) -> str:
        """In one line."""
        under = f" under {self.deviation}" if self.deviation else ""
        return f"{self.case_id}{under}: the report says {self.report}, the script {self.script or 'passes'}"


def outcome(script: str) -> str:
    """What the script raises, in one line, run as a main program in this process; "" where it passes."""
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder, contextlib.chdir(folder):
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
                exec(compile(script, "repro.py", "exec"), {"__name__": "__main__"})  # noqa: S102  # as `python repro.py` does
        except SystemExit as exit_:
            return f"exit code {exit_.code}" if exit_.code else ""
        except Exception as error:  # noqa: BLE001  # whatever it raises, Python would exit with 1
            return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return ""


def outcome_on_double(script: str, deviation: str = "") -> str:
    """The same with the double in Keras' place."""
    with in_place_of_keras(deviation):
        return outcome(script)


def written(case: Case, backend: str) -> tuple[str, str]:
    """The case's script, or "" and why there is none."""
    try:
        return reproduction(case, backend), ""
    except LSTMError as error:
        return "", re.sub(r"(with|for) (u\d+-\S+|\S+ or stateful calls)", "", str(error)).split("; ")[0].split(": it comb")[0]


def differs_from_keras(case: Case, script: str, adapter: Adapter, environment: dict[str, str]) -> Disagreement | None:
    """Judge the case on Keras and run its script on it; a known difference is one."""
    (result,) = run([case], adapter)
    verdict = classify(result, environment).verdict
    raised = outcome(script)
    if (verdict is Verdict.PASS) == (not raised):
        return None
    return Disagreement(case_id=case.id, deviation="", report=str(verdict), script=raised)


def below_limit(script: str, deviation: str) -> bool:
    """Whether the script sees the deviation where its one limit, of the largest σ of all, is as small as that σ."""
    sharper = re.sub(r"atol=([-+.e\d]+)", lambda found: f"atol={float(found[1]) / ELEMENT_LIMIT}", script)
    return not outcome_on_double(sharper) and bool(outcome_on_double(sharper, deviation))


def accepted_wrongly(case: Case, script: str, deviations: Sequence[str]) -> Iterator[Disagreement]:
    """The deviations that the case rejects and its script accepts, but for errors below the limit that the script states."""
    for name in () if not_asserted(case, script) else deviations:
        if not outcome_on_double(script, name) and not below_limit(script, name):
            (result,) = run([case], ReferenceAdapter(name))
            if result.verdict is not Verdict.PASS:
                rejecting = ", ".join(check.check for check in result.checks if check.verdict is not Verdict.PASS)
                yield Disagreement(case_id=case.id, deviation=name, report=f"{result.verdict} ({rejecting})", script="")


def deviations_of(case: Case, *, orders: int, seed: int = 0) -> list[str]:
    """Those that show in the case and may not hide; of the many orders of gates, so many, others in each case."""
    names = [name for name in DEVIATIONS if affected_cases(name, [case]) and not DEVIATIONS[name].hides]
    gates = [name for name in names if "_gates_" in name]
    drawn = random.Random(f"{case.id} {seed}").sample(gates, min(orders, len(gates)))  # noqa: S311  # a sample of a test
    return [name for name in names if name not in gates or name in drawn]


# Scripts that end or block the process that runs them.
ALONE = ("openvino-empty-batch-kills-the-process",)


def _known(backend: str) -> int:
    """Run the script of every known difference of a backend; each must show it."""
    os.environ["KERAS_BACKEND"] = backend
    entries = [known for known in known_differences() if backend in known.backends and known.id not in ALONE]
    silent = [known.id for known in entries if not outcome(known_reproduction(known, backend))]
    click.echo(f"{len(entries)} scripts of known differences on {backend}; not shown: {', '.join(silent) or 'none'}")
    return 1 if silent else 0


@click.command()
@click.option("--backend", default="", help="Compare with real Keras on this backend.  [default: with deviations, on the double]")
@click.option("--level", default="standard", help="quick, standard, deep, or documents.")
@click.option("--case", "patterns", multiple=True, help="Only the cases with this id or pattern (*, ?); repeatable.")
@click.option("--share", type=float, default=1.0, help="Of the cases, a seeded sample.")
@click.option("--seed", type=int, default=0)
@click.option("--orders", type=int, default=3, help="Of the orders of gates, how many for each case.")
@click.option("--known", "knows", is_flag=True, help="Run the scripts of known differences in place of those of cases.")
def main(*, backend: str, level: str, patterns: tuple[str, ...], share: float, seed: int, orders: int, knows: bool) -> None:
    """Compare what scripts say with what reports say; exits with 1 where they differ."""
    if knows:
        sys.exit(_known(backend or DOUBLE_BACKEND))
    planned = select([*documents_matrix(seed)] if level == "documents" else surface(level, seed), patterns)
    drawn = random.Random(seed)  # noqa: S311  # likewise
    cases = [case for case in planned if isinstance(case, Case) and drawn.random() < share]
    unwritten, ran, tried, found = collections.Counter[str](), 0, 0, list[Disagreement]()
    adapter, environment = None, dict[str, str]()
    if backend:
        os.environ["KERAS_BACKEND"] = backend
        adapter = KerasLayerAdapter(backend)
        environment = dict(adapter.start())
    for case in cases:
        script, reason = written(case, backend or DOUBLE_BACKEND)
        if adapter is None and case.execution.route == "gradient":
            script, reason = "", "gradients are Keras' own: the double has none"
        if not script:
            unwritten[reason] += 1
            continue
        ran += 1
        if adapter is not None:
            found += filter(None, [differs_from_keras(case, script, adapter, environment)])
            continue
        if raised := outcome_on_double(script):
            found.append(Disagreement(case_id=case.id, deviation="", report="pass", script=raised))
        names = deviations_of(case, orders=orders, seed=seed)
        tried += len(names)
        found += accepted_wrongly(case, script, names)
    for disagreement in found:
        click.echo(str(disagreement))
    for reason, count in unwritten.most_common():
        click.echo(f"{count} without a script: {reason}")
    click.echo(f"{ran} scripts of {len(cases)} cases, {tried} times under a deviation: {len(found)} disagreements")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

"""Whether implementations agree with one another, pair by pair: beside the oracle, from what each has returned.

`verify --keep FOLDER` writes what was observed, one file of arrays per case, and the environment; `lstm-conformance agree` compares
two or more such folders. Weights, inputs, what is expected and σ are functions of the case id, so the files hold outputs only.
"""

from __future__ import annotations

import itertools
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from conformance.adapters.conventions import USUAL, Conventions
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.compare import Gap, measure
from conformance.judging.judgement import is_beyond_rounding
from conformance.known.known_differences import covering_entries
from conformance.reference.run import Answer, answer
from conformance.reference.tolerance import TWO_RUNS
from conformance.report.documents import as_document, read
from conformance.system.array_files import ArrayFileError, load_arrays
from conformance.system.lifetime import unfinished
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

ENVIRONMENT = "environment.json"


@dataclass(frozen=True)
class Folder:
    """Keeps what is observed.

    Args:
        path: of the folder; made if it is not there.
    """

    path: Path

    def __call__(self, case: Case, observed: Observation) -> None:
        """One file per case; dropout draws its own masks in each implementation, so that there is nothing to compare."""
        if observed.dropout:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        arrays = {f"{number}_{name}": array for number, call in enumerate(observed.calls) for name, array in call.computed.items()}
        with unfinished(self.path / f"{case.id}.npz") as begun, begun.open("wb") as file:
            np.savez(file, **arrays)

    def describe(self, environment: Mapping[str, str]) -> None:
        """Say what the arrays come from.

        Raises:
            LSTMError: there are arrays already, and they come from something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / ENVIRONMENT
        if path.exists():
            found = read(path, "observations", made_by="lstm-conformance verify --keep ANOTHER_FOLDER")["environment"]
            differing = [name for name in {**found, **environment} if found.get(name) != environment.get(name)]
            if differing:
                said = "; ".join(f"{name} {found.get(name)} there, {environment.get(name)} here" for name in differing)
                raise LSTMError(
                    f"{self.path} keeps what another implementation returned: {said}; name another folder, or delete it"
                )
        document = as_document("observations", {"environment": dict(environment)})
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How two implementations compare.

    Attributes:
        names: of the two.
        cases: number of cases that both have observed.
        worst: largest difference of an element, in σ of two runs, known differences aside.
        rms: largest root mean square of an array, likewise.
        differing: id of each case where they differ by more than the limits, and by how much.
        not_compared: ids of the cases that one of the two has not observed.
        known: id of each case where they do by a known difference of one of them, and the id of that.
    """

    names: tuple[str, str]
    cases: int
    worst: float
    rms: float
    differing: tuple[tuple[str, float], ...]
    known: tuple[tuple[str, str], ...] = ()
    not_compared: tuple[str, ...] = ()


def agree(folders: Sequence[Path]) -> list[Agreement]:
    """Compare every two folders on the cases that both hold.

    Raises:
        LSTMError: a folder does not say what its observations are of, or two have no case in common.
    """
    observed = [_Observed.read(folder) for folder in folders]
    return [_compare(one, other) for one, other in itertools.combinations(observed, 2)]


@dataclass(frozen=True, kw_only=True)
class _Observed:
    """A folder that was read: what made it, its conventions, and files by case id."""

    name: str
    environment: Mapping[str, str]
    conventions: Conventions
    files: Mapping[str, Path]

    @classmethod
    def read(cls, folder: Path) -> _Observed:
        said = read(folder / ENVIRONMENT, "observations", made_by=f"lstm-conformance verify --keep {shlex.quote(str(folder))}")
        environment = said["environment"]
        name = f"{environment['implementation']} on {environment.get('backend', 'no backend')}"
        files = {file.stem: file for file in sorted(folder.glob("*.npz"))}
        return cls(name=name, environment=environment, conventions=conventions_of(environment), files=files)

    def known(self, case_id: str) -> list[str]:
        """The known differences, other than crashes, that a case may show here."""
        return [entry.id for entry in covering_entries(case_id, self.environment) if entry.checks]


def conventions_of(environment: Mapping[str, str]) -> Conventions:
    """Those of the backend that an environment names."""
    conventions = CONVENTIONS.get(environment.get("backend", ""), USUAL)
    return replace(conventions, products=environment.get("products", ""))


def read_arrays(path: Path) -> dict[str, Array]:
    """What a folder keeps of a case, in float64: by number of the call and name, as `0_outputs`.

    Raises:
        LSTMError: the file cannot be read.
    """
    try:
        arrays = {name: np.asarray(array, np.float64) for name, array in load_arrays(path).items()}
    except (ArrayFileError, ValueError, TypeError) as error:
        raise LSTMError(f"{path} cannot be read: {error}; {_kept_anew(path)}") from error
    if not arrays:
        raise LSTMError(f"{path} holds no array; {_kept_anew(path)}")
    return arrays


def _kept_anew(path: Path) -> str:
    return f"delete it, and keep the case anew with the `verify --keep {path.parent}` that made it"


def _compare(one: _Observed, other: _Observed) -> Agreement:
    common = [case_id for case_id in one.files if case_id in other.files]
    if not common:
        kept = " and ".join(f"{each.name} ({len(each.files):,} cases kept)" for each in (one, other))
        raise LSTMError(f"{kept} have no case in common: keep the same cases of both, with lstm-conformance verify --keep FOLDER")
    worst, rms = 0.0, 0.0
    differing, known = [], []
    for case_id in common:
        arrays = [read_arrays(each.files[case_id]) for each in (one, other)]
        gaps = [*gaps_between(Case.from_id(case_id), arrays, [one.conventions, other.conventions]).values()]
        gaps += [_nothing_alike(0) for _ in arrays[0].keys() ^ arrays[1].keys()]
        differs = any(map(is_beyond_rounding, gaps))
        if differs and (explained := [*one.known(case_id), *other.known(case_id)]):
            known.append((case_id, explained[0]))
            continue
        worst, rms = max([worst, *(gap.worst for gap in gaps)]), max([rms, *(gap.rms for gap in gaps)])
        if differs:
            differing.append((case_id, max(gap.worst for gap in gaps)))
    return Agreement(
        names=(one.name, other.name),
        cases=len(common),
        worst=worst,
        rms=rms,
        differing=tuple(differing),
        known=tuple(known),
        not_compared=tuple(sorted(one.files.keys() ^ other.files.keys())),
    )


def gaps_between(
    case: Case,
    arrays: Sequence[Mapping[str, Array]],
    conventions: Sequence[Conventions],
    *,
    aligned: bool = True,
    both_wrong: bool = False,
) -> dict[str, Gap]:
    """The gap of each array that both hold, by its name; infinite where one has not the shape that the case asks for.

    Args:
        case: what was asked.
        arrays: what each of the two returned.
        conventions: of each.
        aligned: hold their difference against that which their conventions make, which is mostly none, not against zero.
        both_wrong: take the largest σ of an array for all of it, since that of a wrong element is not known.
    """
    (ours, theirs), stimulus = arrays, draw([case])
    answers = [answer(case, stimulus, each) for each in conventions]
    gaps = {}
    for number, call in enumerate(answers[0].calls):
        for name in call.computed:
            key = f"{number}_{name}"
            if key in ours and key in theirs and ours[key].size:
                places = [(each, number, name) for each in answers]
                gaps[key] = _gap(ours[key], theirs[key], places, aligned=aligned, both_wrong=both_wrong)
    return gaps


def _nothing_alike(size: int) -> Gap:
    """Of an array that one has and the other has not, or has in another shape."""
    return Gap(where=(), got=math.nan, expected=math.nan, worst=math.inf, rms=math.inf, size=size)


def _gap(ours: Array, theirs: Array, places: Sequence[tuple[Answer, int, str]], *, aligned: bool, both_wrong: bool) -> Gap:
    expected, further = (np.asarray(each.calls[number].computed[name]) for each, number, name in places)
    sigma = np.maximum(*(np.asarray(each.sigma[number].computed[name]) for each, number, name in places))
    if not ours.shape == theirs.shape == expected.shape:
        return _nothing_alike(ours.size)
    with np.errstate(invalid="ignore"):  # what is not finite is compared for being the same
        moved = np.where(expected == further, 0.0, further - expected) if aligned else np.zeros_like(expected)
    return measure(theirs, ours + np.nan_to_num(moved), TWO_RUNS * (np.full_like(sigma, sigma.max()) if both_wrong else sigma))

"""Compares the outputs of implementations with one another, pair by pair.

`verify --keep FOLDER` writes one file of arrays per case, and a file that describes the environment. `lstm-conformance agree`
compares two or more such folders. Weights, inputs, expected values and σ are functions of the case id, so the files hold outputs
only.
"""

from __future__ import annotations

import itertools
import json
import math
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.compare import Gap, measure
from conformance.judging.judgement import exceeds_limits
from conformance.known.known_differences import covering_entries
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import TWO_RUNS
from conformance.report.documents import as_document, read
from conformance.system.array_files import ArrayFileError, load_arrays
from conformance.system.lifetime import atomic_write
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

ENVIRONMENT = "environment.json"
_SUFFIX = ".npz"
# Characters of an id in one name: file systems allow 255 bytes, and ids can be longer.
_LONGEST_NAME = 200


@dataclass(frozen=True)
class ObservationFolder:
    """Writes observations to a folder.

    Args:
        path: of the folder; created if it does not exist.
    """

    path: Path

    def __call__(self, case: Case, observed: Observation) -> None:
        """Write one file per case. Dropout is left out, since each implementation draws masks of its own."""
        if observed.dropout:
            return
        path = path_of_case(self.path, case.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"{number}_{name}": array for number, call in enumerate(observed.calls) for name, array in call.computed.items()}
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    def describe(self, environment: Mapping[str, str]) -> None:
        """Write which implementation the arrays come from.

        Raises:
            LSTMError: the folder already has arrays of another implementation.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / ENVIRONMENT
        if path.exists():
            earlier = read(path, "observations", made_by="lstm-conformance verify --keep ANOTHER_FOLDER")["environment"]
            differing = [name for name in {**earlier, **environment} if earlier.get(name) != environment.get(name)]
            if differing:
                details = "; ".join(f"{name} {earlier.get(name)} there, {environment.get(name)} here" for name in differing)
                raise LSTMError(
                    f"{self.path} has the outputs of another implementation: {details}; name another folder, or delete it"
                )
        document = as_document("observations", {"environment": dict(environment)})
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The comparison of two implementations.

    Attributes:
        names: of the two implementations.
        cases: number of cases that both folders have.
        worst: largest difference of an element, in σ of two runs, without known differences.
        rms: largest root mean square difference of an array, in the same unit.
        differing: id and largest difference of each case beyond the limits.
        known: case id and known difference of each case that a known difference of either implementation explains.
        not_compared: ids of the cases that only one folder has.
    """

    names: tuple[str, str]
    cases: int
    worst: float
    rms: float
    differing: tuple[tuple[str, float], ...]
    known: tuple[tuple[str, str], ...] = ()
    not_compared: tuple[str, ...] = ()


def agree(folders: Sequence[Path]) -> list[Agreement]:
    """Compare every two folders on the cases that both have.

    Raises:
        LSTMError: a folder has no description of its implementation, or two folders have no case in common.
    """
    observations = [_Observations.read(folder) for folder in folders]
    return [_compare(first, second) for first, second in itertools.combinations(observations, 2)]


@dataclass(frozen=True, kw_only=True)
class _Observations:
    """The contents of a folder: the implementation, its conventions, and the files by case id."""

    name: str
    environment: Mapping[str, str]
    conventions: Conventions
    files: Mapping[str, Path]

    @classmethod
    def read(cls, folder: Path) -> _Observations:
        command = f"lstm-conformance verify --keep {shlex.quote(str(folder))}"
        environment = read(folder / ENVIRONMENT, "observations", made_by=command)["environment"]
        name = f"{environment['implementation']} on {environment.get('backend', 'no backend')}"
        files = {
            case_id: file
            for file in sorted(folder.rglob(f"*{_SUFFIX}"))
            if path_of_case(folder, case_id := _case_id(folder, file)) == file
        }
        return cls(name=name, environment=environment, conventions=conventions_of(environment), files=files)

    def known_differences(self, case_id: str) -> list[str]:
        """Ids of the known differences, other than crashes, that a case may show."""
        return [entry.id for entry in covering_entries(case_id, self.environment) if entry.checks]


def path_of_case(folder: Path, case_id: str, suffix: str = _SUFFIX) -> Path:
    """Where a folder has the file of a case. A long id goes on in a folder that is called by its beginning."""
    *beginnings, name = textwrap.wrap(case_id, _LONGEST_NAME, break_on_hyphens=False)
    return folder.joinpath(*beginnings, f"{name}{suffix}")


def _case_id(folder: Path, file: Path) -> str:
    """The id of the case that a file of a folder of observations belongs to."""
    return "".join(file.relative_to(folder).parts).removesuffix(_SUFFIX)


def conventions_of(environment: Mapping[str, str]) -> Conventions:
    """The conventions of an environment's backend."""
    conventions = CONVENTIONS.get(environment.get("backend", ""), DEFAULT_CONVENTIONS)
    return replace(conventions, products=environment.get("products", ""))


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of one case in float64. A key is the number of the call and the name of the array, as `0_outputs`.

    Raises:
        LSTMError: the file cannot be read.
    """
    try:
        arrays = {name: np.asarray(array, np.float64) for name, array in load_arrays(path).items()}
    except (ArrayFileError, ValueError, TypeError) as error:
        raise LSTMError(f"{path} cannot be read: {error}; {_remedy(path)}") from error
    if not arrays:
        raise LSTMError(f"{path} holds no array; {_remedy(path)}")
    return arrays


def _remedy(path: Path) -> str:
    return f"delete it, and run the `verify --keep {path.parent}` that wrote it again"


def _compare(first: _Observations, second: _Observations) -> Agreement:
    pair = (first, second)
    common = [case_id for case_id in first.files if case_id in second.files]
    if not common:
        names = " and ".join(f"{folder.name} ({len(folder.files):,} cases)" for folder in pair)
        raise LSTMError(f"{names} have no case in common: run the same cases on both, with lstm-conformance verify --keep FOLDER")
    worst, rms = 0.0, 0.0
    differing, known = [], []
    for case_id in common:
        arrays = [read_arrays(folder.files[case_id]) for folder in pair]
        gaps = [*gaps_between(Case.from_id(case_id), arrays, [folder.conventions for folder in pair]).values()]
        gaps += [_infinite_gap(0) for _ in arrays[0].keys() ^ arrays[1].keys()]
        differs = any(map(exceeds_limits, gaps))
        if differs and (explanations := [entry for folder in pair for entry in folder.known_differences(case_id)]):
            known.append((case_id, explanations[0]))
            continue
        worst, rms = max([worst, *(gap.worst for gap in gaps)]), max([rms, *(gap.rms for gap in gaps)])
        if differs:
            differing.append((case_id, max(gap.worst for gap in gaps)))
    return Agreement(
        names=(first.name, second.name),
        cases=len(common),
        worst=worst,
        rms=rms,
        differing=tuple(differing),
        known=tuple(known),
        not_compared=tuple(sorted(first.files.keys() ^ second.files.keys())),
    )


def gaps_between(
    case: Case,
    arrays: Sequence[Mapping[str, Array]],
    conventions: Sequence[Conventions],
    *,
    aligned: bool = True,
    both_wrong: bool = False,
) -> dict[str, Gap]:
    """The gap of each array that both implementations returned, by name. It is infinite where a shape is not the case's.

    Args:
        case: that both ran.
        arrays: outputs of the two implementations.
        conventions: of the two implementations.
        aligned: subtract the difference that follows from the two conventions. Most conventions agree, so it is mostly zero.
        both_wrong: use the largest σ of an array for all its elements, since σ of a wrong element is unknown.
    """
    (first, second), stimulus = arrays, draw([case])
    references = [expected_calls(case, stimulus, convention) for convention in conventions]
    gaps = {}
    for number, call in enumerate(references[0].calls):
        for name in call.computed:
            key = f"{number}_{name}"
            if key in first and key in second and first[key].size:
                expected = [np.asarray(reference.calls[number].computed[name]) for reference in references]
                sigma = np.maximum(*(np.asarray(reference.sigma[number].computed[name]) for reference in references))
                sigma = np.full_like(sigma, sigma.max(initial=0.0)) if both_wrong else sigma
                gaps[key] = _gap(first[key], second[key], expected, sigma, aligned=aligned)
    return gaps


def _infinite_gap(size: int) -> Gap:
    """The gap of an array that only one implementation has, or that has another shape."""
    return Gap(where=(), got=math.nan, expected=math.nan, worst=math.inf, rms=math.inf, size=size)


def _gap(first: Array, second: Array, expected: Sequence[Array], sigma: Array, *, aligned: bool) -> Gap:
    reference, other_reference = expected
    if not first.shape == second.shape == reference.shape:
        return _infinite_gap(first.size)
    shift = np.zeros_like(reference)
    if aligned:
        with np.errstate(invalid="ignore"):  # equal values that are not finite have a difference of NaN
            shift = np.nan_to_num(np.where(reference == other_reference, 0.0, other_reference - reference))
    return measure(second, first + shift, TWO_RUNS * sigma)

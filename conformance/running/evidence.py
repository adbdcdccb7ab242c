"""The observations of failing cases, kept until the run explains them."""

from __future__ import annotations

import errno
import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from conformance.cases.stimulus import draw
from conformance.judging.checks import Evidence
from conformance.running.agreement import path_of_case

# Bytes that stay free on the disk: results and journals matter more than explanations.
LEAST_FREE = 2**28


class KeptEvidence(Protocol):
    """The evidence of failing cases by case id: a folder, or a dictionary in this process."""

    def __contains__(self, case_id: object, /) -> bool:
        """Whether the evidence of a case is there."""

    def __getitem__(self, case_id: str, /) -> Evidence:
        """The evidence of a case; it may raise any exception if it cannot be read."""


@dataclass(frozen=True)
class EvidenceFolder:
    """Keeps observations in files that this run writes and reads, in a temporary folder of its own.

    Args:
        path: of the folder, which exists.
    """

    path: Path

    def __call__(self, evidence: Evidence) -> None:
        """Write the observation of a failing case, with the expected results.

        Raises:
            OSError: the file cannot be written, or the disk is nearly full.
        """
        if shutil.disk_usage(self.path).free < LEAST_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        path = self._path(evidence.case.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            pickle.dump((evidence.case, evidence.observed, evidence.conventions, evidence.expected), file)

    def __contains__(self, case_id: object) -> bool:
        """Whether the case has a file."""
        return self._path(str(case_id)).exists()

    def __getitem__(self, case_id: str) -> Evidence:
        """The evidence. Weights and inputs are drawn anew, since they follow from the case."""
        with self._path(case_id).open("rb") as file:
            case, observed, conventions, expected = pickle.load(file)  # noqa: S301  # a worker of this run has written it
        evidence = Evidence(case=case, stimulus=draw([case]), observed=observed, conventions=conventions)
        vars(evidence)["expected"] = expected  # takes tens of times longer than one run of the reference
        return evidence

    def _path(self, case_id: str) -> Path:
        return path_of_case(self.path, case_id, ".pickle")

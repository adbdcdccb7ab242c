"""Reads the list of sentences, makes claims of it, and compares it with the docstrings of the installed Keras."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.claims.docstrings.sentences import installed_sentences
from conformance.claims.docstrings.settling import Settlement
from conformance.claims.measure import import_keras
from conformance.claims.model import Claim, ClaimVerdict

# The version whose sentences are listed.
KERAS = "3.15.1"

# The classes whose docstrings are split, with the names of the files that list their sentences.
DOCUMENTS: Mapping[str, str] = {
    "LSTM": "lstm.toml",
    "LSTMCell": "lstm.toml",
    "RNN": "rnn.toml",
    "Bidirectional": "bidirectional.toml",
    "StackedRNNCells": "others.toml",
    "TimeDistributed": "others.toml",
    "Masking": "others.toml",
}


@dataclass(frozen=True, kw_only=True)
class SentenceClaim(Claim):
    """A sentence of docstrings, and what settles it.

    Attributes:
        settlement: the experiment, or the probes and defaults.
    """

    settlement: Settlement

    @property
    def source(self) -> str:
        """The file that holds the experiment, or what settles the sentence."""
        return self.settlement.source


@dataclass(frozen=True, kw_only=True)
class DocstringCoverage:
    """A docstring of the installed Keras, compared with the list.

    Attributes:
        document: name of the class.
        claimed: number of its sentences that are claims.
        silent: number of its sentences that say nothing that happens.
        new: its sentences that are not listed; nothing tests them.
        gone: listed sentences that it does not have.
    """

    document: str
    claimed: int
    silent: int
    new: tuple[str, ...]
    gone: tuple[str, ...]


def _read() -> tuple[tuple[SentenceClaim, ...], Mapping[str, str]]:
    """The claims, disagreements first in each document, and why each other sentence says nothing that happens."""
    claims: list[SentenceClaim] = []
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(DOCUMENTS.values()):
        table = tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
        claims += [_claim_of(entry) for entry in table.get("claim", [])]
        reasons |= {sentence: group["reason"] for group in table.get("silent", []) for sentence in group["sentences"]}
    documents = list(DOCUMENTS)
    claims.sort(key=lambda claim: (documents.index(claim.documents[0]), claim.expected is ClaimVerdict.HOLDS))
    return tuple(claims), reasons


def _claim_of(entry: Mapping[str, Any]) -> SentenceClaim:
    what_settles = {name: value for name, value in entry.items() if name not in ("id", "documents", "expected")}
    settlement = Settlement(**what_settles)
    return SentenceClaim(
        id=entry["id"],
        documents=tuple(entry["documents"]),
        statement=entry["sentence"],
        expected=ClaimVerdict(entry.get("expected", ClaimVerdict.HOLDS)),
        run=settlement.finding,
        settlement=settlement,
    )


DOCSTRING_CLAIMS, SILENT = _read()


def coverage() -> list[DocstringCoverage]:
    """Compare the list with the docstring of each class of the installed Keras.

    Raises:
        MissingFrameworkError: Keras 3 on TensorFlow is not installed.
    """
    layers = import_keras().layers
    return [_coverage_of(document, getattr(layers, document)) for document in DOCUMENTS]


def _coverage_of(document: str, layer_class: Any) -> DocstringCoverage:
    sentences = [str(sentence) for sentence in installed_sentences(layer_class)]
    claimed = [claim.statement for claim in DOCSTRING_CLAIMS if document in claim.documents]
    return DocstringCoverage(
        document=document,
        claimed=sum(sentence in claimed for sentence in sentences),
        silent=sum(sentence in SILENT for sentence in sentences),
        new=tuple(sentence for sentence in sentences if sentence not in claimed and sentence not in SILENT),
        gone=tuple(sentence for sentence in claimed if sentence not in sentences),
    )

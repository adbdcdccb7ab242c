"""The systems that the documents name: which of them the claims run, and which are not yet settled here."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.claims.model import ClaimVerdict


@dataclass(frozen=True, kw_only=True)
class System:
    """A system that the documents name.

    Attributes:
        name: the system.
        documents: which documents name it.
        claims: ids of the claims that run it; without one it is not yet settled here.
        missing: what would settle it; empty where claims run it.
    """

    name: str
    documents: tuple[str, ...]
    claims: tuple[str, ...] = ()
    missing: str = ""

    def __post_init__(self) -> None:
        if bool(self.claims) == bool(self.missing):
            raise ValueError(f"{self.name} is either run by claims or misses something that it is to say")

    @property
    def status(self) -> str:
        """In words, whether claims run it."""
        return "settled here" if self.claims else ClaimVerdict.NOT_YET_SETTLED.value

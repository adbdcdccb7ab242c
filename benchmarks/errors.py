"""Why a peer is not timed. Raised in worker processes and by those that ask them; needs no NumPy: see `benchmarks.worker`."""

from __future__ import annotations


class UnsupportedError(Exception):
    """The peer is not there, or has no such thing; the message says what."""


class FailedError(Exception):
    """The peer, or its process, failed; the message says how."""


class NotConformingError(FailedError):
    """The peer computes something else than the oracle; the message says where."""

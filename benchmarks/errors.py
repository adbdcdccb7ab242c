"""Reasons why a peer is not timed. Worker processes raise them before NumPy may be imported: see `benchmarks.worker`."""


class UnsupportedError(Exception):
    """The peer is not installed, or does not support the workload; the message gives the reason."""


class FailedError(Exception):
    """The peer or its process failed; the message gives the error."""


class NotConformingError(FailedError):
    """The results of the peer differ from the oracle's; the message gives the place."""

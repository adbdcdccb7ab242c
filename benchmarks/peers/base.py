"""What a peer is, and what its module provides: `prepare(problem, route, threads)`, which gives a `Prepared`.

A module imports its framework within that function, which only ever runs in a worker process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions, version
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmarks.errors import UnsupportedError
from lstm_ref.arrays import Array


class Prepared(NamedTuple):
    """A peer that holds weights and inputs in its own form.

    Attributes:
        call: the computation that is timed; what it returns is computed when it returns.
        read: what it returned, as arrays: the outputs of each call, or the gradients of each weight and of the inputs.
    """

    call: Callable[[], Any]
    read: Callable[[Any], Sequence[Array]]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Who is timed.

    Attributes:
        name: without spaces.
        module: that prepares it, by its full name.
        route: what to use of it, in the module's words.
        group: the process that it shares with others.
        packages: that it imports.
        environment: variables that its process needs.
        is_own: whether it is of this project, so that its failure is a failure.
        centred: whether its sigmoid is 1/2 and an odd function: see `benchmarks.expectation`.
        is_floor: whether it is the matrix products alone, which answer nothing.
    """

    name: str
    module: str
    route: str = ""
    group: str
    packages: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    is_own: bool = False
    centred: bool = False
    is_floor: bool = False

    def versions(self) -> str:
        """Of its packages, in words.

        Raises:
            UnsupportedError: one is not installed.
        """
        return ", ".join(f"{package} {_version(package)}" for package in self.packages)


def _version(package: str) -> str:
    distributions = _distributions().get(package)
    if not distributions:
        raise UnsupportedError(f"{package} is not installed")
    return version(distributions[0])


# Some packages come in several distributions: TensorFlow as tensorflow, tensorflow-cpu …
_distributions = cache(packages_distributions)


def chained(call: Callable[..., Sequence[Any]], inputs: Sequence[Any]) -> list[Any]:
    """Outputs of calls of which each is given the states that the one before it returned, the first none."""
    outputs, states = [], ()
    for read in inputs:
        output, *states = call(read, *states)  # type: ignore[assignment]  # none, or the two of them
        outputs.append(output)
    return outputs

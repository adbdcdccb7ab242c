"""A peer, and the function of its module: `prepare(problem, route, threads)`, which returns a `Prepared`.

A module imports its framework within that function, which only ever runs in a worker process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions, version
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmarks.errors import UnsupportedError
from lstm_ref.arrays import Array


class Prepared(NamedTuple):
    """A peer with weights and inputs in its own form.

    Attributes:
        call: the timed computation, which is complete when it returns.
        read: converts its result to arrays: the outputs of each call, or the gradients of each weight and of the inputs.
    """

    call: Callable[[], Any]
    read: Callable[[Any], Sequence[Array]]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A timed implementation.

    Attributes:
        name: without spaces.
        module: that prepares it, by its full name.
        route: how to call it, in the words of its module.
        group: of peers that share a process.
        packages: that it imports.
        environment: variables that its process needs.
        is_own: whether it belongs to this project, so that its failure fails the test.
        centred: whether its sigmoid is 1/2 plus an odd function: see `benchmarks.expectation`.
        is_floor: whether it computes only the matrix products, without results.
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
        """The versions of its packages, in words.

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
    """The outputs of calls, each with the states that the call before it returned; the first without."""
    outputs, states = [], ()
    for call_inputs in inputs:
        output, *states = call(call_inputs, *states)  # type: ignore[assignment]  # none, or the two of them
        outputs.append(output)
    return outputs

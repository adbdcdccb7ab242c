"""The floor: the matrix products that every LSTM of this size needs, by NumPy's BLAS, into allocated memory."""

from collections.abc import Callable
from timeit import repeat

import numpy as np

from benchmarks.peers.base import Prepared
from benchmarks.problem import Problem
from lstm_ref import LSTMWeights
from lstm_ref.arrays import Array

# Calls with which the faster of two layouts is determined.
TRIALS = 5


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """The products of every direction and call, in the faster of two layouts: the batch as rows or as columns."""
    backward = problem.cotangent is not None

    def products(*, batch_last: bool) -> Callable[[], None]:
        parts = [
            _products(weights, inputs, backward=backward, batch_last=batch_last)
            for weights in problem.weights
            for inputs in problem.inputs
        ]

        def call() -> None:
            for part in parts:
                part()

        return call

    layouts = [products(batch_last=False), products(batch_last=True)]
    return Prepared(min(layouts, key=lambda call: min(repeat(call, number=1, repeat=TRIALS))), lambda _: [])


def _products(weights: LSTMWeights, inputs: Array, *, backward: bool, batch_last: bool) -> Callable[[], None]:
    """X W of all timesteps in one product and h U of each; with gradients, the products with δz too."""
    batch, steps, input_dim = inputs.shape
    units = weights.units
    random = np.random.Generator(np.random.PCG64(0))

    def arranged(array: Array) -> Array:
        return np.ascontiguousarray(array.swapaxes(-1, -2)) if batch_last else array

    def multiply(left: Array, right: Array, out: Array) -> None:
        np.matmul(right, left, out=out) if batch_last else np.matmul(left, right, out=out)

    def drawn(*shape: int) -> Array:
        return arranged(random.standard_normal(shape, np.float32))

    W, U = arranged(weights.kernel), arranged(weights.recurrent_kernel)
    X, flat_H, Z = drawn(steps * batch, input_dim), drawn(steps * batch, units), drawn(steps * batch, 4 * units)
    H, z = drawn(steps, batch, units), drawn(batch, 4 * units)

    def forward() -> None:
        multiply(X, W, Z)
        for h in H:
            multiply(h, U, z)

    if not backward:
        return forward
    dZ = drawn(steps, batch, 4 * units)
    dX, dh, dW, dU = np.empty_like(X), np.empty_like(H[0]), np.empty_like(W), np.empty_like(U)

    def forward_and_backward() -> None:
        forward()
        for dz in dZ:
            multiply(dz, U.T, dh)
        multiply(Z, W.T, dX)
        multiply(X.T, Z, dW)
        multiply(flat_H.T, Z, dU)

    return forward_and_backward

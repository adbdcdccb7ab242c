"""The floor: the matrix products that an LSTM of this size cannot do without, by NumPy's BLAS, into memory that is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.peers.base import Prepared
from benchmarks.problem import Problem
from lstm_ref import LSTMWeights
from lstm_ref.arrays import Array


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Of every direction and call, one after the other."""
    backward = problem.cotangent is not None
    parts = [_products(weights, inputs, backward=backward) for weights in problem.weights for inputs in problem.inputs]

    def call() -> None:
        for part in parts:
            part()

    return Prepared(call, lambda _: [])


def _products(weights: LSTMWeights, inputs: Array, *, backward: bool) -> Callable[[], None]:
    """X W of all timesteps in one product and h U of each; with gradients, those with which δz of all timesteps is used."""
    batch, steps, input_dim = inputs.shape
    units, W, U = weights.units, weights.kernel, weights.recurrent_kernel
    X = np.ascontiguousarray(inputs.swapaxes(0, 1)).reshape(steps * batch, input_dim)
    random = np.random.Generator(np.random.PCG64(0))
    H = random.standard_normal((steps, batch, units), np.float32)
    Z, z = np.empty((steps * batch, 4 * units), np.float32), np.empty((batch, 4 * units), np.float32)
    dZ = random.standard_normal((steps, batch, 4 * units), np.float32)
    dX, dh, dW, dU = np.empty_like(X), np.empty_like(H[0]), np.empty_like(W), np.empty_like(U)
    flat_H, flat_dZ = H.reshape(steps * batch, units), dZ.reshape(steps * batch, 4 * units)

    def forward() -> None:
        np.matmul(X, W, out=Z)
        for h in H:
            np.matmul(h, U, out=z)

    def both() -> None:
        forward()
        for dz in dZ:
            np.matmul(dz, U.T, out=dh)
        np.matmul(flat_dZ, W.T, out=dX)
        np.matmul(X.T, flat_dZ, out=dW)
        np.matmul(flat_H.T, flat_dZ, out=dU)

    return both if backward else forward

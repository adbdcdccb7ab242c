"""Gradients, by what each backend has for them."""

import importlib
from typing import Any, Callable, List, Sequence, Tuple

# Weights and arrays to a number, and what else is wanted.
Loss = Callable[[Sequence[Any], Sequence[Any]], Tuple[Any, Any]]
Gradients = Tuple[Sequence[Any], Sequence[Any], Any]


def tape(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> Gradients:
    """TensorFlow's."""
    tensorflow = importlib.import_module("tensorflow")
    with tensorflow.GradientTape() as watching:
        watching.watch(list(arrays))
        value, kept = loss(weights, arrays)
    found = watching.gradient(value, [*weights, *arrays], unconnected_gradients="zero")
    return found[: len(weights)], found[len(weights) :], kept


def autograd(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> Gradients:
    """PyTorch's."""
    torch = importlib.import_module("torch")
    leaves = [array.detach().requires_grad_() for array in arrays]
    value, kept = loss(weights, leaves)
    found = torch.autograd.grad(value, [*weights, *leaves], allow_unused=True, materialize_grads=True)
    return found[: len(weights)], found[len(weights) :], kept


def grad(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> Gradients:
    """JAX's."""
    gradient = importlib.import_module("jax").grad(loss, argnums=(0, 1), has_aux=True)
    (of_weights, of_arrays), kept = gradient(list(weights), list(arrays))
    return of_weights, of_arrays, kept


# By backend: of (loss, weights, arrays) the derivatives of the loss with respect to both, and what else the loss returns.
DIFFERENTIATE = {"tensorflow": tape, "torch": autograd, "jax": grad}


def replaced(values: Sequence[Any], positions: Sequence[int], others: Sequence[Any]) -> List[Any]:
    """The values, those at the positions replaced."""
    changed = list(values)
    for position, other in zip(positions, others):
        changed[position] = other
    return changed

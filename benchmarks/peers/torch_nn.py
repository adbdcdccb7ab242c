"""`torch.nn.LSTM`."""

import importlib
from typing import Any

from benchmarks.errors import UnsupportedError
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem
from lstm_ref.arrays import Array
from lstm_ref.layouts import LAYOUTS


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Without gradients, in `torch.inference_mode`; padded sequences are packed and unpacked."""
    if problem.mask is not None and not problem.is_right_padded:
        raise UnsupportedError("torch.nn.LSTM supports no mask but padding at the end")
    torch = importlib.import_module("torch")
    lstm = _layer(torch, problem)
    inputs = [torch.from_numpy(array) for array in problem.inputs]
    if problem.cotangent is not None:
        cotangent, leaves = torch.from_numpy(problem.cotangent), [inputs[0].requires_grad_()]
        weights = [lstm.weight_ih_l0, lstm.weight_hh_l0, lstm.bias_ih_l0]
        return Prepared(
            lambda: torch.autograd.grad((lstm(inputs[0])[0] * cotangent).sum(), [*weights, *leaves]),
            lambda gradients: [*(gradient.T.numpy() for gradient in gradients[:-1]), gradients[-1].numpy()],
        )

    def call(read: Any, *states: Any) -> Any:
        outputs, (hidden, cell) = lstm(read, states or None)
        return outputs, hidden, cell

    timed_call = call if problem.mask is None else _packed(torch, lstm, problem.mask)
    return Prepared(
        torch.inference_mode()(lambda: chained(timed_call, inputs)), lambda outputs: [output.numpy() for output in outputs]
    )


def _layer(torch: Any, problem: Problem) -> Any:
    sizes = problem.weights[0].input_dim, problem.config.units
    lstm = torch.nn.LSTM(*sizes, batch_first=True, bidirectional=problem.is_bidirectional)
    named = {
        name + suffix: torch.from_numpy(array.copy())
        for weights, suffix in zip(problem.weights, ("", "_reverse"), strict=False)
        for name, array in LAYOUTS["pytorch"].write(weights).items()
    }
    lstm.load_state_dict(named)
    return lstm


def _packed(torch: Any, lstm: Any, mask: Array) -> Any:
    """A call over sequences of different lengths."""
    rnn, lengths, steps = torch.nn.utils.rnn, torch.from_numpy(mask.sum(axis=1)), mask.shape[1]

    def call(read: Any) -> Any:
        outputs, _ = lstm(rnn.pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False))
        return (rnn.pad_packed_sequence(outputs, batch_first=True, total_length=steps)[0],)

    return call

"""Runs the reference on any case, call after call, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.adapters.observation import CallObservation
from conformance.cases.case import TIME_DISTRIBUTED_OVER, Call, Case
from conformance.cases.stimulus import Stimulus
from lstm_ref import LSTM, Bidirectional, Composite, DropoutMasks, LSTMConfig, LSTMWeights, Stacked, State
from lstm_ref.arrays import Array
from lstm_ref.gradients import Backpropagation

Build = Callable[[LSTMConfig, LSTMWeights], LSTM]
Masks = Sequence[Sequence[DropoutMasks | None]]


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """How the reference runs a case.

    Attributes:
        build: one LSTM of the architecture.
        stacked: the composition of stacked layers, also of a single one.
        bidirectional: the composition of two directions.
        precision: the dtype to which inputs are rounded, as Keras rounds them to its compute dtype.
        copies: number of runs of each sequence; the copies follow each other in the batch.
        dropout: per call and LSTM, the masks that dropout drew; empty for none.
        backpropagation: the chain rule of the gradients; None for the layer's own.
        emits_initial_state: whether h0 is emitted before the first used timestep; None for the layer's own convention.
    """

    build: Build = LSTM
    stacked: Callable[[Sequence[LSTM]], Composite] = Stacked
    bidirectional: Callable[[LSTM, LSTM, str | None], Composite] = Bidirectional
    precision: str = "float32"
    copies: int = 1
    dropout: Masks = ()
    backpropagation: type[Backpropagation] | None = None
    emits_initial_state: bool | None = None

    def repeated(self, copies: int, build: Build) -> Oracle:
        """Return an oracle that runs each sequence so many times, with LSTMs made by `build`."""
        dropout = [[None if masks is None else masks.tile(copies) for masks in call] for call in self.dropout]
        return replace(self, build=build, copies=copies, dropout=dropout)

    def compose(self, case: Case, stimulus: Stimulus) -> Composite:
        """Build the case's architecture with its weights."""
        config, weights = case.config, stimulus.weights_of(case)
        if case.architecture == "bidi":
            # Keras' Bidirectional sets zero_output_for_mask in this way for both halves.
            half = replace(config, zero_output_for_mask=config.return_sequences)
            behind = replace(half, units=weights[1].units, go_backwards=True)
            merge_mode = None if case.merge_mode == "none" else case.merge_mode
            return self.bidirectional(self.build(half, weights[0]), self.build(behind, weights[1]), merge_mode)
        if len(weights) == 1:
            return self.stacked([self.build(config, weights[0])])
        # The cells of one RNN read the same reversed inputs; each of two layers reverses its own inputs.
        above = replace(config, go_backwards=False) if case.architecture == "cells2" else config
        return self.stacked([self.build(replace(config, return_sequences=True), weights[0]), self.build(above, weights[1])])

    def observe(self, case: Case, stimulus: Stimulus) -> tuple[CallObservation, ...]:
        """Return the results of each call of the case."""
        composite = self.compose(case, stimulus)
        for layer in composite.layers:
            if self.emits_initial_state is not None:
                layer.emits_initial_state = self.emits_initial_state
            if self.backpropagation is not None:
                layer.backpropagation = self.backpropagation
        return tuple(self._observe_call(composite, case, stimulus, number) for number in range(len(case.calls)))

    def _observe_call(self, composite: Composite, case: Case, stimulus: Stimulus, number: int) -> CallObservation:
        call = case.calls[number]
        reset: list[State] | None = None
        if call.after_reset:
            for layer in composite.layers:
                layer.reset_state()
            reset = [layer.state or layer.zero_state(case.sequences * self.copies) for layer in composite.layers]
        for position, layer in enumerate(composite.layers):
            layer.dropout = self.dropout[number][position] if self.dropout else None
        given, mask = stimulus.initial_state_of(case, call), stimulus.mask_of(case, call)
        read = (
            self._repeat(self.inputs_of(case, call, stimulus)),
            None if given is None else self._repeat_states(given),
            None if mask is None else self._repeat(mask),
        )
        with np.errstate(all="ignore"):  # some cases need overflow, NaN and infinity
            gradients = self._gradients(composite, case, call, stimulus, read)
            outputs, states = composite.forward(*read)
        kept = [layer.state for layer in composite.layers if layer.state is not None] if case.config.stateful else None
        return CallObservation(
            outputs=None if case.returns_loss else outputs,
            loss=self._loss(case, stimulus, outputs, mask) if case.returns_loss else None,
            gradients=gradients,
            **_state_arrays("", states if case.config.return_state and not case.returns_loss else None),
            **_state_arrays("stored_", kept),
            **_state_arrays("reset_", reset),
            returned=returned_shapes(case, outputs, states),
        )

    def inputs_of(self, case: Case, call: Call, stimulus: Stimulus) -> Array:
        """Return the inputs of the LSTM in a call, (sequences, timesteps, input_dim), rounded as Keras rounds them."""
        if case.mask_source == "embedding":
            return stimulus.embedding_of(case)[stimulus.ids_of(case, call)]
        inputs = stimulus.inputs_of(case, call)
        return inputs.astype("float32").astype("float64") if self.precision == "float32" else inputs.astype("float64")

    def _gradients(
        self, composite: Composite, case: Case, call: Call, stimulus: Stimulus, read: tuple[Array, Any, Array | None]
    ) -> dict[str, Array]:
        """Return the case's gradients by name. It must run before the call, which changes a stateful layer's state."""
        names = case.gradients_of(call)
        if not names:
            return {}
        inputs, given, mask = read
        d_outputs, d_states = stimulus.cotangents_of(case, call)
        d_inputs, parts = composite.gradients(
            inputs, self._repeat(d_outputs), self._repeat_states(d_states), given, mask, copies=self.copies
        )
        weights = [array for part in parts for array in part.weights.values()]
        states = [array for part in parts for array in (part.initial_state.hidden, part.initial_state.cell)]
        return dict(zip(names, [*weights, *([d_inputs] if "inputs" in names else []), *states], strict=False))

    def _repeat_states(self, states: Sequence[State]) -> list[State]:
        return [State(self._repeat(state.hidden), self._repeat(state.cell)) for state in states]

    def _repeat(self, array: Array) -> Array:
        return np.tile(array, (self.copies,) + (1,) * (array.ndim - 1))

    def _loss(self, case: Case, stimulus: Stimulus, outputs: Array, mask: Array | None) -> Array:
        """Mean squared difference from the targets, (copies,). If outputs have timesteps, masked timesteps are left out."""
        by_copy = outputs.reshape(self.copies, case.sequences, *outputs.shape[1:])
        squares = ((by_copy - stimulus.targets_of(case, by_copy.shape[1:])) ** 2).mean(axis=-1)
        used = np.ones(squares.shape[1:]) if mask is None or squares.ndim == 2 else mask
        return np.asarray((squares * used).sum(axis=tuple(range(1, squares.ndim))) / used.sum())


def _state_arrays(prefix: str, states: Sequence[State] | None) -> dict[str, Any]:
    if not states:
        return {}
    return {f"{prefix}{name}": np.concatenate([getattr(state, name) for state in states], axis=-1) for name in ("hidden", "cell")}


def returned_shapes(case: Case, outputs: Array, states: Sequence[State]) -> tuple[tuple[int, ...], ...]:
    """Return the shape of each array that Keras returns from a call with these outputs and states, in order."""
    if case.returns_loss:
        return ()
    halves = [units for units, _ in case.layer_sizes]
    widths = halves if case.architecture == "bidi" and case.merge_mode == "none" else outputs.shape[-1:]
    shapes = [(*outputs.shape[:-1], width) for width in widths]
    if case.config.return_state:
        shapes += [array.shape for state in states for array in (state.hidden, state.cell)]
    if case.architecture == "td":
        return tuple((rows // TIME_DISTRIBUTED_OVER, TIME_DISTRIBUTED_OVER, *rest) for rows, *rest in shapes)
    return tuple(shapes)

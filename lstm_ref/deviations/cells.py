"""Deviations of other cells: peepholes, a projection of the hidden state, a limit of the cell state.

Their equations::

    i_t = σ(… + w_i ⊙ c_{t-1})   f_t = σ(… + w_f ⊙ c_{t-1})   o_t = σ(… + w_o ⊙ c_t)     peepholes
    h_t = (o_t ⊙ g(c_t)) P                                                             projection
    c_t = clip(f_t ⊙ c_{t-1} + i_t ⊙ c̃_t, -limit, limit)                              cell clip

Gers & Schmidhuber, Recurrent nets that time and count, 2000 (peepholes); Sak, Senior & Beaufays, Long short-term memory recurrent
neural network architectures for large scale acoustic modeling, 2014 (projection).

As mutants they use fixed weights that depend on the sizes only; the description of a system uses the system's own weights. A
projection to fewer values than units is modelled as one to `units` values of which the last are zeros.
"""

from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations.deviation import Chapter, Deviation, subclass
from lstm_ref.errors import ShapeError
from lstm_ref.layer import LSTM
from lstm_ref.state import State

# As a mutant: the first timestep of every case exceeds it.
MUTANT_LIMIT = 2.0**-7


def _fixed(*shape: int) -> Array:
    """Weights cos 1, cos 2, …: dense, of both signs, no two equal."""
    return np.asarray(np.cos(np.arange(1.0, np.prod(shape) + 1)).reshape(shape))


class Peepholes(LSTM):
    peepholes: Array | None = None

    def gates(self, x_t: Array, state: State) -> Gates:
        units = self.config.units
        w_i, w_f, w_o = _checked("peepholes", self.peepholes, _fixed(3, units)).astype(self.dtype)
        z = dict(self.preactivations(x_t, state.hidden))
        z["i"], z["f"] = z["i"] + w_i * state.cell, z["f"] + w_f * state.cell
        c_t = self.new_cell(self.activate_gates(z), state)
        return self.activate_gates({**z, "o": z["o"] + w_o * c_t})


class Projection(LSTM):
    projection: Array | None = None
    projected_limit = np.inf

    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        units = self.config.units
        P = _checked("projection", self.projection, _fixed(units, units)).astype(self.dtype)
        return np.asarray(np.clip(super().new_hidden(gates, cell) @ P, -self.projected_limit, self.projected_limit))


class CellClipped(LSTM):
    cell_limit = MUTANT_LIMIT

    def new_cell(self, gates: Gates, state: State) -> Array:
        return np.clip(super().new_cell(gates, state), -self.cell_limit, self.cell_limit)


def _checked(name: str, own: Array | None, fixed: Array) -> Array:
    """The system's own weights, or else the fixed ones."""
    if own is None:
        return fixed
    if own.shape != fixed.shape:
        raise ShapeError(f"{name} must have shape {fixed.shape} for an LSTM of {len(fixed.T)} units; got {own.shape}")
    return own


DEVIATIONS = Chapter()

PEEPHOLES = DEVIATIONS.add(
    "peepholes", "input and forget gate read c_(t-1) too, and the output gate c_t, each unit its own", layer=Peepholes
)
PROJECTION = DEVIATIONS.add(
    "projection", "the hidden state is multiplied by a matrix before it is returned and fed back", layer=Projection
)
CELL_CLIPPED = DEVIATIONS.add("cell_clipped", "the cell state is kept within a limit, here of 1/128", layer=CellClipped)


def with_peepholes(i: Array, f: Array, o: Array) -> Deviation:
    """Peepholes with these weights, (units,) each."""
    return replace(PEEPHOLES, layer=subclass(Peepholes, peepholes=np.stack([i, f, o])))


def with_projection(matrix: Array, limit: float = np.inf) -> Deviation:
    """A projection by a matrix (units, values), of at most `units` values; the result is clipped to a limit.

    Raises:
        ShapeError: more values than units.
    """
    units, values = matrix.shape
    if values > units:
        raise ShapeError(f"a projection to more values than units is not modelled; got {values} values of {units} units")
    square = np.pad(matrix, ((0, 0), (0, units - values)))
    return replace(PROJECTION, layer=subclass(Projection, projection=square, projected_limit=limit))


def with_cell_clip(limit: float) -> Deviation:
    """The cell state clipped to [-limit, limit]."""
    return replace(
        CELL_CLIPPED,
        name=f"cell_clipped_at_{limit:g}",
        summary=f"the cell state is kept within a limit, here of {limit:g}",
        layer=subclass(CellClipped, cell_limit=limit),
    )

"""The NumPy code of a script: the six equations, with the masks, directions and merging that the case needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.cases.case import Case
from conformance.cases.masks import mask_of
from conformance.explaining.reproduction.data_lines import rows_of, states_text, targets_text
from lstm_ref import LSTMError

# Each activation of z; a product or a quotient may follow it. As functions of complex numbers they have a derivative too, along
# the real ones: NumPy orders those by their real parts.
_ACTIVATIONS: Mapping[str, str] = {
    "tanh": "np.tanh({z})",
    "linear": "{z}",
    "sigmoid": "1 / (1 + np.exp(-{z}))",
    "hard_sigmoid": "np.clip({z} / 6 + 0.5, 0, 1)",
    "hard_tanh": "np.clip({z}, -1, 1)",
    "relu": "np.maximum({z}, 0)",
    "relu6": "np.clip({z}, 0, 6)",
    "leaky_relu": "np.maximum({z}, 0.2 * {z})",
    "elu": "np.where({z} > 0, {z}, np.expm1({z}))",
    "celu": "np.where({z} > 0, {z}, np.expm1({z}))",
    "selu": "1.0507009873554805 * np.where({z} > 0, {z}, 1.6732632423543772 * np.expm1({z}))",
    "softplus": "(np.maximum({z}, 0) + np.log1p(np.exp(-np.maximum({z}, -{z}))))",
    "softsign": "{z} / (1 + np.maximum({z}, -{z}))",
    "squareplus": "({z} + np.sqrt({z}**2 + 4)) / 2",
    "soft_shrink": "(np.maximum({z} - 0.5, 0) + np.minimum({z} + 0.5, 0))",
    "hard_shrink": "np.where(np.abs({z}) > 0.5, {z}, 0)",
    "tanh_shrink": "({z} - np.tanh({z}))",
    "sparse_sigmoid": "np.clip(({z} + 1) / 2, 0, 1)",
    "silu": "{z} / (1 + np.exp(-{z}))",
    "swish": "{z} / (1 + np.exp(-{z}))",
    "hard_silu": "{z} * np.clip({z} / 6 + 0.5, 0, 1)",
    "hard_swish": "{z} * np.clip({z} / 6 + 0.5, 0, 1)",
    "mish": "{z} * np.tanh(np.log1p(np.exp({z})))",
    "exponential": "np.exp({z})",
    "log_sigmoid": "(np.minimum({z}, 0) - np.log1p(np.exp(-np.maximum({z}, -{z}))))",
    "softmax": "np.exp({z}) / np.exp({z}).sum(axis=-1, keepdims=True)",
    "log_softmax": "({z} - np.log(np.exp({z}).sum(axis=-1, keepdims=True)))",
}

# Where each way of writing a layer keeps its cell.
CELL = {"lstm": "layer.cell", "rnn": "layer.cell", "rnnlist": "layer.cell.cells[0]"}


def _activated(name: str | None, z: str) -> str:
    if (name or "linear") not in _ACTIVATIONS:
        raise LSTMError(f"activation {name!r} is not expressible in a script: its formula takes more than a line of NumPy")
    return _ACTIVATIONS[name or "linear"].format(z=z)


@dataclass(frozen=True, kw_only=True)
class NumpyLines:
    """The NumPy half of a script.

    Attributes:
        case: to compute.
        emits_initial_state: whether the outputs before the first used timestep are the initial state by the backend's convention,
            else zeros.
        short: write the sigmoid within the equations, to save a line.

    Raises:
        LSTMError: the case is not expressible in a few lines.
    """

    case: Case
    emits_initial_state: bool
    short: bool

    @property
    def states(self) -> str:
        """The line that makes h and c, zeros or random."""
        return f"h, c = {states_text(self.case, given=self.case.initial_state and not self.case.config.stateful)}"

    @property
    def several(self) -> bool:
        """Whether h, c and y are lists with one for each LSTM."""
        return len(self.case.layer_sizes) > 1

    @property
    def stacked(self) -> bool:
        """Whether the second LSTM reads the first's outputs."""
        return self.case.architecture in ("layers2", "cells2")

    @property
    def keeps_outputs(self) -> bool:
        """Whether more than the last h is needed."""
        return self.case.config.return_sequences or self.stacked

    def own(self, name: str) -> str:
        """One LSTM's h, c or y."""
        return f"{name}[k]" if self.several else name

    @property
    def mask(self) -> str:
        """The mask, (sequences, timesteps)."""
        case = self.case
        return f"mask.reshape({case.sequences}, {case.timesteps})" if case.architecture == "td" else "mask"

    def index(self) -> str:
        """The index of the current timestep in the inputs."""
        case = self.case
        if case.architecture == "bidi":
            return "-1 - t if k else t"
        if case.architecture == "cells2" and case.config.go_backwards:
            return "t if k else -1 - t"
        return "-1 - t" if case.config.go_backwards else "t"

    def mask_index(self) -> str:
        """The index of the current timestep in the mask, which keeps the order of the timesteps."""
        case = self.case
        if case.architecture == "layers2" and case.config.go_backwards:
            return "t if k else -1 - t"
        return "-1 - t" if case.architecture == "cells2" and case.config.go_backwards else self.index()

    def read(self) -> str:
        """The inputs, (sequences, timesteps, input_dim)."""
        case = self.case
        if case.architecture == "td":
            return f"x.reshape({case.sequences}, {case.timesteps}, {case.input_dim})"
        return "[x, y[0]][k]" if self.stacked else "x"

    @property
    def outputs(self) -> str:
        """The line that allocates the outputs; "" where none is needed."""
        if not self.keeps_outputs:
            return ""
        case = self.case
        units = [units for units, _ in case.layer_sizes]
        shape = f"({case.sequences}, {case.timesteps}, "
        dtype = ", complex" if case.execution.route == "gradient" else ""
        if not self.several:
            return f"y = np.zeros({shape}{units[0]}){dtype})"
        if units[0] != units[1]:
            return f"y = [np.zeros({shape}units){dtype}) for units in {tuple(units)}]"
        return f"y = np.zeros({(2, case.sequences, case.timesteps, units[0])}{dtype})"

    @property
    def loop(self) -> list[str]:
        """The equations over all timesteps of one call, LSTM by LSTM, starting from h and c."""
        steps = self.case.timesteps
        header = f"for k, t in np.ndindex({len(self.case.layer_sizes)}, {steps}):" if self.several else f"for t in range({steps}):"
        return [header, *(f"    {line}" for line in self.step())]

    def step(self) -> list[str]:
        """One timestep."""
        config = self.case.config
        h, c = self.own("h"), self.own("c")
        candidate, output = _activated(config.activation, "g"), _activated(config.activation, c)
        lines = [self.gates()]
        if self.short and config.recurrent_activation == "sigmoid":
            new_c = f"{c} / (1 + np.exp(-f)) + {candidate} / (1 + np.exp(-i))"
            new_h = f"{output} / (1 + np.exp(-o))"
        else:
            lines.append(f"i, f, o = [{_activated(config.recurrent_activation, 'z')} for z in (i, f, o)]")
            new_c, new_h = f"f * {c} + i * {candidate}", f"o * {output}"
        if self.case.mask != "none":
            use = f"{self.mask}[:, {self.mask_index()}, None]"
            new_c, new_h = f"np.where({use}, {new_c}, {c})", f"np.where({use}, {new_h}, {h})"
        place = f"{self.own('y')}[:, t] = " if self.keeps_outputs else ""
        return [*lines, f"{c} = {new_c}", f"{place}{h} = {new_h}"]

    def gates(self) -> str:
        """The line that computes the four pre-activations."""
        case = self.case
        W, U, b = ("W", "U", "b") if not self.several else (f"weights[{self.place(part)}]" for part in range(3))
        bias = f" + {b}" if case.config.use_bias else ""
        x_t, h = f"{self.read()}[:, {self.index()}]", self.own("h")
        if not case.in_training or case.dropout == "none":
            return f"i, f, g, o = np.split({x_t} @ {W} + {h} @ {U}{bias}, 4, axis=1)"
        which, cell = "[k]" if case.dropout_masks == 4 else "", CELL[case.execution.layer]
        # Of the masks that Keras drew, which values are kept; how much they are scaled by is no choice.
        x_rate, h_rate = case.dropout_rates
        x_t = f"({x_t} * (np.array({cell}.get_dropout_mask(None){which}) > 0) / {1 - x_rate})" if x_rate else x_t
        h = f"({h} * (np.array({cell}.get_recurrent_dropout_mask(None){which}) > 0) / {1 - h_rate})" if h_rate else h
        split = f"np.split({x_t} @ {W} + {h} @ {U}{bias}, 4, axis=1)"
        return f"i, f, g, o = [{split}[k] for k in range(4)]" if which else f"i, f, g, o = {split}"

    def place(self, part: int) -> str:
        """The index of the kernel, recurrent kernel or bias of one LSTM in the list of weights."""
        first = f"{3 if self.case.config.use_bias else 2} * k"
        return f"{first} + {part}" if part else first

    @property
    def expected(self) -> str:
        """An expression, the list of the expected arrays: outputs, then states."""
        case = self.case
        if case.returns_loss:
            (outputs,) = self.expected_outputs()
            # Of the used timesteps alone, where outputs keep their timesteps: Keras' losses follow the mask.
            used = "[mask]" if case.mask != "none" and case.config.return_sequences else ""
            return f"[np.mean(({outputs} - {targets_text(case)}){used} ** 2)]"
        # Of two layers, the states of the upper one come first.
        order = (1, 0) if case.architecture == "layers2" else (0, 1)
        states = [f"{name}[{k}]" for k in order for name in ("h", "c")] if self.several else ["h", "c"]
        return f"[{', '.join(self.expected_outputs() + states * case.config.return_state)}]"

    def expected_outputs(self) -> list[str]:
        """The expected outputs, one expression or two."""
        case, seq = self.case, self.case.config.return_sequences
        if case.architecture == "bidi":
            ahead, behind = ("y[0]", "y[1][:, ::-1]") if seq else ("h[0]", "h[1]")
            joined = {
                "concat": f"np.concatenate([{ahead}, {behind}], axis=-1)",
                "sum": f"{ahead} + {behind}",
                "ave": f"({ahead} + {behind}) / 2",
                "mul": f"{ahead} * {behind}",
            }
            if case.merge_mode in joined:
                return [self.emitted(joined[case.merge_mode])]
            return [self.emitted(ahead), self.emitted(behind)]
        kept = ("y[1]" if self.stacked else "y") if seq else ("h[1]" if self.stacked else "h")
        if case.architecture == "td":
            shape = (*rows_of(case), *((case.timesteps,) if seq else ()), case.config.units)
            return [f"{self.emitted(kept)}.reshape{shape}"]
        return [self.emitted(kept)]

    def emitted(self, kept: str) -> str:
        """The outputs at masked timesteps: the last h, or zeros before the first used timestep, or zeros at all of them."""
        case, config = self.case, self.case.config
        if case.mask == "none":
            return kept
        mask = self.mask
        # Outputs come in processing order, of two layers that go backwards in that of the timesteps again.
        reverse = config.go_backwards and case.architecture != "layers2"
        from_zeros = not case.initial_state and not config.stateful
        if config.return_sequences if case.architecture == "bidi" else config.zero_output_for_mask:
            if config.return_sequences:
                used = f"{mask}[:, ::-1, None]" if reverse else f"{mask}[..., None]"
            else:
                used = f"{mask}[:, :1]" if reverse else f"{mask}[:, -1:]"
        elif from_zeros or self.emits_initial_state or self.emits_from_the_start(reverse=reverse):
            return kept
        elif config.return_sequences:
            used = f"np.logical_or.accumulate({mask}{'[:, ::-1]' if reverse else ''}, axis=1)[..., None]"
        else:
            used = f"{mask}.any(axis=1)[:, None]"
        return f"np.where({used}, {kept}, 0)"

    def emits_from_the_start(self, *, reverse: bool) -> bool:
        """Whether every row uses its first timestep, so that no output comes before a used one."""
        mask = mask_of(self.case.mask, self.case.sequences, self.case.timesteps)
        if not self.case.config.return_sequences:
            return bool(mask.any(axis=1).all())
        return bool(mask[:, -1 if reverse else 0].all())

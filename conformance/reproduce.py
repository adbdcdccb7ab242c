"""A case as a standalone script of under 20 lines, which needs Keras and NumPy only: a bug report, and a regression test.

The script builds what the case builds, with small weights and inputs of its own, asks it by the case's route, and compares with
the six equations in NumPy, or, where the case has a relation, with the other way of asking; of gradients it compares the slope of
one loss in one direction. It exits with 1 where they differ by more than rounding or something raises, with 0 where they do not.
Importing this module imports no framework.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.backends import CONVENTIONS
from conformance.case import Case
from conformance.known_differences import KnownDifference
from conformance.reproduction.data_lines import inputs_text, mask_text, not_finite_lines, states_text, weights_text
from conformance.reproduction.gradient_lines import direction_line, judgement_lines, set_in_variable, states_line, variable_of
from conformance.reproduction.keras_lines import MAX_WIDTH, KerasLines, keras_lines
from conformance.reproduction.numpy_lines import CELL, NumpyLines, numpy_lines
from conformance.reproduction.relation_lines import RETURNED, again
from conformance.tolerance import UNIT_ROUNDOFF
from lstm_ref import LSTMError

MAX_LINES = 19

# Roundings that the two sides may differ by. Five timesteps of a few units make about 64: a dozen each, of products, sums and
# functions. In float32 and float64 all may go one way; in low precision, where each is large, twice their random walk is allowed.
# A gradient goes the same way back, which doubles them.
ROUNDINGS = {"float16": 16, "bfloat16": 16, "float32": 64, "float64": 64}

_BREAKS = re.compile(r"(?<=,)(?<!:,) | (?=\+ )")  # after an argument, before a summand; not within an index
_INPUTS = re.compile(r"\bx\b")
_INITIAL_STATE = re.compile(r", initial_state=[\[\]hc01, ]*\]")


def reproduction(case: Case, backend: str, about: str = "") -> str:
    """The script.

    Args:
        case: what is asked.
        backend: Keras' backend; another one can be chosen by KERAS_BACKEND when the script runs.
        about: what the first line says beside the command.

    Raises:
        LSTMError: the case cannot be expressed in so few lines; the message names what it combines.
    """
    if case.weights == "chaotic":
        raise LSTMError(f"chaotic weights are not expressible in a script: how far a correct run may be off is not, for {case.id}")
    for style in _STYLES:
        if not (style.equations or (case.config.stateful and not case.relation)):
            continue
        lines = [
            wrapped for line in _Script(case=case, backend=backend, about=about, style=style).lines() for wrapped in _wrapped(line)
        ]
        if len(lines) <= MAX_LINES:
            return "\n".join(lines) + "\n"
    features = ", ".join(f"{name}={value}" for name, value in case.said.items())
    raise LSTMError(f"a script for {case.id} would have more than {MAX_LINES} lines; reduce the case first: it combines {features}")


def known_reproduction(known: KnownDifference, backend: str) -> str:
    """A standalone script that shows a known difference, on one of its backends."""
    if not known.script:
        return reproduction(Case.from_id(known.evidence), backend, about=f"Keras {known.last}")
    head = f"# KERAS_BACKEND={backend} python {known.id}.py  (Keras {known.last})"
    return f'{head}\nimport os\n\nos.environ.setdefault("KERAS_BACKEND", "{backend}")\n{known.script.lstrip()}'


def run(script: str) -> int:
    """The exit code of the script, run in a fresh interpreter and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
        path = Path(folder) / "repro.py"
        path.write_text(script, encoding="utf-8")
        return subprocess.run([sys.executable, str(path)], cwd=folder, check=False).returncode  # noqa: S603  # written above


@dataclass(frozen=True, kw_only=True)
class _Style:
    """What a script does without, and what shares a line, to stay within its lines."""

    says_when_equal: bool = True
    short_sigmoid: bool = False
    joined: bool = False
    drawn_in_place: bool = False
    resets: bool = True
    equations: bool = True
    packed: bool = False


# From the most readable to the shortest; what a stateful layer is compared with is given up last.
_STYLES = (
    _Style(),
    _Style(says_when_equal=False),
    _Style(says_when_equal=False, short_sigmoid=True),
    _Style(says_when_equal=False, short_sigmoid=True, joined=True),
    _Style(says_when_equal=False, short_sigmoid=True, joined=True, drawn_in_place=True),
    _Style(says_when_equal=False, joined=True, drawn_in_place=True, equations=False),
    _Style(says_when_equal=False, short_sigmoid=True, joined=True, drawn_in_place=True, resets=False),
    _Style(says_when_equal=False, short_sigmoid=True, joined=True, drawn_in_place=True, packed=True),
)


@dataclass(frozen=True, kw_only=True)
class _Script:
    """Composes one script."""

    case: Case
    backend: str
    about: str
    style: _Style

    def lines(self) -> list[str]:
        """All lines, of any width."""
        keras = self._keras(self.case)
        if self.case.relation:
            body = self._relation(keras)
            imports: tuple[str, ...] = (*keras.imports, *self._keras(again(self.case).case).imports)
        else:
            body, imports = [*self._data(), *keras.build, *self._comparison(keras)], keras.imports
        body = _drawn_in_place(body) if self.style.drawn_in_place else body
        return [*self._head(imports), *(_packed(body) if self.style.packed else body)]

    def _keras(self, case: Case) -> KerasLines:
        return keras_lines(case, self.backend, short=self.style.drawn_in_place, inline=not self.case.relation or _captured(case))

    def _head(self, imports: tuple[str, ...]) -> list[str]:
        said = f"# {self.case.id}: KERAS_BACKEND={self.backend} python repro.py" + (f"   ({self.about})" if self.about else "")
        packages = ["import keras", "import numpy as np", *dict.fromkeys(imports)]
        if self.style.joined:
            packages = ["import " + ", ".join(line.removeprefix("import ") for line in packages)]
        return [said, "import os", f'os.environ.setdefault("KERAS_BACKEND", "{self.backend}")', *packages]

    def _data(self) -> list[str]:
        case = self.case
        mask = [f"mask = {mask_text(case)}  # True: use"] if case.mask != "none" else []
        name = "ids" if case.mask_source == "embedding" else "x"
        inputs = [f"{name} = {inputs_text(case)}"]
        if case.config.stateful:
            joined = case.having(stateful=False, timesteps=2 * case.timesteps)
            inputs = [] if self.style.equations or not self._calls_join else [f"x = {inputs_text(joined)}"]
        not_finite = [] if case.config.stateful else not_finite_lines(case)
        if variable := variable_of(case, self.backend):
            inputs, not_finite = [f"x = {variable}({inputs_text(case)})"], [set_in_variable(line, variable) for line in not_finite]
        single = len(case.layer_sizes) == 1
        equations = single and not case.relation and self.style.equations and not self.style.drawn_in_place and not self._gradient
        names = ("W, U, b = " if case.config.use_bias else "W, U = ") if equations else ""
        return ["random = np.random.default_rng(0)", *mask, *inputs, *not_finite, f"{names}weights = {weights_text(case)}"]

    @property
    def _gradient(self) -> bool:
        return self.case.execution.route == "gradient"

    # --- against NumPy ---------------------------------------------------------------------------------------------------------

    def _comparison(self, keras: KerasLines) -> list[str]:
        case = self.case
        if case.config.stateful and not self.style.equations and self._calls_join:
            return [*keras.prepare, *self._calls_against_one_another(keras)]
        conventions = CONVENTIONS[self.backend]
        expected = numpy_lines(
            case,
            first_masked_output=conventions.first_masked_output,
            short=self.style.short_sigmoid,
            named=self._gradient or not self.style.drawn_in_place,
        )
        lines = [*self._masks_kept(), *keras.prepare]
        if case.config.stateful:
            return lines + self._calls(keras, expected)
        got, zeros = [f"got = {keras.returned}", *self._read()], self._zeros(expected)
        if self._gradient:
            got.append(direction_line(case))
        # The equations change the states that Keras is given.
        begun = [*zeros, *lines, *got] if case.initial_state else [*lines, *got, *zeros]
        return [*begun, *expected.loop, *self._judge("got", expected.expected)]

    def _calls(self, keras: KerasLines, expected: NumpyLines) -> list[str]:
        """Three calls that carry over, a reset, and one more; an initial state is given to the second."""
        case = self.case
        name = "ids" if case.mask_source == "embedding" else "x"
        zeros = self._zeros(expected)
        lines = [f"for call, {name} in enumerate({inputs_text(case)}):"]
        if self.style.resets:
            lines += ["    if call in (0, 3):", *(f"        {line}" for line in (*self._reset(), *zeros))]
        returned = keras.returned
        if case.initial_state:
            lines += ["    if call == 1:", f"        h, c = {states_text(case, given=True)}"]
            if case.execution.route not in ("call", "training"):
                raise LSTMError(
                    "stateful models with initial states are not expressible in a script: their states are inputs of every call"
                )
            returned += f" if call == 1 else {_without_states(keras.returned)}"
        inner = [
            *not_finite_lines(case),
            f"got = {returned}",
            *self._read(),
            *expected.loop,
            *self._judge("got", expected.expected),
        ]
        return [*([] if self.style.resets else zeros), *lines, *(f"    {line}" for line in inner)]

    def _calls_against_one_another(self, keras: KerasLines) -> list[str]:
        """A sequence cut in two calls, and after a reset in one; with an initial state, the second call again after a reset."""
        case, cut = self.case, self.case.timesteps
        before, after = (_INPUTS.sub(f"x[:, {part}]", keras.returned) for part in (f":{cut}", f"{cut}:"))
        first = f"first = {_without_states(before)}"
        if case.initial_state:
            calls = [first, f"second = {after}", *self._reset(), f"again = {after}"]
            return [f"h, c = {states_text(case, given=True)}", *calls, *self._judge("second", "again", both_keras=True)]
        outputs = (
            "[keras.ops.concatenate([first[0], second[0]], axis=1), *second[1:]]" if case.config.return_sequences else "second"
        )
        calls = [first, f"second = {after}", *self._reset(), f"whole = {keras.returned}"]
        return [*calls, *self._judge(outputs, "whole", both_keras=True)]

    @property
    def _calls_join(self) -> bool:
        """Whether two calls one after the other are one long one."""
        case = self.case
        fixed = (
            case.execution.static_time or case.execution.unroll or case.execution.route not in ("call", "training", "functional")
        )
        one_way = not case.config.go_backwards and case.architecture in ("lstm", "layers2", "cells2")
        return one_way and case.mask == "none" and case.values == "finite" and not fixed

    def _reset(self) -> list[str]:
        layers = {"bidi": "layer.forward_layer, layer.backward_layer", "layers2": "below, layer", "td": "layer.layer"}
        several = layers.get(self.case.architecture)
        return [f"for each in ({several}):", "    each.reset_state()"] if several else ["layer.reset_state()"]

    def _zeros(self, expected: NumpyLines) -> list[str]:
        """The lines of y and of h and c."""
        states = states_line(self.case, self.backend, expected.states) if self._gradient else expected.states
        if not expected.outputs:
            return [states]
        if self.style.joined:
            return [f"y, (h, c) = {expected.outputs.removeprefix('y = ')}, {states.removeprefix('h, c = ')}"]
        return [expected.outputs, states]

    def _masks_kept(self) -> list[str]:
        """What makes the cell keep the dropout masks that it draws."""
        if not self._drops:
            return []
        resets = [f"{CELL[self.case.execution.layer]}.reset_{name}_mask = " for name in ("dropout", "recurrent_dropout")]
        return [f"{''.join(resets)}lambda: None  # the masks stay readable"]

    def _read(self) -> list[str]:
        """What NumPy needs of Keras beside the answer: the embedded inputs."""
        embedded = 'x = keras.ops.convert_to_numpy(keras.ops.cast(embedding(ids), "float32"))'
        return [embedded] if self.case.mask_source == "embedding" else []

    @property
    def _drops(self) -> bool:
        case = self.case
        drops = case.in_training and case.dropout != "none"
        if drops and (case.architecture != "lstm" or case.config.stateful):
            raise LSTMError(f"dropout in training with {case.architecture} or stateful calls is not expressible in a script")
        return drops

    # --- against another way of asking -----------------------------------------------------------------------------------------

    def _relation(self, keras: KerasLines) -> list[str]:
        other = again(self.case)
        second = self._keras(other.case)
        case = self.case
        lines = self._data()
        if case.initial_state:
            lines.append(f"h, c = {states_text(case, given=True)}")
        lines += [*keras.build, *keras.prepare, f"got = {keras.returned}"]
        lines += [line.replace(RETURNED, keras.returned) for line in other.before]
        made = [*second.build, *second.prepare]
        if second.build == keras.build:
            made = [line for line in made if line not in (*keras.build, *keras.prepare)]
        lines += [*made, f"again = {second.returned}"]
        return lines + self._judge(other.first, other.second, both_keras=True)

    # --- the verdict -----------------------------------------------------------------------------------------------------------

    def _judge(self, got: str, expected: str, *, both_keras: bool = False) -> list[str]:
        """The comparison; `both_keras` where both sides are tensors."""
        precision = CONVENTIONS[self.backend].computed_in(self.case.precision)
        roundings = ROUNDINGS[precision] * (2 if self._gradient else 1)
        limit = f"{roundings} * 2**{round(math.log2(UNIT_ROUNDOFF[precision]))}"
        # NumPy's own functions do not compute with bfloat16.
        array = (
            "np.float32(keras.ops.convert_to_numpy({tensor}))"
            if precision == "bfloat16"
            else "keras.ops.convert_to_numpy({tensor})"
        )
        sides, arrays = "actual, wanted", f"{array.format(tensor='actual')}, wanted"
        if both_keras:
            sides, arrays = "pair", f"*({array.format(tensor='side')} for side in pair)"
        lines = [
            f"for {sides} in zip({got}, {expected}, strict=True):",
            f"    np.testing.assert_allclose({arrays}, rtol={limit}, atol={limit})",
        ]
        if self._gradient:
            lines = judgement_lines(self.case, expected, round(math.log2(roundings * UNIT_ROUNDOFF[precision])))
        if self.style.says_when_equal:
            lines.append(f'print("no difference beyond {roundings} roundings of {precision}")')
        return lines


def _captured(case: Case) -> bool:
    """Whether a compiled call holds on to variables of the script, which a relation may change."""
    return case.initial_state or case.mask != "none"


def _without_states(text: str) -> str:
    return _INITIAL_STATE.sub("", text)


def _drawn_in_place(lines: Sequence[str]) -> list[str]:
    """Weights drawn in the line that sets them, inputs in the line that first reads them."""
    for name, reads in (("weights", "set_weights("), ("x", "got = "), ("ids", "got = ")):
        lines = _moved(lines, name, reads)
    return list(lines)


def _packed(lines: Sequence[str]) -> list[str]:
    """The layer built in the line that makes it, the generator made where it is first read, a block of one line in its header."""
    packed: list[str] = []
    for line in lines:
        last = packed[-1] if packed else ""
        block = f"{last} {line.strip()}"
        built = f"({last.replace(' = ', ' := ', 1)}){line.removeprefix('layer')}"
        if line.startswith("layer.build(") and last.startswith("layer = ") and len(built) <= MAX_WIDTH:
            packed[-1] = built
        elif last.lstrip().startswith("with ") and len(block) <= MAX_WIDTH:
            packed[-1] = block
        else:
            packed.append(line)
    made = "random = np.random.default_rng(0)"
    first = next(place for place, line in enumerate(packed) if "random." in line and line != made)
    if made not in packed or " for " in packed[first]:  # which would make it again for each
        return packed
    packed[first] = packed[first].replace("random.", f"({made.replace(' = ', ' := ')}).", 1)
    return [line for line in packed if line != made]


def _moved(lines: Sequence[str], name: str, reads: str) -> list[str]:
    """A variable's value in the first line that reads it, if that is the expected one, reads it once and has room for it."""
    made = [line for line in lines if line.startswith(f"{name} = ")]
    user = next((line for line in lines if re.search(rf"\b{name}\b", line) and line not in made), "")
    places = list(re.finditer(rf"\({name}\b" + ("(?=\\)$)" if f"lambda {name}:" in user else "(?=[,)])"), user))
    if len(made) != 1 or reads not in user or " for " in user or len(places) != 1:
        return list(lines)
    changed = f"{user[: places[0].start()]}({made[0].replace(' = ', ' := ', 1)}{user[places[0].end() :]}"
    if len(changed) > MAX_WIDTH:
        return list(lines)
    first = list(lines).index(user)
    return [line for line in (*lines[:first], changed, *lines[first + 1 :]) if line not in made]


def _wrapped(line: str) -> Iterator[str]:
    """The line, broken after a comma within its parentheses where it is too wide."""
    while len(line) > MAX_WIDTH:
        indent = len(line) - len(line.lstrip())
        cut = max((place.start() + 1 for place in _BREAKS.finditer(line, indent + 8, MAX_WIDTH)), default=0)
        if not cut:
            raise LSTMError(f"a line of the script is too wide and cannot be broken: {line}")
        yield line[:cut].rstrip()
        line = " " * (indent + 4) + line[cut:].lstrip()
    yield line

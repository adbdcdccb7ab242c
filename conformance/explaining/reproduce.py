"""Writes a case as a standalone script of under 30 lines, which needs Keras and NumPy only: a bug report, and a regression test.

The script builds the layers of the case with its own small weights and inputs, runs them by the case's route, and compares the
result with the six equations in NumPy. Where the case has a relation, it also compares with the second run of the relation. Of
gradients it compares the slope of one loss in one direction. A comment in the script says what it does not compare. The script
exits with 1 where the results differ by more than rounding or an exception is raised, else with 0.
Importing this module imports no framework.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from conformance.adapters.keras.backends import CONVENTIONS
from conformance.cases.case import Case
from conformance.cases.features import AT_INFERENCE
from conformance.explaining.reproduction.data_lines import element_lines, inputs_text, mask_text, states_text, weights_text
from conformance.explaining.reproduction.gradient_lines import (
    direction_line,
    judgement_lines,
    set_in_variable,
    states_line,
    variable_of,
)
from conformance.explaining.reproduction.keras_lines import MAX_WIDTH, KerasLines, keras_lines
from conformance.explaining.reproduction.limits import Answers, answers_of
from conformance.explaining.reproduction.numpy_lines import CELL, NumpyLines
from conformance.explaining.reproduction.relation_lines import RETURNED, second_run
from conformance.known.known_differences import KnownDifference
from conformance.system.error_messages import distribution_of
from conformance.system.infrastructure import infrastructure_fault
from lstm_ref import LSTMError
from lstm_ref.deviations import Need

MAX_LINES = 29
_SEEDS = 16  # the most seeds that are tried to find sensitive weights

_BREAKS = re.compile(r"(?<=,)(?<!:,) | (?=\+ )")  # after an argument, before a summand; not within an index
_INITIAL_STATE = re.compile(r", initial_state=[\[\]hc01, ]*\]")


def reproduction(case: Case, backend: str, about: str = "") -> str:
    """The script.

    Args:
        case: to write.
        backend: Keras' backend; KERAS_BACKEND can choose another one when the script runs.
        about: a remark on the first line.

    Raises:
        LSTMError: the case needs more lines; the message names the features that it combines.
    """
    if case.weights == "chaotic":
        raise LSTMError(f"chaotic weights are not expressible in a script: how far a correct run may be off is not, for {case.id}")
    # With a relation the equations may be left out; with a relation of a stateful layer they must be.
    equations = {not (case.relation and case.config.stateful), not case.relation}
    for style in _STYLES:
        if style.equations in equations:
            script = _Script(case=case, backend=backend, about=about, style=style, seed=_seed_of(case, backend))
            lines = [wrapped for line in script.lines() for wrapped in _wrapped(line)]
            if len(lines) <= MAX_LINES:
                return "\n".join(lines) + "\n"
    features = ", ".join(f"{name}={value}" for name, value in case.non_default_features.items())
    raise LSTMError(f"a script for {case.id} would have more than {MAX_LINES} lines; reduce the case first: it combines {features}")


def not_asserted(case: Case, script: str) -> str:
    """A sentence on what the script of a case does not compare although the suite does; "" where there is nothing."""
    _, marker, rest = script.partition(_NOT_ASSERTED)
    comment = itertools.takewhile(lambda line: line.startswith("# "), f"# {rest}".splitlines())
    parts = " ".join(line.removeprefix("# ") for line in comment)
    return f"the script of {case.id} does not compare {parts}" if marker else ""


def known_reproduction(known: KnownDifference, backend: str) -> str:
    """A standalone script that shows a known difference, on one of its backends."""
    if not known.script:
        return reproduction(Case.from_id(known.evidence), backend, about=f"Keras {known.last}")
    head = f"# KERAS_BACKEND={backend} python {known.id}.py  (Keras {known.last})"
    return f'{head}\nimport os\n\nos.environ.setdefault("KERAS_BACKEND", "{backend}")\n{known.script.lstrip()}'


def run(script: str) -> int:
    """Run the script in a new interpreter and an empty folder, pass its output on, and return its exit code.

    Raises:
        LSTMError: the machine is at fault, for example a missing package, so that the script has no result.
    """
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
        path = Path(folder) / "repro.py"
        path.write_text(script, encoding="utf-8")
        command = [sys.executable, str(path)]
        ran = subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True, errors="replace", check=False)  # noqa: S603  # written above
    last = ran.stderr.strip().rpartition("\n")[2]
    if ran.returncode and infrastructure_fault(last):
        missing = re.search(r"No module named '(\w+)", last)
        step = f"install it with: pip install {distribution_of(missing[1])}" if missing else "mend that, and run it again"
        raise LSTMError(f"the script could not run here: {last}; {step}")
    sys.stderr.write(ran.stderr)
    return ran.returncode


@dataclass(frozen=True, kw_only=True)
class _Style:
    """The parts of a script that are left out or share a line, so that it has few lines."""

    prints_success: bool = True
    short_sigmoid: bool = False
    joined: bool = False
    equations: bool = True


# From the most readable to the shortest.
_STYLES = (
    _Style(),
    _Style(prints_success=False),
    _Style(prints_success=False, short_sigmoid=True),
    _Style(prints_success=False, short_sigmoid=True, joined=True),
    _Style(joined=True, equations=False),
)

_NOT_ASSERTED = "# It does not compare "


@dataclass(frozen=True, kw_only=True)
class _Script:
    """Composes one script."""

    case: Case
    backend: str
    about: str
    style: _Style
    seed: int

    def lines(self) -> list[str]:
        """All lines, of any width."""
        keras = self._keras(self.case)
        if self.case.relation:
            body = self._relation(keras)
            imports: tuple[str, ...] = (*keras.imports, *self._keras(second_run(self.case).case).imports)
        else:
            body, imports = [*self._data(), *keras.build, *self._comparison(keras)], keras.imports
        if self.style.prints_success:
            precision = CONVENTIONS[self.backend].compute_dtype(self.case.precision)
            body = [*body, f'print("no difference beyond the roundings of {precision}")']
        return [*self._head(imports), *body]

    def _keras(self, case: Case) -> KerasLines:
        # A compiled call that captures variables of the script, which a relation may change, is compiled where it is made.
        captures_variables = case.initial_state or case.mask != "none"
        return keras_lines(case, self.backend, inline=not self.case.relation or captures_variables)

    def _head(self, imports: tuple[str, ...]) -> list[str]:
        heading = f"# {self.case.id}: KERAS_BACKEND={self.backend} python repro.py" + (f"   ({self.about})" if self.about else "")
        what = self._not_asserted()
        packages = ["import keras", "import numpy as np", *dict.fromkeys(imports)]
        if self.style.joined:
            packages = ["import " + ", ".join(line.removeprefix("import ") for line in packages)]
        chosen = f'os.environ.setdefault("KERAS_BACKEND", "{self.backend}")'
        return [heading, *([_NOT_ASSERTED + what] if what else []), "import os", chosen, *packages]

    def _not_asserted(self) -> str:
        case = self.case
        if case.relation and not self.style.equations:
            return f"with the equations, as the script of {case.replace(relation='').id} does"
        if self._gradient:
            other = case.replace(route="training").id
            return f"outputs and states, and of the gradients their slope only, as the script of {other} does"
        if case.dropout in AT_INFERENCE and (case.values != "finite" or case.mask == "all"):
            return "dropout masks, which may be drawn unseen where no finite result depends on them"
        return ""

    def _data(self) -> list[str]:
        case = self.case
        mask = [f"mask = {mask_text(case)}  # True: use"] if case.mask != "none" else []
        inputs, not_finite = [f"{self._inputs_name} = {inputs_text(case)}"], element_lines(case)
        if case.config.stateful:
            inputs, not_finite = [], []
        if variable := variable_of(case, self.backend):
            inputs, not_finite = [f"x = {variable}({inputs_text(case)})"], [set_in_variable(line, variable) for line in not_finite]
        single = len(case.layer_sizes) == 1
        equations = single and self.style.equations and not self._gradient
        names = ("W, U, b = " if case.config.use_bias else "W, U = ") if equations else ""
        return [
            f"random = np.random.default_rng({self.seed})",
            *mask,
            *inputs,
            *not_finite,
            f"{names}weights = {weights_text(case)}",
        ]

    @property
    def _inputs_name(self) -> str:
        return "ids" if self.case.mask_source == "embedding" else "x"

    @property
    def _gradient(self) -> bool:
        return self.case.execution.route == "gradient"

    # --- against NumPy ---------------------------------------------------------------------------------------------------------

    def _comparison(self, keras: KerasLines) -> list[str]:
        case = self.case
        expected = self._expected()
        lines = [*self._masks_kept(), *keras.prepare]
        if case.config.stateful:
            return lines + self._calls(keras, expected)
        got, zeros = [f"got = {keras.returned}", *self._read()], self._zeros(expected)
        if self._gradient:
            got.append(direction_line(case))
        # The equations change the states that Keras is given.
        begun = [*zeros, *lines, *got] if case.initial_state else [*lines, *got, *zeros]
        return [*begun, *expected.loop, *self._judge("got", expected.expected)]

    def _expected(self) -> NumpyLines:
        emits = CONVENTIONS[self.backend].emits_initial_state(self.case)
        return NumpyLines(case=self.case, emits_initial_state=emits, short=self.style.short_sigmoid)

    def _calls(self, keras: KerasLines, expected: NumpyLines) -> list[str]:
        """Three calls that carry over, a reset, and one more; an initial state is given to the second."""
        case = self.case
        inner = [
            *element_lines(case),
            f"got = {_returned_by_call(case, keras)}",
            *self._read(),
            *expected.loop,
            *self._judge("got", expected.expected),
        ]
        given = ["if call == 1:", f"    h, c = {states_text(case, given=True)}"] if case.initial_state else []
        return self._loop(inputs_text(case), [*self._reset(), *self._zeros(expected)], [*given, *inner])

    def _loop(self, calls: str, at_reset: list[str], inner: list[str]) -> list[str]:
        lines = ["if call in (0, 3):", *(f"    {line}" for line in at_reset), *inner]
        return [f"for call, {self._inputs_name} in enumerate({calls}):", *(f"    {line}" for line in lines)]

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
        """The line that makes the cell keep its dropout masks."""
        case = self.case
        if not case.in_training or case.dropout == "none":
            return []
        if case.architecture != "lstm" or case.config.stateful:
            raise LSTMError(f"dropout in training with {case.architecture} or stateful calls is not expressible in a script")
        resets = [f"{CELL[case.execution.layer]}.reset_{name}_mask = " for name in ("dropout", "recurrent_dropout")]
        return [f"{''.join(resets)}lambda: None  # the masks stay readable"]

    def _read(self) -> list[str]:
        """The line that reads the embedded inputs from Keras, where there is an embedding."""
        embedded = 'x = keras.ops.convert_to_numpy(keras.ops.cast(embedding(ids), "float32"))'
        return [embedded] if self.case.mask_source == "embedding" else []

    # --- against a second run --------------------------------------------------------------------------------------------------

    def _relation(self, keras: KerasLines) -> list[str]:
        other = second_run(self.case)
        second = self._keras(other.case)
        case = self.case
        lines = self._data()
        if case.config.stateful:
            lines.append(f"calls = {inputs_text(case)}")
        if case.initial_state:
            lines.append(f"h, c = {states_text(case, given=True)}")
        if case.config.stateful:
            lines += [*self._collected_calls("got", case, keras), *self._collected_calls("again", other.case, second)]
            return lines + self._judge(other.first, other.second, both_keras=True)
        lines += [*keras.build, *keras.prepare, f"got = {keras.returned}", *self._equations()]
        lines += [line.replace(RETURNED, keras.returned) for line in other.before]
        made = [*second.build, *second.prepare]
        if second.build == keras.build and not other.rebuilds:
            made = [line for line in made if line not in (*keras.build, *keras.prepare)]
        lines += [*made, f"again = {second.returned}"]
        return lines + self._judge(other.first, other.second, both_keras=True)

    def _collected_calls(self, answers: str, case: Case, keras: KerasLines) -> list[str]:
        """The same calls as in `_calls`, with the results of all of them in one list."""
        inner = [*element_lines(case), f"{answers} += {_returned_by_call(case, keras)}"]
        return [*keras.build, *keras.prepare, f"{answers} = []", *self._loop("calls", self._reset(), inner)]

    def _equations(self) -> list[str]:
        """The equations of the first run; the initial states are restored for the second run."""
        if not self.style.equations:
            return []
        case, expected = self.case, self._expected()
        lines = [*self._read(), *expected.loop, *self._judge("got", expected.expected)]
        if not case.initial_state:
            return [*self._zeros(expected), *lines]
        return ["given = h, c", *filter(None, [expected.outputs]), *lines, "h, c = given"]

    # --- the verdict -----------------------------------------------------------------------------------------------------------

    def _judge(self, got: str, expected: str, *, both_keras: bool = False) -> list[str]:
        """The comparison; `both_keras` where both sides are tensors."""
        case, conventions = self.case, CONVENTIONS[self.backend]
        precision = conventions.compute_dtype(case.precision)
        if self._gradient:
            return judgement_lines(case, expected, precision)
        # NumPy's own functions do not compute with bfloat16.
        array = "keras.ops.convert_to_numpy({})" if precision != "bfloat16" else "np.float32(keras.ops.convert_to_numpy({}))"
        sides, arrays = "actual, wanted", f"{array.format('actual')}, wanted"
        if both_keras:
            sides, arrays = "pair", f"*({array.format('side')} for side in pair)"
        lines = [f"for {sides} in zip({got}, {expected}, strict=True):"]
        if not both_keras and not case.returns_loss:
            dtype = conventions.returned_dtype(case.precision)
            lines.append(f'    assert keras.backend.standardize_dtype(actual.dtype) == "{dtype}"')
        limit = self._answers(case if both_keras else case.replace(relation="")).limit
        return [*lines, f"    np.testing.assert_allclose({arrays}, rtol=0, atol={limit:.2g})"]

    def sensitivity(self) -> list[float]:
        """How sensitive the comparison is to errors of the weights and the inputs, the least first."""
        return sorted(self._answers(self.case).sensitivity())

    def _answers(self, case: Case) -> Answers:
        """The reference's answers to the arrays of the script."""
        # NaN and infinity must be equal; the limit of the finite values is that of a case whose values are all finite.
        case = case.replace(values="finite")
        given = states_text(case, given=True) if case.initial_state else ""
        lines = replace(self, case=case)._data()  # noqa: SLF001  # its own
        if case.config.stateful:
            lines += [f"{self._inputs_name} = {inputs_text(case)}"]
        return answers_of(case, self.backend, tuple(lines), given)


@lru_cache(maxsize=1)
def _seed_of(case: Case, backend: str) -> int:
    """The first seed with which errors in every array are found, or the most sensitive seed."""
    if Need.USED_STEP not in case.fulfilled_needs:
        return 0
    case = case.replace(relation="", **({"route": "training"} if case.execution.route == "gradient" else {}))
    tried: list[list[float]] = []
    for seed in range(_SEEDS):
        tried.append(_Script(case=case, backend=backend, about="", style=_STYLES[0], seed=seed).sensitivity())
        if min(tried[-1]) >= 1:
            return seed
    return tried.index(max(tried))


def _returned_by_call(case: Case, keras: KerasLines) -> str:
    """The call of a stateful layer; the second call has the initial states.

    Raises:
        LSTMError: it is a call of a model, whose inputs include the states.
    """
    if not case.initial_state:
        return keras.returned
    if case.execution.route not in ("call", "training"):
        raise LSTMError(
            "stateful models with initial states are not expressible in a script: their states are inputs of every call"
        )
    return f"{keras.returned} if call == 1 else {_INITIAL_STATE.sub('', keras.returned)}"


def _wrapped(line: str) -> Iterator[str]:
    """The line, broken after a comma within parentheses where it is too wide; a comment is broken after a word."""
    if line.startswith("#"):
        yield from textwrap.wrap(line, MAX_WIDTH, subsequent_indent="# ", break_long_words=False, break_on_hyphens=False)
        return
    while len(line) > MAX_WIDTH:
        indent = len(line) - len(line.lstrip())
        cut = max((place.start() + 1 for place in _BREAKS.finditer(line, indent + 8, MAX_WIDTH)), default=0)
        if not cut:
            raise LSTMError(f"a line of the script is too wide and cannot be broken: {line}")
        yield line[:cut].rstrip()
        line = " " * (indent + 4) + line[cut:].lstrip()
    yield line

"""The claim about the number of units that a task needs: digits of 8 × 8 pixels, read row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from conformance.claims.judging import at_most, judge, note
from conformance.claims.measure import EXTRA, MissingFrameworkError, as_arrays, import_keras
from conformance.claims.model import Evidence, Finding, claim
from conformance.report.files import write_atomically
from lstm_ref.arrays import Array

UNITS = (8, 16, 128)
SEEDS = (0, 1)
EPOCHS = 15
BATCH_SIZE = 64
LEARNING_RATE = 0.01

STATED_ACCURACY = 0.9
# "Far fewer" than 128 is read as a quarter or less: an LSTM's parameters grow with the square of its units.
FAR_FEWER = 128 // 4


# Images as sequences, (samples, 8 timesteps, 8 features) in 0 … 1, and their labels, (samples,).
Samples: TypeAlias = tuple[Array, Array]


@dataclass(frozen=True, kw_only=True)
class Training:
    """Test accuracies of LSTM(units) and Dense(10), one per seed; parameters are the LSTM's."""

    units: int
    parameters: int
    accuracies: tuple[float, ...]

    def evidence(self) -> Evidence:
        """The numbers that are shown and plotted."""
        return note(
            f"LSTM({self.units}), Dense(10)",
            {
                "units": self.units,
                "parameters": self.parameters,
                "mean test accuracy": round(float(np.mean(self.accuracies)), 4),
                "lowest test accuracy": round(min(self.accuracies), 4),
                "highest test accuracy": round(max(self.accuracies), 4),
            },
        )


@claim(documents=("D1",), statement="A test accuracy over 90 % needs far fewer than 128 units.")
def fewer_units_suffice() -> Finding:
    """Test accuracy of LSTM(units) and Dense(10) after a short training, with 8 units, 16 and 128.

    Raises:
        MissingFrameworkError: scikit-learn is not installed.
    """
    try:
        to_train, to_test = _load_digits()
    except ImportError as error:
        raise MissingFrameworkError(
            f"this claim needs scikit-learn's bundled digits ({error}); install it with: {EXTRA}"
        ) from error
    trainings = [_train(units, to_train, to_test) for units in UNITS]
    sufficient = [training.units for training in trainings if min(training.accuracies) > STATED_ACCURACY]
    fewest = min(sufficient, default=2 * max(UNITS))
    return judge(
        note("images to train and to test with", (len(to_train[1]), len(to_test[1]))),
        *(training.evidence() for training in trainings),
        at_most(f"fewest units whose test accuracy is over {STATED_ACCURACY} with every seed", fewest, FAR_FEWER),
    )


def plot_accuracy(finding: Finding, path: Path) -> None:
    """Draw test accuracy over units to a file; its suffix (.png, .svg) is the format.

    Raises:
        ValueError: the finding holds no accuracies.
        FileWriteError: the file cannot be written.
        MissingFrameworkError: matplotlib is not installed; the message says what to install.
    """
    rows: list[Any] = [
        item.measured for item in finding.evidence if isinstance(item.measured, Mapping) and "units" in item.measured
    ]
    if not rows:
        raise ValueError("the finding holds no accuracies to plot: it is not one of fewer-units-suffice")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  # needed to draw only
    except ImportError as error:
        raise MissingFrameworkError(f"plotting needs matplotlib ({error}); install it with: {EXTRA}") from error
    units = [row["units"] for row in rows]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(units, [row["mean test accuracy"] for row in rows], marker="o", label=f"mean of {len(SEEDS)} seeds")
    axes.fill_between(
        units,
        [row["lowest test accuracy"] for row in rows],
        [row["highest test accuracy"] for row in rows],
        alpha=0.25,
        label="lowest to highest",
    )
    axes.axhline(STATED_ACCURACY, color="grey", linestyle="--", label="90 %")
    axes.set_xscale("log", base=2)
    axes.set_xticks(units, [f"{row['units']}\n({row['parameters']:,})" for row in rows])
    axes.set(
        xlabel="units (parameters of the LSTM)", ylabel="test accuracy", title="8 × 8 digits read as 8 timesteps of 8 features"
    )
    axes.legend(loc="lower right")
    write_atomically(path, lambda file: figure.savefig(file, format=path.suffix.removeprefix(".") or "png"))


def _load_digits() -> tuple[Samples, Samples]:
    from sklearn.datasets import load_digits  # noqa: PLC0415  # needed by this claim only
    from sklearn.model_selection import train_test_split  # noqa: PLC0415  # needed by this claim only

    digits = load_digits()
    inputs = (digits.images / 16).astype(np.float32)
    split = train_test_split(inputs, digits.target, test_size=0.25, random_state=0, stratify=digits.target)
    train_inputs, test_inputs, train_labels, test_labels = split
    return (train_inputs, train_labels), (test_inputs, test_labels)


def _train(units: int, to_train: Samples, to_test: Samples) -> Training:
    """One training per seed of one model: tracing its graph again would cost more than training it."""
    keras = import_keras()
    lstm = keras.layers.LSTM(units, unroll=True)  # 8 timesteps cost less one by one than as a loop
    model = keras.Sequential([keras.Input(to_train[0].shape[1:]), lstm, keras.layers.Dense(10)])
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # One call per epoch, uncompiled: at this size, calls and compilation cost more than the arithmetic.
        steps_per_execution=-(-len(to_train[1]) // BATCH_SIZE),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    untrained = [variable.numpy().copy() for variable in model.optimizer.variables]
    accuracies = []
    for seed in SEEDS:
        keras.utils.set_random_seed(seed)
        model.set_weights(keras.models.clone_model(model).get_weights())
        for variable, value in zip(model.optimizer.variables, untrained, strict=True):
            variable.assign(value)
        model.fit(*to_train, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
        predicted = as_arrays(model(to_test[0])).argmax(axis=-1)
        accuracies.append(float(np.mean(predicted == to_test[1])))
    return Training(units=units, parameters=lstm.count_params(), accuracies=tuple(accuracies))

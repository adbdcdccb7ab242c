"""Probes of training steps: the weights after one and after ten steps of SGD and Adam equal the reference's, with penalties too."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.checks import check_close
from conformance.probes.model import SEED, Probe, Subject
from lstm_ref import LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array, representable
from lstm_ref.training import SGD, Adam, Optimizer, Penalty, Task
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic
from lstm_ref.uncertainty.rounding import Rounding, RoundingLSTM, root_mean_square

UNITS, INPUT_DIM, BATCH, TIMESTEPS = 3, 2, 5, 4
STEPS = (1, 10)
OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {"sgd": partial(SGD, 0.5), "adam": partial(Adam, 0.0625)}
PENALTIES = {"kernel": Penalty(l1=2**-6, l2=2**-5), "recurrent_kernel": Penalty(l2=2**-4), "bias": Penalty(l1=2**-5)}
ACTIVITY = Penalty(l1=2**-6, l2=2**-5)
ARGUMENT_OF = {"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"}


def _task(*, penalised: bool) -> Task:
    """A task of dense random weights, inputs and targets, all exact in float32."""
    random = np.random.default_rng([SEED, 11])

    def drawn(*shape: int) -> Array:
        return representable(random.standard_normal(shape), "float32")

    weights = LSTMWeights(drawn(INPUT_DIM, 4 * UNITS), drawn(UNITS, 4 * UNITS), drawn(4 * UNITS))
    penalties: dict[str, Any] = {"penalties": PENALTIES, "activity": ACTIVITY} if penalised else {}
    inputs, targets = drawn(BATCH, TIMESTEPS, INPUT_DIM), drawn(BATCH, UNITS)
    return Task(config=LSTMConfig(UNITS), weights=weights, inputs=inputs, targets=targets, **penalties)


@lru_cache
def _expected(optimizer: str, steps: int, arithmetic: Arithmetic, *, penalised: bool) -> tuple[LSTMWeights, dict[str, Array]]:
    """The expected weights after the steps, and σ of each element from replicas of the whole training."""
    task, make = _task(penalised=penalised), OPTIMIZERS[optimizer]
    random = np.random.Generator(np.random.SFC64(SEED))
    build = partial(RoundingLSTM, arithmetic=arithmetic, random=random)
    exact = task.train(make(), steps)
    replicas = [task.train(make(), steps, build, Rounding(arithmetic, random).rounded).arrays for _ in range(REPLICAS)]
    sigma = {
        name: root_mean_square(np.stack([each[name] for each in replicas]), array, arithmetic)
        for name, array in exact.arrays.items()
    }
    return exact, sigma


def _regularizers(keras: Any) -> dict[str, Any]:
    regularizers = {
        f"{ARGUMENT_OF[name]}_regularizer": keras.regularizers.L1L2(penalty.l1, penalty.l2) for name, penalty in PENALTIES.items()
    }
    return regularizers | {"activity_regularizer": keras.regularizers.L1L2(ACTIVITY.l1, ACTIVITY.l2)}


def _train(subject: Subject, *, optimizer: str, steps: int, penalised: bool) -> tuple[CheckResult, ...]:
    """Judge training with `train_on_batch` on the whole batch at every step."""
    task = _task(penalised=penalised)
    layer = subject.build_loaded(task.weights, **(_regularizers(subject.keras) if penalised else {}))
    model = subject.keras.Sequential([subject.keras.Input((TIMESTEPS, INPUT_DIM), batch_size=BATCH), layer])
    make = {"sgd": subject.keras.optimizers.SGD, "adam": subject.keras.optimizers.Adam}[optimizer]
    model.compile(optimizer=make(OPTIMIZERS[optimizer]().learning_rate), loss="mse")
    for _ in range(steps):
        model.train_on_batch(task.inputs.astype("float32"), task.targets.astype("float32"))
    expected, sigma = _expected(optimizer, steps, subject.arithmetic("float32"), penalised=penalised)
    got = subject.read_weights(layer).arrays
    what = f"after {steps} step{'s' if steps > 1 else ''} of {optimizer}"
    return tuple(check_close(name, f"the {name} {what}", got[name], array, sigma[name]) for name, array in expected.arrays.items())


def step_probes() -> Iterator[Probe]:
    """Yield all probes of training steps."""
    for optimizer, steps, penalised in itertools.product(OPTIMIZERS, STEPS, (False, True)):
        words = (optimizer, str(steps), "penalised" if penalised else "")
        yield Probe(
            trait="steps",
            judge=_train,
            asserts="steps of training move the weights as back-propagation through time and the optimizer's equations do",
            parameters={"optimizer": optimizer, "steps": steps, "penalised": penalised},
            label="-".join(filter(None, words)),
            needs_training=True,
        )

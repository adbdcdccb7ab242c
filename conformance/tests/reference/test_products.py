"""Products in lower precision: each backend is asked what it reads, and σ covers just that where it says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.conventions import Conventions
from conformance.adapters.keras.backends import BACKENDS, CONVENTIONS
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.agreement import ObservationFolder, agree
from conformance.running.runner import run
from lstm_ref import LSTM
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Deviation
from lstm_ref.gradients import Backpropagation
from lstm_ref.weights import LSTMWeights

BITS = {"tf32": 11, "bfloat16": 8}
IDS = [
    "u10-d5-t28-b3-seq-s0",
    "u3-d2-t6-b4-stateful-s0",
    "u3-d2-t150-b4-s0",
    "u3-d2-t6-b4-seq-bidi-mask_left-init-s0",
    "u3-d2-t6-b4-seq-drop_both-eager-s0",
    "u3-d2-t6-b4-seq-via_gradient-s0",
]


# --- what a backend says


def torch_like(*, cuda: bool, matmul: Any, rnn: Any, onednn: Any = None) -> SimpleNamespace:
    """The parts of PyTorch that say what products read."""
    backends = SimpleNamespace(
        cuda=SimpleNamespace(matmul=matmul), cudnn=SimpleNamespace(rnn=rnn), mkldnn=SimpleNamespace(matmul=onednn)
    )
    return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: cuda), backends=backends)


def precision(name: str) -> SimpleNamespace:
    """A setting of PyTorch 2.9 and later."""
    return SimpleNamespace(fp32_precision=name)


def older_torch(*, matmul: bool, cudnn: bool) -> SimpleNamespace:
    """PyTorch before 2.9, on CUDA."""
    made = torch_like(cuda=True, matmul=SimpleNamespace(allow_tf32=matmul), rnn=SimpleNamespace())
    made.backends.cudnn.allow_tf32 = cudnn
    return made


def tensorflow_like(gpus: list[str], *, enabled: bool) -> SimpleNamespace:
    """The part of TensorFlow that says what products read."""
    experimental = SimpleNamespace(tensor_float_32_execution_enabled=lambda: enabled)
    return SimpleNamespace(config=SimpleNamespace(list_physical_devices={"GPU": gpus}.get, experimental=experimental))


def jax_like(device: str, asked: str | None = None, chosen: Any = None) -> SimpleNamespace:
    """The part of JAX that says what products read."""
    config = SimpleNamespace(jax_default_matmul_precision=asked, jax_default_device=chosen)
    return SimpleNamespace(config=config, default_backend=lambda: device)


SAYS: list[tuple[str, Any, str]] = [
    ("torch", torch_like(cuda=False, matmul=precision("tf32"), rnn=precision("tf32"), onednn=precision("none")), ""),
    ("torch", torch_like(cuda=False, matmul=precision("none"), rnn=precision("tf32"), onednn=precision("bf16")), "bfloat16"),
    ("torch", torch_like(cuda=False, matmul=precision("none"), rnn=precision("tf32")), ""),
    ("torch", torch_like(cuda=True, matmul=precision("none"), rnn=precision("tf32")), "tf32"),
    ("torch", torch_like(cuda=True, matmul=precision("tf32"), rnn=precision("ieee")), "tf32"),
    ("torch", torch_like(cuda=True, matmul=precision("ieee"), rnn=precision("ieee")), ""),
    ("torch", older_torch(matmul=False, cudnn=True), "tf32"),
    ("torch", older_torch(matmul=True, cudnn=False), "tf32"),
    ("torch", older_torch(matmul=False, cudnn=False), ""),
    ("tensorflow", tensorflow_like([], enabled=True), ""),
    ("tensorflow", tensorflow_like(["GPU:0"], enabled=True), "tf32"),
    ("tensorflow", tensorflow_like(["GPU:0"], enabled=False), ""),
    ("jax", jax_like("cpu"), ""),
    ("jax", jax_like("cpu", "bfloat16"), ""),
    ("jax", jax_like("cpu", "BF16_BF16_F32"), "bfloat16"),
    ("jax", jax_like("gpu"), "tf32"),
    ("jax", jax_like("gpu", "high"), "tf32"),
    ("jax", jax_like("gpu", "highest"), ""),
    ("jax", jax_like("gpu", "F32_F32_F32"), ""),
    ("jax", jax_like("gpu", "TF32_TF32_F32"), "tf32"),
    ("jax", jax_like("gpu", None, "cpu"), ""),
    ("jax", jax_like("cpu", None, SimpleNamespace(platform="gpu")), "tf32"),
    ("jax", jax_like("tpu"), "bfloat16"),
    ("jax", jax_like("tpu", "tensorfloat32"), "tf32"),
    ("jax", jax_like("tpu", "float32"), ""),
]


@pytest.mark.parametrize(("backend", "framework", "products"), SAYS)
def test_a_backend_says_what_its_framework_is_set_to(
    monkeypatch: pytest.MonkeyPatch, backend: str, framework: Any, products: str
) -> None:
    """By the device in use, and by the settings that count there."""
    monkeypatch.setitem(sys.modules, backend, framework)
    assert BACKENDS[backend].products() == products


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_two_backends_have_nothing_to_ask(backend: str) -> None:
    """NumPy's float32 is float32."""
    assert BACKENDS[backend].products() == ""


def test_an_adapter_asks_when_it_starts(keras_adapter: KerasLayerAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its profile says so from then on, and the report with it."""
    adapter = KerasLayerAdapter("tensorflow")
    assert adapter.conventions is CONVENTIONS["tensorflow"]
    monkeypatch.setattr(
        "conformance.adapters.keras.layer.BACKENDS",
        BACKENDS | {"tensorflow": SimpleNamespace(**vars(BACKENDS["tensorflow"]) | {"products": lambda: "tf32"})},
    )
    environment = adapter.start()
    assert adapter.conventions == Conventions(products="tf32")
    assert (environment["products"], environment["conventions"]) == ("tf32", str(adapter.conventions))
    assert keras_adapter.conventions.products == ""


# --- what σ makes of it


def narrowed(array: Array, bits: int) -> Array:
    """To so many bits of significand, halves to even."""
    mantissa, exponent = np.frexp(array)
    return np.asarray(np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits))


def reading_in(bits: int) -> tuple[type[LSTM], type[Backpropagation]]:
    """The reference whose products read their operands in fewer bits."""

    class NarrowLSTM(LSTM):
        def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
            W, U, b = self.weights.gate(gate)
            x_t, hidden = self.gate_inputs(gate, x_t, hidden)
            z = narrowed(x_t, bits) @ narrowed(W, bits) + narrowed(hidden, bits) @ narrowed(U, bits)
            return np.asarray(z if b is None else z + b)

    class NarrowBackpropagation(Backpropagation):
        def dot(self, vectors: Array, matrix: Array) -> Array:
            return np.asarray(narrowed(vectors, bits) @ narrowed(matrix, bits))

    return NarrowLSTM, NarrowBackpropagation


Judged = Callable[..., Result]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Judged:
    """A case's result, of the reference with products that read `read` and a profile that says `declared`."""

    def judge(case_id: str, read: str, declared: str, weights: Callable[[LSTMWeights], LSTMWeights] = lambda w: w) -> Result:
        layer, backpropagation = reading_in(BITS[read])
        narrow = Deviation(name="narrow", summary="", layer=layer, backpropagation=backpropagation, weights=weights)
        known: Mapping[str, Deviation] = MappingProxyType({"narrow": narrow})
        monkeypatch.setattr("lstm_ref.deviations.DEVIATIONS", known)
        (result,) = run([Case.from_id(case_id)], ReferenceAdapter("narrow", Conventions(products=declared)))
        return result

    return judge


@pytest.mark.parametrize("products", BITS)
@pytest.mark.parametrize("case_id", IDS)
def test_what_is_declared_is_accepted_and_what_is_not_is_not(judged: Judged, case_id: str, products: str) -> None:
    """The same numbers; σ is not wider than it must be."""
    accepted = judged(case_id, products, products)
    assert accepted.verdict is Verdict.PASS
    assert max(check.rms or 0.0 for check in accepted.checks) > 1 / 8
    assert judged(case_id, products, "").verdict is Verdict.FAIL


@pytest.mark.parametrize("case_id", IDS[:5])
def test_the_narrower_of_two_is_no_other(judged: Judged, case_id: str) -> None:
    """Eight bits are not eleven."""
    assert judged(case_id, "bfloat16", "tf32").verdict is Verdict.FAIL


WRONG = [name for name in DEVIATIONS if "_gates_" in name and not name.startswith("all")][::7]


@pytest.mark.parametrize("deviation", [*WRONG, "recurrent_kernel_transposed", "forget_bias_missing"])
@pytest.mark.parametrize("products", BITS)
def test_a_wrong_gate_is_seen_all_the_same(judged: Judged, products: str, deviation: str) -> None:
    """A declaration is no licence."""
    assert judged(IDS[0], products, products, DEVIATIONS[deviation].weights).verdict is Verdict.FAIL


def test_what_else_is_computed_is_no_less_exact() -> None:
    """Float64, and the half precisions, are judged as without the declaration; so is a relative error of the outputs of 1e-3."""
    tf32 = Conventions(products="tf32")
    half, double = (f"u3-d2-t6-b4-seq-p_{name}-s0" for name in ("float16", "float64"))
    for case_id in (half, double):
        plain, declared = (
            next(run([Case.from_id(case_id)], ReferenceAdapter("output_off_by_1e-3", each))) for each in (Conventions(), tf32)
        )
        assert plain == replace(declared, seconds=plain.seconds, suite_seconds=plain.suite_seconds)


def test_two_that_agree_within_what_one_declares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept of a run says what its products read."""
    layer, backpropagation = reading_in(BITS["tf32"])
    narrow = {"narrow": Deviation(name="narrow", summary="", layer=layer, backpropagation=backpropagation)}
    monkeypatch.setattr("lstm_ref.deviations.DEVIATIONS", narrow)
    case = Case.from_id(IDS[0])
    for name, deviation, products in (("one", None, {}), ("said", "narrow", {"products": "tf32"}), ("unsaid", "narrow", {})):
        folder, adapter = ObservationFolder(tmp_path / name), ReferenceAdapter(deviation)
        list(run([case], adapter, keep=folder))
        folder.describe({**adapter.start(), **products})
    one, said, unsaid = (tmp_path / name for name in ("one", "said", "unsaid"))
    assert [bool(each.differing) for each in (*agree([one, said]), *agree([one, unsaid]))] == [False, True]

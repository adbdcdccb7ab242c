"""Which LSTMs a configuration has, where their weights lie, and what is wrong with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from conformance.model_file.contents import contents_of
from conformance.model_file.finder import find_lstms, snake_case
from conformance.model_file.layers import ModelLSTM
from conformance.tests.support.model_files import (
    Node,
    lstm_node,
    model_node,
    node,
    one_lstm,
    read,
    weights_of,
    write_h5,
    write_keras,
)
from lstm_ref import LSTMConfig, LSTMWeights


def by_path(lstms: tuple[ModelLSTM, ...]) -> dict[str, LSTMWeights | None]:
    """Their weights."""
    return {lstm.path.removeprefix("model/"): lstm.weights for lstm in lstms}


def same(found: dict[str, LSTMWeights | None], expected: dict[str, LSTMWeights]) -> bool:
    """Names in order, and every number."""
    pairs = [(found[name], weights) for name, weights in expected.items() if name in found]
    return list(found) == list(expected) and all(
        ours is not None and all(np.array_equal(ours.arrays[name], array) for name, array in theirs.arrays.items())
        for ours, theirs in pairs
    )


NESTED = model_node(
    node("InputLayer", "read"),
    model_node(
        lstm_node("inner"),
        node("Bidirectional", "both", layer=lstm_node("ahead"), backward_layer=lstm_node("behind")),
        name="encoder",
    ),
    lstm_node("first"),
    node("Dense", "dense"),
    lstm_node("second"),
    node("TimeDistributed", "each", layer=lstm_node("spread")),
    node("RNN", "rnn", cell=node("LSTMCell", "cell", units=2)),
    node("RNN", "stack", cell=node("StackedRNNCells", "cells", cells=[node("LSTMCell", units=2), node("LSTMCell", units=2)])),
)
STORED = {
    "encoder/inner": "layers/sequential/layers/lstm/cell",
    "encoder/both/forward": "layers/sequential/layers/bidirectional/forward_layer/cell",
    "encoder/both/backward": "layers/sequential/layers/bidirectional/backward_layer/cell",
    "first": "layers/lstm/cell",
    "second": "layers/lstm_1/cell",
    "each/spread": "layers/time_distributed/layer/cell",
    "rnn": "layers/rnn/cell",
    "stack/cell 0": "layers/rnn_1/cell/cells/lstm_cell",
    "stack/cell 1": "layers/rnn_1/cell/cells/lstm_cell_1",
}


def test_every_lstm_of_an_archive_is_found_with_its_weights(tmp_path: Path) -> None:
    """Nested, in two directions, distributed, as cells of an RNN."""
    weights = {name: weights_of(seed=k) for k, name in enumerate(STORED)}
    path = write_keras(tmp_path / "model.keras", NESTED, {STORED[name]: held for name, held in weights.items()})
    assert same(by_path(read(path)), weights)


@pytest.mark.parametrize("frozen", [None, "ahead", "behind"])
def test_weights_of_a_legacy_file_go_by_their_order(tmp_path: Path, frozen: str | None) -> None:
    """Those of layers that are not trained come last, and names are no help."""
    halves = {name: lstm_node(name, trainable=name != frozen) for name in ("ahead", "behind")}
    config = model_node(node("Bidirectional", "both", layer=halves["ahead"], backward_layer=halves["behind"]))
    weights = {"both/forward": weights_of(seed=1), "both/backward": weights_of(seed=2)}
    order = ["both/backward", "both/forward"] if frozen == "ahead" else list(weights)
    arrays = {f"part_{k}/{name}:0": array for k, half in enumerate(order) for name, array in weights[half].arrays.items()}
    assert same(by_path(read(write_h5(tmp_path / "model.h5", config, {"both": arrays}))), weights)


def test_a_layer_that_is_shared_stands_once_with_its_uses() -> None:
    """In one model by its calls, across models by its identity."""
    shared = {**lstm_node("shared"), "shared_object_id": 7, "inbound_nodes": [{}, {}]}
    inner = {**model_node(shared, name="inner"), "inbound_nodes": [{}, {}, {}]}
    (found,) = find_lstms(model_node(shared, inner), "3.15.1")
    assert (found.place.path, found.place.uses) == ("model/shared", 2 + 3 * 2)


@pytest.mark.parametrize(
    ("version", "expected"), [("3.0.5", "hard_sigmoid"), ("2.15.0", "hard_sigmoid_keras2"), ("1.2.2", "hard_sigmoid_keras2")]
)
def test_hard_sigmoid_is_that_of_the_version_that_wrote_it(version: str, expected: str) -> None:
    """Keras 3 changed the function and kept the name."""
    (found,) = find_lstms(model_node(lstm_node(recurrent_activation="hard_sigmoid")), version)
    assert found.config == LSTMConfig(2, recurrent_activation=expected)


def test_hard_sigmoid_of_no_version_is_not_guessed() -> None:
    """Nothing else in the file says which of the two functions it means."""
    (found,) = find_lstms(model_node(lstm_node(recurrent_activation="hard_sigmoid")), "")
    assert found.config is None
    assert "the file does not say which Keras wrote it" in found.reason


FUNCTION = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "relu"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (FUNCTION, "relu"),
        ({**FUNCTION, "registered_name": "function"}, "relu"),
        (node("Activation", "a", activation="gelu"), "gelu"),
        (node("Activation", "a", activation=node("ReLU", "r", max_value=6.0)), "relu6"),
        (node("ReLU", "r", max_value=None, negative_slope=0.0, threshold=0.0), "relu"),
        (node("ReLU", "r", negative_slope=[0.0]), None),
        (node("ReLU", "r", max_value=6), "relu6"),
        (node("LeakyReLU", "l", negative_slope=0.2), "leaky_relu"),
        (node("LeakyReLU", "l", alpha=0.20000000298023224), "leaky_relu"),
        (node("LeakyReLU", "l", negative_slope=0.3), None),
        (node("LeakyReLU", "l"), None),
        (node("ELU", "e", alpha=1.0), "elu"),
        (node("ELU", "e", alpha=0.5), None),
        (node("Softmax", "s", axis=-1), "softmax"),
        (node("Softmax", "s", axis=0), None),
        (node("ReLU", "r", threshold=1.0), None),
        (node("ReLU", "r", max_value=1.0), None),
        (node("Identity", "i"), "linear"),
        (node("PReLU", "p"), None),
    ],
)
def test_an_activation_is_what_its_function_or_layer_computes(written: Node, expected: str | None) -> None:
    """Keras writes some as functions, and takes its own layers; by their arguments, never by their names alone."""
    (found,) = find_lstms(model_node(lstm_node(activation=written)), "3.15.1")
    assert found.config == (LSTMConfig(2, activation=expected) if expected else None)
    assert expected or re.search(r"is Keras' layer \w+\(.*\), which the reference does not model", found.reason)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lstm_node(activation="mine"), "the name alone, 'mine', and Keras has none of that name"),
        (lstm_node(activation={**FUNCTION, "module": "my_code"}), "the name alone, 'relu'"),
        (lstm_node(activation={**FUNCTION, "config": "Mine>tanh", "registered_name": "function"}), "the name alone, 'Mine>tanh'"),
        (lstm_node(activation={**node("LeakyReLU", "l"), "module": "my_code"}), "of the class 'my_code.LeakyReLU', none of Keras'"),
        (lstm_node(activation={"value": ["4wEAAAA=", None, None]}), "is a lambda: the file holds Python bytecode"),
        (lstm_node(activation="threshold"), "'threshold' cannot be used in an LSTM"),
        ({"class_name": "LSTM", "config": {"units": 2, "peephole": True}}, "and the argument peephole, which the LSTM of no Keras"),
        (lstm_node(time_major=True), "time_major=True"),
        (lstm_node(dtype="int8_from_float32"), "dtype policy 'int8_from_float32'"),
        (lstm_node(units=True), "units must be a positive integer"),
        (node("LSTM", "old", output_dim=3, inner_activation="hard_sigmoid"), "written by Keras 1"),
        (node("CuDNNLSTM", "gpu", units=2), "a CuDNNLSTM"),
    ],
)
def test_what_cannot_be_verified_says_why(layer: Node, reason: str) -> None:
    """It is listed, and not judged."""
    (found,) = find_lstms(model_node(layer), "3.15.1")
    assert found.config is None
    assert reason in found.reason


MINE = {"module": None, "registered_name": "LSTM"}


@pytest.mark.parametrize(
    "layer",
    [
        {**lstm_node(), "module": "my_code"},
        {**lstm_node(), "registered_name": "my>LSTM"},
        {**lstm_node(), **MINE},
        {**node("Bidirectional", "both", layer={**lstm_node(), **MINE})},
        node("RNN", "rnn", cell={**node("LSTMCell", units=2), **MINE}),
        node("RNN", "rnn", cell=node("StackedRNNCells", cells=[{**node("LSTMCell", units=2), "module": "my_code"}])),
        node("RNN", "rnn", cell=node("GRUCell", units=2)),
        node("RNN", "rnn", cell=None),
        node("Bidirectional", "both", layer=None),
        node("TimeDistributed", "each", layer=[1]),
        {"class_name": "LSTM", "config": None, "module": None},
        {},
    ],
)
def test_what_is_no_lstm_of_keras_is_not_found(layer: Node) -> None:
    """A class of the user's own by that name, other cells, and configurations that make no sense."""
    assert find_lstms(model_node(layer), "3.15.1") == ()


def test_an_lstm_in_a_layer_of_the_users_own_is_found_where_it_is_configured() -> None:
    """Under the name of the class and the argument."""
    (found,) = find_lstms(model_node(node("Mine", "mine", module="my_code", core=lstm_node())), "3.15.1")
    assert (found.place.path, found.place.stored) == ("model/mine/Mine.core", "/layers/mine/core/cell")


@pytest.mark.parametrize(
    ("layer", "cell", "where"),
    [
        (node("Mine", "mine", module="my_code"), "layers/mine/core/cell", "in model/mine, where the class 'my_code.Mine' is none"),
        ({**lstm_node(), **MINE}, "layers/lstm/cell", "in model/lstm, where the class 'LSTM (module null)' is none of Keras'"),
        (
            node("RNN", "rnn", cell={**node("LSTMCell", units=2), "registered_name": "My>LSTMCell", "module": None}),
            "layers/rnn/cell",
            "in model/rnn/cell, where the class 'My>LSTMCell' is none of Keras'",
        ),
        (node("Dense", "dense"), "astray/cell", "and no layer of the configuration has its weights there"),
    ],
    ids=["layer", "name of Keras' own", "cell", "nowhere"],
)
def test_weights_that_no_lstm_claims_are_named_with_their_layer(tmp_path: Path, layer: Node, cell: str, where: str) -> None:
    """The configuration of a layer of the user's own is in the file, its code is not."""
    path = write_keras(tmp_path / "model.keras", model_node(layer), {cell: weights_of()})
    (said,) = contents_of(path).unclaimed
    assert said.startswith(f"{cell.removesuffix('/cell')} has weights of an LSTM's shapes, ")
    assert where in said


def test_weights_in_the_users_own_model_are_named_with_it(tmp_path: Path) -> None:
    """A model that is a class of its own keeps layers under the names of its attributes."""
    path = write_keras(tmp_path / "model.keras", node("Mine", "mine", module="my_code"), {"core/cell": weights_of()})
    (said,) = contents_of(path).unclaimed
    assert "in model, where the class 'my_code.Mine' is none of Keras'" in said


def test_weights_of_the_users_own_layer_in_a_legacy_file_are_named_with_it(tmp_path: Path) -> None:
    """Both halves of a Bidirectional lie in one group."""
    both = node("Bidirectional", "both", layer={**lstm_node(), "registered_name": "my>LSTM"})
    arrays = {f"cell/{name}:0": array for name, array in weights_of().arrays.items()}
    (said,) = contents_of(write_h5(tmp_path / "model.h5", model_node(both), {"both": arrays})).unclaimed
    assert said.startswith("both has weights of an LSTM's shapes, in model/both, where the class 'my>LSTM' is none of Keras'")


def test_lstm_that_a_layer_keeps_under_another_name_is_not_judged(tmp_path: Path) -> None:
    """Where its weights are cannot be told from its argument's name."""
    mine = node("Mine", "mine", module="my_code", core=lstm_node())
    file = contents_of(write_keras(tmp_path / "model.keras", model_node(mine), {"layers/mine/other/cell": weights_of()}))
    (lstm,) = file.lstms
    assert lstm.faults == ()
    assert "an argument of model/mine, whose class 'my_code.Mine' is none of Keras' and keeps it under another" in lstm.layer.reason


def test_lstms_in_a_list_of_the_users_own_layer_are_found(tmp_path: Path) -> None:
    """Where an archive keeps them: by class and number."""
    mine = node("Mine", "mine", module="my_code", cores=[lstm_node("a"), lstm_node("b")])
    stored = {
        "model/mine/Mine.cores[0]": "layers/mine/cores/lstm/cell",
        "model/mine/Mine.cores[1]": "layers/mine/cores/lstm_1/cell",
    }
    weights = {name: weights_of(seed=k) for k, name in enumerate(stored)}
    path = write_keras(tmp_path / "model.keras", model_node(mine), {stored[name]: held for name, held in weights.items()})
    assert same(by_path(read(path)), {name.removeprefix("model/"): held for name, held in weights.items()})


def test_class_named_lstm_with_other_weights_is_not_judged(tmp_path: Path) -> None:
    """A `.h5` file has the class's name alone; what it has beside Keras' weights tells."""
    arrays = {"lstm/peepholes": np.ones((3, 2), "f4"), **{f"cell/{name}": array for name, array in weights_of().arrays.items()}}
    (lstm,) = read(write_h5(tmp_path / "model.h5", model_node(lstm_node()), {"lstm": arrays}))
    assert (lstm.layer.config, lstm.faults) == (None, ())
    assert "weights that Keras' has not, lstm/peepholes: it is of the user's own" in lstm.layer.reason


def test_names_with_the_separators_of_windows(tmp_path: Path) -> None:
    """Keras 2.13 to 2.15 wrote them there."""
    weights = {"lstm": weights_of(seed=3)}
    path = write_keras(tmp_path / "model.keras", model_node(lstm_node()), {"layers\\lstm\\cell": weights["lstm"]})
    assert same(by_path(read(path)), weights)
    assert contents_of(path).unclaimed == ()


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (".keras", "whose function a name means is not in the file: gelu, sigmoid are taken for Keras' own, as Keras takes them"),
        (
            ".h5",
            "whose class or function a name means is not in the file: LSTM, gelu, sigmoid are taken for Keras' own, as Keras takes",
        ),
    ],
)
def test_what_a_file_does_not_say_is_said(tmp_path: Path, suffix: str, said: str) -> None:
    """A class or a function of the user's own may have been written by the name of one of Keras'."""
    config = model_node(lstm_node(activation="gelu"))
    if suffix == ".h5":
        arrays = {f"cell/{name}": array for name, array in weights_of().arrays.items()}
        file = contents_of(write_h5(tmp_path / "model.h5", config, {"lstm": arrays}))
    else:
        file = contents_of(write_keras(tmp_path / "model.keras", config, {"layers/lstm/cell": weights_of()}))
    assert file.assumed.startswith(said)


@pytest.mark.parametrize("config", [[lstm_node("a"), lstm_node("b")], {"layers": [lstm_node("a"), lstm_node("b")]}])
def test_a_sequential_of_any_version(config: Any) -> None:
    """Before Keras 2.2.3 its configuration was the list of its layers."""
    found = find_lstms({"class_name": "Sequential", "config": config}, "2.2.2")
    assert [one.place.path for one in found] == ["model/a", "model/b"]


def _with(name: str, value: float) -> LSTMWeights:
    arrays = {key: array.copy() for key, array in weights_of().arrays.items()}
    arrays[name].flat[3] = value
    return LSTMWeights(**arrays)


@pytest.mark.parametrize(
    ("weights", "config", "fault"),
    [
        (_with("kernel", np.nan), {}, "kernel[0, 3] is NaN, with 1 of 24 values"),
        (_with("bias", np.inf), {}, "bias[3] is infinite"),
        (_with("recurrent_kernel", 1e5), {"dtype": "mixed_float16"}, "beyond float16's largest number 65504"),
        (weights_of(3), {}, "those of 3 units, the configuration says 2"),
        (weights_of(bias=False), {}, "the file has 2 weights for it, expected 3"),
        (weights_of(), {"use_bias": False}, "the file has 3 weights for it, expected 2"),
    ],
)
def test_weights_that_cannot_be_right_are_faults(tmp_path: Path, weights: LSTMWeights, config: dict[str, Any], fault: str) -> None:
    """Found before anything is run."""
    (lstm,) = read(one_lstm(tmp_path / "model.keras", weights, **config))
    assert len(lstm.faults) == 1
    assert fault in lstm.faults[0]


def test_a_large_weight_is_no_fault_in_float32(tmp_path: Path) -> None:
    """What float16 cannot hold, float32 can."""
    (lstm,) = read(one_lstm(tmp_path / "model.keras", _with("recurrent_kernel", 1e5)))
    assert lstm.faults == ()


def test_two_layers_of_a_legacy_file_with_the_same_names(tmp_path: Path) -> None:
    """Keras 3.0 names all weights of a Bidirectional alike, and stops while it writes the second."""
    both = node("Bidirectional", "both", layer=lstm_node("ahead"), backward_layer=lstm_node("behind"))
    path = write_h5(tmp_path / "model.h5", model_node(both), {"both": weights_of().arrays})
    with h5py.File(path, "a") as root:
        names = root["model_weights/both"].attrs["weight_names"]
        root["model_weights/both"].attrs["weight_names"] = [*names, *names]
    assert ["one of the two is lost" in lstm.faults[0] for lstm in read(path)] == [True, True]


@pytest.mark.parametrize(("name", "expected"), [("LSTM", "lstm"), ("TimeDistributed", "time_distributed"), ("RNN", "rnn")])
def test_classes_are_named_as_archives_name_them(name: str, expected: str) -> None:
    """By Keras' own rule."""
    assert snake_case(name) == expected


@pytest.mark.xdist_group("keras")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras on TensorFlow's variables
def test_files_that_keras_has_saved(tmp_path: Path) -> None:
    """Every LSTM of a real model, in both formats, has the weights that its layer has."""
    import keras  # noqa: PLC0415  # a framework is imported by what needs it

    layers = keras.layers
    inner_input = keras.Input((None, 3))
    both = layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="both")
    inner = keras.Model(inner_input, layers.LSTM(4, return_sequences=True, name="top")(both(inner_input)), name="inner")
    read_by = keras.Input((5, 3))
    shared = layers.LSTM(2, name="shared")
    model = keras.Model(read_by, layers.add([shared(inner(read_by)), shared(inner(read_by))]))
    expected = {
        "inner/both/forward": both.forward_layer,
        "inner/both/backward": both.backward_layer,
        "inner/top": inner.get_layer("top"),
        "shared": shared,
    }
    weights = {name: LSTMWeights(*layer.get_weights()) for name, layer in expected.items()}
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")
    archive, legacy = read(tmp_path / "model.keras"), read(tmp_path / "model.h5")
    assert same(by_path(archive), weights)
    assert same(by_path(legacy), weights)
    assert [lstm.layer.place.uses for lstm in archive] == [2, 2, 2, 2]

"""Whether an environment may load a model file: only where all that loading would build is known to be harmless.

Loading runs the constructors that a configuration names. Keras' safe mode refuses Python bytecode, but not every version has it, and
it has been got around by naming other functions. So this is a list of what may be named, not of what may not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.model_file.archive import ModelFile
from lstm_ref.activations import ACTIVATIONS

_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")

# Layers, models, initialisers, regularisers, constraints, policies and operations that compute, and do nothing else.
_HARMLESS = frozenset(
    """
    Functional Sequential Model InputLayer __keras_tensor__
    LSTM LSTMCell GRU GRUCell SimpleRNN SimpleRNNCell RNN StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D ConvLSTM2D
    ConvLSTM3D Dense EinsumDense Embedding Masking Activation ReLU LeakyReLU PReLU ELU Softmax ThresholdedReLU Identity
    Conv1D Conv2D Conv3D Convolution1D Convolution2D SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D
    Conv1DTranspose Conv2DTranspose Conv3DTranspose MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D
    AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D AdaptiveAveragePooling1D AdaptiveMaxPooling1D
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot Merge Reshape Flatten Permute RepeatVector Cropping1D Cropping2D
    ZeroPadding1D ZeroPadding2D UpSampling1D UpSampling2D BatchNormalization BatchNormalizationV1 LayerNormalization
    GroupNormalization UnitNormalization RMSNormalization SpectralNormalization Normalization Rescaling Discretization
    CategoryEncoding Hashing Dropout AlphaDropout SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout
    ActivityRegularization Attention AdditiveAttention MultiHeadAttention GroupQueryAttention
    StringLookup IntegerLookup TextVectorization
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling GlorotUniform GlorotNormal HeUniform HeNormal
    LecunUniform LecunNormal Orthogonal OrthogonalInitializer Identity IdentityInitializer RandomNormalInitializer SeedGenerator
    L1 L2 L1L2 OrthogonalRegularizer MaxNorm NonNeg UnitNorm MinMaxNorm
    DTypePolicy FloatDTypePolicy Policy
    GetItem Divide TrueDivide Negative Absolute Abs Power Sqrt Square Exp Log Mean Sum Max Min Stack Transpose ExpandDims Squeeze Cast
    Matmul Sigmoid Tanh Relu Clip BroadcastTo Flip Split Reverse Pad
    """.split()
)
_LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")

# What an environment is told not to build, so it need not be known here.
_NOT_BUILT = ("compile_config",)


def reasons_not_to_load(file: ModelFile) -> tuple[str, ...]:
    """Why no environment should load the file, each once; none where it may."""
    named = (f"its member {name!r} would be unpacked outside of its folder" for name in file.members if _leaves(name))
    return tuple(dict.fromkeys([*named, *(reason for node in _nodes(file.config) if (reason := _reason(node)))]))


def _leaves(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or ":" in parts[0]


def _nodes(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All that names a class or a module, wherever it stands."""
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if "class_name" in value or "module" in value:
                yield value
            waiting += [child for key, child in value.items() if key not in _NOT_BUILT]
        elif isinstance(value, list):
            waiting += value


def _reason(node: Mapping[str, Any]) -> str:
    name, module, registered = (str(node.get(key) or "") for key in ("class_name", "module", "registered_name"))
    config = node.get("config")
    if name == "Lambda" or name.startswith("__lambda"):
        return "a Lambda layer holds Python bytecode"
    if ">" in name or ">" in registered:
        return f"{(registered if '>' in registered else name)!r} is a class of the user's own"
    if module and not any(module == one or module.startswith(f"{one}.") for one in _MODULES):
        return f"{module}.{name} is none of Keras' own classes"
    if name == "function":
        return "" if isinstance(config, str) and config in ACTIVATIONS else f"{config!r} is a function of the user's own"
    if name in _LOOKUPS and isinstance(config, Mapping) and isinstance(config.get("vocabulary"), str):
        return f"{name} reads its vocabulary from another file, {config['vocabulary']!r}"
    return "" if name in _HARMLESS else f"{name or module} is not among the classes of Keras that are known to be harmless"

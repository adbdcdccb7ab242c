"""The routes by which a user reaches a layer, each as a function from the arrays of a call to what is returned."""

import importlib
import inspect
from typing import Any, Callable, Dict, List, Optional, Sequence

from .common import Arrays, Unsupported, flat, one_or_list
from .gradients import DIFFERENTIATE, replaced
from .keras import Keras
from .layer import RATES_AT_INFERENCE, Builder, call_layers, has_mask_argument, load_weights, strided
from .models import DRIVEN, LOSSES, REMADE, drive, remade

Run = Callable[[Sequence[Any]], List[Any]]
# Those that a question can ask for.
ROUTES = ("call", "training", "gradient", "functional", *DRIVEN, *REMADE)


class Subject:
    """What a case is run on.

    Args:
        keras: where it runs.
        question, arrays: the case, as the protocol has it.

    Attributes:
        parts: the layers, with the weights of the case.
        run: one call, from its arrays to the flat list of what is returned.
        how: what runs, in words.
    """

    def __init__(self, keras: Keras, question: Dict[str, Any], arrays: Arrays) -> None:
        self.keras, self.question, self.arrays = keras, question, arrays
        self.builder = self.make_builder()
        self.parts = self.builder.build(arrays)
        self.how = ""
        self.run = self.route()

    def make_builder(self) -> Builder:
        """What builds the layers."""
        return Builder(self.keras, self.question)

    def arrays_of(self, number: int, call: Dict[str, Any]) -> List[Any]:
        """The arrays of one call: inputs or ids, the mask where it is an argument, initial states where they are given."""
        inputs = self.arrays["%d.inputs" % number]
        if not self.question["contiguous"]:
            inputs = strided(inputs)
        mask = [self.arrays["%d.mask" % number]] if has_mask_argument(self.question) else []
        states = [self.arrays["%d.state.%d" % (number, k)] for k in range(call["states"])]
        return [inputs, *mask, *states]

    def route(self) -> Run:
        """The function of one call's arrays, by the case's route."""
        route = self.question["route"]
        if route in ("call", "training"):
            return self.called(training=route == "training" or self.question["dropout"] not in ("none", *RATES_AT_INFERENCE))
        if route == "gradient":
            return self.differentiated()
        if route not in ROUTES:
            raise Unsupported("the route %s is no part of this protocol" % route)
        model = self.model()
        if route in REMADE:
            model, self.parts = remade(self.keras, model, self.parts, route, self.model_anew)
        self.how = route
        if route in DRIVEN:
            return lambda arrays: flat(drive(self.keras, model, self.question, one_or_list(arrays), self.arrays.get("targets")))
        if not self.keras.is_eager:
            self.how += ", predict_on_batch"
            return lambda arrays: flat(model.predict_on_batch(one_or_list(arrays)))
        return lambda arrays: flat(model(one_or_list(self.tensors(arrays)), training=False))

    # --- layers that are called ----------------------------------------------------------------------------------------------

    def apply(self, arrays: Sequence[Any], training: Optional[bool] = None) -> List[Any]:
        """What the layers return, flat; of symbols, traced or eager."""
        return call_layers(self.keras, self.question, self.parts, arrays, training)

    def tensors(self, arrays: Sequence[Any]) -> List[Any]:
        """The arrays as tensors of the backend."""
        return [self.keras.tensor(array) for array in arrays]

    def load_weights(self) -> None:
        """Give the layers, which have been called, the weights of the case."""
        load_weights(self.keras, self.question, self.parts, self.arrays)

    def called(self, *, training: bool) -> Run:
        """Call the layers as layers."""
        if not self.keras.is_eager:
            return self.graph(training=training)
        # What stateless calls lose of a stateful layer's state is that route's own difference.
        if self.keras.backend == "jax" and self.question["compiled"] and not self.question["stateful"]:
            self.how = "stateless_call, jit"
            return self.stateless(training=training, jit=True)
        self.apply(self.symbols(), training=False)
        self.load_weights()
        return self.eager(lambda tensors: self.apply(tensors, training=training))

    def eager(self, function: Run) -> Run:
        """Call a function of tensors with arrays, inside tf.function where the case is compiled."""
        self.how = "eager"
        if self.keras.tf is not None and self.question["compiled"]:
            tf = self.keras.tf
            compiler = {"jit_compile": True} if self.question["jit_compile"] else {}
            if compiler and "jit_compile" not in inspect.signature(tf.function).parameters:
                raise Unsupported("no jit_compile in this TensorFlow")
            signature = [[tf.TensorSpec(shape, dtype) for shape, dtype in self.question["signature"]]]
            function = tf.function(function, input_signature=signature, autograph=False, **compiler)
            self.how = "tf.function" + (", jit" if compiler else "")
        elif self.question["jit_compile"]:
            function = self.jit_compiled(function)
        return lambda arrays: flat(function(self.tensors(arrays)))

    def jit_compiled(self, function: Run) -> Run:
        """Compile a function where there is no `tf.function` for it."""
        del function
        raise Unsupported("jit_compile: a call of a layer has no compiler on %s" % self.keras.backend)

    def graph(self, *, training: bool) -> Run:
        """A call in Keras 1 or 2 on a static graph."""
        backend = self.keras.module.backend
        inputs = self.symbols()
        outputs = self.apply(inputs)
        self.load_weights()
        # Keras 1 counts updates of a Bidirectional's halves as its own; elsewhere each layer has its own.
        layers = {id(layer): layer for layer in self.parts.recurrent}.values()
        updates = [update for layer in layers for update in getattr(layer, "updates", ())]
        if self.question["route"] == "gradient":
            sources = self.trainable() + [inputs[position] for position in self.floating()]
            found = backend.gradients(self.weighted_sum(outputs), sources)
            outputs = outputs + [backend.zeros_like(of) if one is None else one for one, of in zip(found, sources)]
        phase = backend.learning_phase()
        phases = [] if isinstance(phase, int) else [phase]
        function = backend.function(inputs + phases, outputs, updates=updates)
        self.how = "backend.function"
        return lambda arrays: list(function(list(arrays) + [int(training)] * len(phases)))

    # --- gradients -----------------------------------------------------------------------------------------------------------

    def differentiated(self) -> Run:
        """A call in training, and the gradients of what it returns."""
        if self.keras.backend not in DIFFERENTIATE and self.keras.is_eager:
            raise Unsupported("Keras infers only on %s: there are no gradients" % self.keras.backend)
        if self.keras.backend == "jax":
            return self.stateless_gradient(jit=self.question["compiled"])
        if not self.keras.is_eager:
            return self.graph(training=False)
        self.apply(self.symbols(), training=False)
        self.load_weights()
        differentiate, weights, floating = DIFFERENTIATE[self.keras.backend], self.trainable(), self.floating()

        def gradient(tensors: Sequence[Any]) -> List[Any]:
            def loss(_: Sequence[Any], floats: Sequence[Any]) -> Any:
                returned = self.apply(replaced(tensors, floating, floats), training=True)
                return self.weighted_sum(returned), returned

            of_weights, of_arrays, returned = differentiate(loss, weights, [tensors[k] for k in floating])
            return [*returned, *of_weights, *of_arrays]

        return self.eager(gradient)

    def trainable(self) -> List[Any]:
        """The weights of the LSTMs, as the backend has them: kernel, recurrent kernel and bias of each."""
        variables = [each for layer in self.parts.layers for each in layer.trainable_weights]
        if self.keras.generation == 1 and len(variables) > 3 * len(self.parts.recurrent):
            raise Unsupported("Keras 1 has twelve arrays of weights here, which this protocol does not differentiate")
        return [variable.value for variable in variables] if self.keras.generation == 3 else variables

    def floating(self) -> List[int]:
        """Positions of the arrays of a call that have gradients."""
        return [position for position, (_, dtype) in enumerate(self.question["signature"]) if "float" in dtype]

    def weighted_sum(self, returned: Sequence[Any]) -> Any:
        """The sum of what is returned, with the weights of the question: gradients are taken of it."""
        total: Any = None
        for position, tensor in enumerate(returned):
            if "weigh.%d" % position in self.arrays:
                product = self.sum_of_products(tensor, self.arrays["weigh.%d" % position])
                total = product if total is None else total + product
        return total

    def sum_of_products(self, tensor: Any, weights: Any) -> Any:
        """The sum of the products of a tensor's elements and their weights, in the tensor's dtype."""
        if self.keras.generation == 3:
            ops = self.keras.module.ops
            return ops.sum(tensor * ops.convert_to_tensor(weights, dtype=tensor.dtype))
        if self.keras.is_eager:
            return self.keras.tf.reduce_sum(tensor * self.keras.tf.cast(weights, tensor.dtype))
        backend = self.keras.module.backend
        return backend.sum(tensor * backend.variable(weights.astype(self.question["dtype"])))

    # --- calls that change nothing -------------------------------------------------------------------------------------------

    def stateless(self, *, training: bool, jit: bool) -> Run:
        """`Model.stateless_call`, jitted by JAX or not."""
        model = self.model()
        call = model.stateless_call
        if jit:
            call = importlib.import_module("jax").jit(call, static_argnames="training")
        return lambda arrays: written_back(model, lambda *variables: call(*variables, list(arrays), training=training))

    def stateless_gradient(self, *, jit: bool) -> Run:
        """The gradients of `Model.stateless_call`, jitted by JAX or not."""
        model, floating = self.model(), self.floating()
        own = [each for layer in self.parts.layers for each in layer.trainable_variables]
        places = [[variable is each for variable in model.trainable_variables].index(True) for each in own]

        def gradient(trainable: List[Any], other: List[Any], tensors: List[Any]) -> Any:
            def loss(weights: Sequence[Any], floats: Sequence[Any]) -> Any:
                given = replaced(tensors, floating, floats)
                returned, changed = model.stateless_call(replaced(trainable, places, weights), other, given, training=True)
                return self.weighted_sum(flat(returned)), (flat(returned), changed)

            sources = [trainable[place] for place in places], [tensors[position] for position in floating]
            of_weights, of_arrays, (returned, changed) = DIFFERENTIATE[self.keras.backend](loss, *sources)
            return [*returned, *of_weights, *of_arrays], changed

        function: Callable[..., Any] = importlib.import_module("jax").jit(gradient) if jit else gradient
        self.how = "gradient of stateless_call" + (", jit" if jit else "")
        return lambda arrays: written_back(model, lambda *variables: function(*variables, self.tensors(arrays)))

    # --- models --------------------------------------------------------------------------------------------------------------

    def symbols(self) -> List[Any]:
        """An Input for each array of a call."""
        module, signature = self.keras.module, self.question["signature"]
        if self.keras.generation == 3:
            return [module.Input(batch_shape=shape, dtype=dtype) for shape, dtype in signature]
        return [module.layers.Input(batch_shape=tuple(shape), dtype=self.input_dtype(shape, dtype)) for shape, dtype in signature]

    def input_dtype(self, shape: Sequence[Optional[int]], dtype: str) -> str:
        """The dtype of an Input: stand-alone Keras 1 and 2 compute in the dtype of the Input, and cast to it what they are fed."""
        is_id = self.question["mask_source"] == "embedding" and dtype == "int32"
        is_computed_with = dtype != "bool" and len(shape) > 1 and not is_id
        return str(self.question["dtype"]) if is_computed_with and not self.keras.is_eager else dtype

    def model_anew(self) -> Any:
        """The case's model and its parts, built once more."""
        self.parts = self.builder.build(self.arrays)
        return self.model(), self.parts

    def model(self) -> Any:
        """A functional model, compiled where its route asks for that, with the weights of the case."""
        module, question = self.keras.module, self.question
        if has_mask_argument(question) and not self.keras.is_eager:
            raise Unsupported("a mask that is an argument is no input of a model in stand-alone Keras 1 and 2")
        inputs = self.symbols()
        outputs = self.apply(inputs)
        is_trained = question["route"] in LOSSES
        made = module.models.Model(one_or_list(inputs), one_or_list(outputs[:1] if is_trained else outputs))
        self.load_weights()
        options: Dict[str, Any] = {}
        if self.keras.is_eager and question["route"] in DRIVEN:
            options["run_eagerly"] = not question["compiled"]
            if question["jit_compile"] or self.keras.generation == 3:
                options["jit_compile"] = question["jit_compile"]
        if is_trained or options:
            loss = "mean_squared_error" if is_trained or self.keras.generation < 3 else None
            made.compile(loss=loss, optimizer=module.optimizers.SGD(0.0), **options)
        return made


def written_back(model: Any, call: Callable[..., Any]) -> List[Any]:
    """What a call that changes nothing returns for the model's variables; what it would change of them is assigned."""
    trainable, other = (
        [variable.value for variable in group] for group in (model.trainable_variables, model.non_trainable_variables)
    )
    returned, changed = call(trainable, other)
    for variable, value in zip(model.non_trainable_variables, changed):
        variable.assign(value)
    return flat(returned)

"""What Keras answers to each kind of question."""

from typing import Any, Dict, List, Sequence

import numpy as np

from .common import Answer, Arrays, Unsupported, flat, folder_of, in_one_line
from .description import describe
from .keras import Keras
from .loops import watched_loops
from .model_file import LoadedModel
from .routes import Subject


class KerasAnswers:
    """Answers about the Keras of one module."""

    def __init__(self, module: str) -> None:
        self.keras = Keras(module)
        self.hello = self.keras.hello

    def answer(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """To one question."""
        by_kind = {"lstm": self.lstm, "describe": self.describe, "model": self.model_file, "source": self.source}
        if question["ask"] not in by_kind:
            raise Unsupported("no such question: " + question["ask"])
        return by_kind[question["ask"]](question, arrays)

    def source(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Where the files of the implementation are."""
        del question, arrays
        return {"folder": folder_of(self.keras.module.layers.LSTM)}, {}

    def describe(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """What the layer's interface looks like."""
        del question, arrays
        return describe(self.keras), {}

    def model_file(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """What the model of a file predicts, and what each LSTM in it was given and returned."""
        self.keras.forget()
        try:
            loaded = LoadedModel(self.keras, question["path"])
        except Exception as error:
            return {"not_loaded": in_one_line(error)}, {}
        inputs = [arrays["input.%d" % number] for number in range(len(arrays))]
        return loaded.answer(inputs, question)

    def lstm(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """The calls of one case."""
        self.keras.forget()
        with watched_loops(self.keras) as loops:
            subject = Subject(self.keras, question, arrays)
            for layer in subject.parts.recurrent if question["stateful"] else ():
                self.keras.reset(layer)
            answered: Arrays = {}
            calls = [self.call(subject, number, call, answered) for number, call in enumerate(question["calls"])]
        layers = subject.parts.layers
        answer = {
            "calls": calls,
            "parameter_count": sum(int(layer.count_params()) for layer in layers),
            "weight_shapes": [list(self.keras.shape_of(weight)) for layer in layers for weight in layer.weights],
            "path": "; ".join(filter(None, [subject.how, " and ".join(loops)])),
        }
        return answer, answered

    def call(self, subject: Subject, number: int, call: Dict[str, Any], answered: Arrays) -> Dict[str, Any]:
        """One call: its arrays into `answered`, what else there is to say of it as the result."""
        recurrent = subject.parts.recurrent
        if call["after_reset"]:
            for layer in recurrent:
                self.keras.reset(layer)
            self.keep_states(answered, number, "reset", recurrent)
        returned = subject.run(subject.arrays_of(number, call))
        if subject.question["stateful"]:
            self.keep_states(answered, number, "stored", recurrent)
        values = [self.keras.numpy(each) for each in returned]
        count = len(values) - call.get("gradients", 0)
        for position, value in enumerate(values):
            name = ("returned", position) if position < count else ("gradient", position - count)
            answered["%d.%s.%d" % (number, *name)] = value
        return {"returned": count, "dtypes": [self.keras.dtype_of(each) for each in returned[:count]]}

    def keep_states(self, answered: Arrays, number: int, when: str, layers: Sequence[Any]) -> None:
        """The states that stateful layers hold, h and c of all side by side."""
        states: List[Any] = [state for layer in layers for state in flat(layer.states)]
        values = [np.array(self.keras.numpy(self.keras.value(state))) for state in states]
        for name, arrays in (("hidden", values[0::2]), ("cell", values[1::2])):
            answered["%d.%s_%s" % (number, when, name)] = np.concatenate(arrays, axis=-1)

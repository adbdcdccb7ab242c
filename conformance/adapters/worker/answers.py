"""What Keras answers to each kind of question."""

from typing import Any, Dict

from .calls import run_calls
from .common import Answer, Arrays, Unsupported, exception_line, folder_of
from .description import describe
from .keras import Keras
from .loops import watched_loops
from .model_file import LoadedModel
from .routes import Subject
from .suite import ask_suite


class KerasAnswers:
    """Answers about the Keras of one module."""

    def __init__(self, module: str) -> None:
        self.keras = Keras(module)
        self.hello = self.keras.hello

    def answer(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Answer one question."""
        by_kind = {"lstm": self.lstm, "describe": self.describe, "model": self.model_file, "source": self.source}
        by_kind.update(dict.fromkeys(("probe", "case"), self.suite))
        if question["ask"] not in by_kind:
            raise Unsupported("no such question: " + question["ask"])
        return by_kind[question["ask"]](question, arrays)

    def source(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Say where the files of the implementation are."""
        del question, arrays
        return {"folder": folder_of(self.keras.module.layers.LSTM)}, {}

    def describe(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Describe the layer's interface."""
        del question, arrays
        return describe(self.keras), {}

    def model_file(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Say what the model of a file predicts, and what each LSTM in it was given and returned."""
        self.keras.forget()
        try:
            loaded = LoadedModel(self.keras, question["path"])
        except Exception as error:
            return {"not_loaded": exception_line(error)}, {}
        inputs = [arrays["input.%d" % number] for number in range(len(arrays))]
        return loaded.answer(inputs, question)

    def suite(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Ask the suite's own code."""
        return ask_suite(self.keras, question, arrays)

    def lstm(self, question: Dict[str, Any], arrays: Arrays) -> Answer:
        """Run the calls of one case."""
        self.keras.forget()
        with watched_loops(self.keras) as loops:
            answer, returned = run_calls(Subject(self.keras, question, arrays))
        return dict(answer, path="; ".join(filter(None, [answer["path"], " and ".join(loops)]))), returned

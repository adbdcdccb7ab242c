"""The calls of a case, and what each returns and leaves in stateful layers."""

from typing import Any, Dict, List, Sequence

import numpy as np

from .common import Answer, Arrays, flat
from .keras import Keras
from .routes import Subject


def run_calls(subject: Subject) -> Answer:
    """What the subject answers to its question, but for which loops ran: `path` says by which route."""
    keras, question, layers = subject.keras, subject.question, subject.parts.layers
    for layer in subject.parts.recurrent if question["stateful"] else ():
        keras.reset(layer)
    arrays: Arrays = {}
    calls = [run_call(subject, number, call, arrays) for number, call in enumerate(question["calls"])]
    answer = {
        "calls": calls,
        "parameter_count": sum(int(layer.count_params()) for layer in layers),
        "weight_shapes": [list(keras.shape_of(weight)) for layer in layers for weight in layer.weights],
        "path": subject.how,
    }
    return answer, arrays


def run_call(subject: Subject, number: int, call: Dict[str, Any], arrays: Arrays) -> Dict[str, Any]:
    """One call: its arrays are added to `arrays`, what else there is to say of it is returned."""
    keras, recurrent = subject.keras, subject.parts.recurrent
    if call["after_reset"]:
        for layer in recurrent:
            keras.reset(layer)
        add_states(keras, arrays, "%d.reset" % number, recurrent)
    returned = subject.run(subject.arrays_of(number, call))
    if subject.question["stateful"]:
        add_states(keras, arrays, "%d.stored" % number, recurrent)
    count = len(returned) - call.get("gradients", 0)
    for position, tensor in enumerate(returned):
        name = ("returned", position) if position < count else ("gradient", position - count)
        arrays["%d.%s.%d" % (number, *name)] = keras.numpy(tensor)
    return {"returned": count, "dtypes": [keras.dtype_of(tensor) for tensor in returned[:count]]}


def add_states(keras: Keras, arrays: Arrays, when: str, layers: Sequence[Any]) -> None:
    """Copies of the states that stateful layers keep, h and c of all side by side."""
    states: List[Any] = [state for layer in layers for state in flat(layer.states)]
    values = [np.array(keras.numpy(keras.value(state))) for state in states]
    arrays[when + "_hidden"], arrays[when + "_cell"] = (np.concatenate(values[k::2], axis=-1) for k in (0, 1))

"""The documents' statements about an LSTM layer, each with one experiment on real Keras.

It may import `running`, `report` and the rooms below them.

| theme | file | claims |
|---|---|---|
| the meaning of `units` | sizes.py | units-are-output-size … timesteps-equal-neurons |
| the coupling of units, the equations | coupling.py | independent-copies, each-unit-sees-all-features, elementwise-tanh, … |
| timesteps | steps.py | output-is-N-steps, return-sequences-shapes, cells-equal-window, … |
| states | states.py | stateful-carries, initial-state-zero |
| parameters | counts.py | twelve-parameters, count-formula, summary-table, … |
| origins | origins.py | defaults-of-the-signature, no-paper |
| capacity | capacity.py | fewer-units-suffice |

A claim measures (measure.py), and its verdict is computed from the measurements (judging.py). `run_claims` runs claims one by one
(model.py), and text.py prints them. `SYSTEMS` names the systems of the documents and the environments that stand for each
(systems.py). verification.py runs the quick level on these environments, and cells.py tests the arguments that only TensorFlow's
cells have.
"""

from conformance.claims import capacity, counts, coupling, origins, sizes, states, steps
from conformance.claims.capacity import plot_accuracy
from conformance.claims.model import Claim, ClaimResult, run_claims
from conformance.claims.systems import SYSTEMS, System

__all__ = [
    "CLAIMS",
    "SYSTEMS",
    "Claim",
    "ClaimResult",
    "System",
    "plot_accuracy",
    "run_claims",
]

# In the order of the documents.
CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            item
            for theme in (sizes, coupling, steps, states, counts, origins, capacity)
            for item in vars(theme).values()
            if isinstance(item, Claim)
        ),
        key=lambda claim: claim.documents[0],
    )
)

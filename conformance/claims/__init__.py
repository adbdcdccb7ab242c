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
(model.py), and text.py prints them. `SYSTEMS` names the systems of the documents and the environments that stand for each.
verification.py runs the quick level on these environments, cells.py tests the arguments that only TensorFlow's cells have, and
recorded.py reads recorded answers of older versions.
"""

from conformance.claims import capacity, counts, coupling, origins, sizes, states, steps
from conformance.claims.capacity import plot_accuracy
from conformance.claims.model import Claim, ClaimResult, ClaimVerdict, Evidence, Finding, Side, run_claims
from conformance.claims.systems import SYSTEMS, System

__all__ = [
    "CLAIMS",
    "SYSTEMS",
    "Claim",
    "ClaimResult",
    "ClaimVerdict",
    "Evidence",
    "Finding",
    "Side",
    "System",
    "plot_accuracy",
    "run_claims",
]

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="units-are-output-size",
        documents=("D0", "D2"),
        statement="`units` is the size of the layer's output.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.units_are_output_size,
    ),
    Claim(
        id="states-have-size-units",
        documents=("D0", "D2", "D1"),
        statement="Cell state, hidden state and output gate have size `units`; both states are (batch, units).",
        expected=ClaimVerdict.HOLDS,
        run=sizes.states_have_size_units,
    ),
    Claim(
        id="one-block-of-width-units",
        documents=("D0", "D1"),
        statement="A layer holds one cell of width `units`, used again at every timestep.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.one_block_of_width_units,
    ),
    Claim(
        id="independent-copies",
        documents=("D0",),
        statement="A layer of n units is n one-unit LSTMs side by side that do not see each other.",
        expected=ClaimVerdict.FAILS,
        run=coupling.independent_copies,
    ),
    Claim(
        id="scalars-at-one-unit",
        documents=("D0",),
        statement="The values f, i, C and h are scalars at one unit and vectors of length n at n units.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.scalars_at_one_unit,
    ),
    Claim(
        id="output-is-N-steps",
        documents=("D0",),
        statement="`units=N` makes the cell iterate N times and return N successive outputs.",
        expected=ClaimVerdict.FAILS,
        run=steps.output_is_n_steps,
    ),
    Claim(
        id="return-sequences-shapes",
        documents=("D0", "D2"),
        statement="`return_sequences=True` gives (batch, timesteps, units), False gives the last of these, (batch, units).",
        expected=ClaimVerdict.HOLDS,
        run=steps.return_sequences_shapes,
    ),
    Claim(
        id="input-dim-free",
        documents=("D0",),
        statement="The number of features per timestep need not equal `units`.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.input_dim_free,
    ),
    Claim(
        id="manual-lagging",
        documents=("D0",),
        statement="The user has to prepare lagged inputs x[t-N] to x[t], one for each unit.",
        expected=ClaimVerdict.FAILS,
        run=steps.manual_lagging,
    ),
    Claim(
        id="zero-pad-after-first-step",
        documents=("D0",),
        statement="Zeros at all later steps are the way to give input at the first step only.",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=steps.zero_pad_after_first_step,
    ),
    Claim(
        id="defaults-of-the-signature",
        documents=("D0",),
        statement="The layer's defaults are the printed ones, among them hard_sigmoid gates and implementation 1.",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=origins.defaults_of_the_signature,
    ),
    Claim(
        id="stateful-carries",
        documents=("D0", "D3"),
        statement="With `stateful=True` each sample's next call starts from the state in which its last call ended.",
        expected=ClaimVerdict.HOLDS,
        run=states.stateful_carries,
    ),
    Claim(
        id="cells-equal-window",
        documents=("D1",),
        statement="A layer has as many cells as its window has timesteps.",
        expected=ClaimVerdict.FAILS,
        run=steps.cells_equal_window,
    ),
    Claim(
        id="latent-dim",
        documents=("D1",),
        statement="`units` sizes the latent state, whatever the numbers of features and timesteps are.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.latent_dim,
    ),
    Claim(
        id="num-units-is-hidden-size",
        documents=("D1",),
        statement="In TensorFlow's cells, hidden state and output both have num_units elements.",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=sizes.num_units_is_hidden_size,
    ),
    Claim(
        id="num-units-is-capacity",
        documents=("D1",),
        statement="The more units, the more learned parameters.",
        expected=ClaimVerdict.HOLDS,
        run=sizes.num_units_is_capacity,
    ),
    Claim(
        id="fewer-units-suffice",
        documents=("D1",),
        statement="A test accuracy over 90 % needs far fewer than 128 units.",
        expected=ClaimVerdict.HOLDS,
        run=capacity.fewer_units_suffice,
    ),
    Claim(
        id="elementwise-tanh",
        documents=("D1",),
        statement="The tanh and sigmoid of the usual drawing act on every element of a vector by itself.",
        expected=ClaimVerdict.HOLDS,
        run=coupling.elementwise_tanh,
    ),
    Claim(
        id="initial-state-zero",
        documents=("D1",),
        statement="Before the first timestep the state is all zeros.",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=states.initial_state_zero,
    ),
    Claim(
        id="input-times-matrix",
        documents=("D1",),
        statement="Each timestep's input is multiplied by one [input_dim, n_hidden] matrix, which gives n_hidden numbers.",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=coupling.input_times_matrix,
    ),
    Claim(
        id="shapes-3-50",
        documents=("D1",),
        statement="150 characters make 3 sequences of 50 timesteps; states are (batch, units), outputs (batch, timesteps, units).",
        expected=ClaimVerdict.HOLDS,
        run=sizes.shapes_3_50,
    ),
    Claim(
        id="timesteps-equal-neurons",
        documents=("D2",),
        statement="A layer that reads T timesteps has T neurons and T outputs.",
        expected=ClaimVerdict.FAILS,
        run=sizes.timesteps_equal_neurons,
    ),
    Claim(
        id="each-unit-sees-all-features",
        documents=("D2",),
        statement="Each of 32 units reads all 64 features at each of 10 timesteps.",
        expected=ClaimVerdict.HOLDS,
        run=coupling.each_unit_sees_all_features,
    ),
    Claim(
        id="last-step-feeds-dense",
        documents=("D2",),
        statement="The 32 values of the last timestep are what a following Dense(2) reads.",
        expected=ClaimVerdict.HOLDS,
        run=steps.last_step_feeds_dense,
    ),
    Claim(
        id="timesteps-free-count",
        documents=("D2",),
        statement="LSTM(10) on 5 features has as many parameters at 13 timesteps as at 100.",
        expected=ClaimVerdict.HOLDS,
        run=counts.timesteps_free_count,
    ),
    Claim(
        id="summary-table",
        documents=("D2",),
        statement="`model.summary()` of LSTM(10) on 5 features shows (None, 10) and 640 parameters, all trainable.",
        expected=ClaimVerdict.HOLDS,
        run=counts.summary_table,
    ),
    Claim(
        id="colah-consistent",
        documents=("D3",),
        statement="Keras computes the well-known blog's equations over the concatenated [h, x].",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=coupling.colah_consistent,
    ),
    Claim(
        id="twelve-parameters",
        documents=("D3",),
        statement="One unit on one feature has 12 parameters: 3 each for forget gate, input gate, candidate and output gate.",
        expected=ClaimVerdict.HOLDS,
        run=counts.twelve_parameters,
    ),
    Claim(
        id="second-feature-adds-four",
        documents=("D3",),
        statement="A second feature adds 4 parameters: its weight in each of the four gates.",
        expected=ClaimVerdict.HOLDS,
        run=counts.second_feature_adds_four,
    ),
    Claim(
        id="two-units-double",
        documents=("D3",),
        statement="Two units have twice the parameters of one, 24, since neither unit reads the other.",
        expected=ClaimVerdict.FAILS,
        run=counts.two_units_double,
    ),
    Claim(
        id="count-formula",
        documents=("D3",),
        statement="The number of parameters is 4 × ((x + h) × h + h).",
        expected=ClaimVerdict.HOLDS_ONLY_WHEN,
        run=counts.count_formula,
    ),
    Claim(
        id="no-paper",
        documents=("D3",),
        statement="No paper is named as the source of Keras' LSTM.",
        expected=ClaimVerdict.FAILS,
        run=origins.no_paper,
    ),
)

"""Differences between backends where Keras promises nothing: one profile per backend, shown in every report.

A convention is not a tolerance. The reference follows the profile, and a backend that departs from its own profile fails.
"""

from dataclasses import dataclass

from conformance.cases.case import Case


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """One backend's choices.

    Attributes:
        float64: the precision that the policy "float64" computes in.
        float64_returned: the dtype of the results under this policy.
        first_masked_output: the output of a loop before the first used timestep: "zeros" or "initial_state", which is h0.
        first_masked_output_unrolled: the output of an unrolled loop there.
        products: the format of the operands of float32 matrix products: "tf32", "bfloat16", or "" for float32.
    """

    float64: str = "float64"
    float64_returned: str = "float64"
    first_masked_output: str = "zeros"
    first_masked_output_unrolled: str = "zeros"
    products: str = ""

    def compute_dtype(self, precision: str) -> str:
        """The precision in which the backend computes under a policy of the given precision."""
        return self.float64 if precision == "float64" else precision

    def returned_dtype(self, precision: str) -> str:
        """The dtype of the results under a policy of the given precision."""
        return self.float64_returned if precision == "float64" else precision

    def emits_initial_state(self, case: Case) -> bool:
        """Whether a case's loop emits h0 before the first used timestep."""
        emitted = self.first_masked_output_unrolled if case.execution.unroll else self.first_masked_output
        return emitted == "initial_state"

    def __str__(self) -> str:
        """The profile in words, for reports."""
        returned = "" if self.float64_returned == self.float64 else f" and returned as {self.float64_returned}"
        emitted = _WORDS[self.first_masked_output]
        if self.first_masked_output_unrolled != self.first_masked_output:
            emitted += f" from a loop, {_WORDS[self.first_masked_output_unrolled]} from an unrolled one"
        read = f"; float32 products read their operands in {_NAMES[self.products]}" if self.products else ""
        return f"float64 is computed in {self.float64}{returned}; what is emitted before the first used timestep is {emitted}{read}"


_WORDS = {"zeros": "zeros", "initial_state": "the initial hidden state"}
_NAMES = {"tf32": "TensorFloat-32", "bfloat16": "bfloat16"}

# The profile of an implementation that states no other.
DEFAULT_CONVENTIONS = Conventions()

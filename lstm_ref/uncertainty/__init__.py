"""How far a correct run in lower precision may lie from the reference: budgets of operations, σ, and runs with rounding errors.

It imports the LSTM (`layer`, `gradients`) and NumPy.
"""

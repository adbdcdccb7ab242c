"""The same function as the equations of `layer`, at the speed of matrix products, forwards and backwards.

It imports the equations' parts (`cell`'s activations, `state`, `weights`, `gradients`), never `layer`.
"""

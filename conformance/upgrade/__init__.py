"""Two implementations, or versions of one, asked the same cases: what changes from the one to the other, and what of it is right.

Both are judged against the oracle, so that a change is an improvement, a regression or a convention, not only a difference.
"""

"""Explains why a case fails: the deviation that explains it, the smallest failing case, and a picture of the difference.

It imports `known`, `judging`, `reference` and the layers below.
"""

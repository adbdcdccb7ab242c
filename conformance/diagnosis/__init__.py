"""Explains why cases fail: groups of similar ones, the deviation that explains a case, its smallest case, and its picture.

It imports `known`, `judging`, `reference` and the layers below.
"""

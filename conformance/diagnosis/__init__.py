"""Why a case fails: the deviation that explains it, the smallest case that still shows it, and a picture of the difference.

It imports `known`, `judging`, `reference` and what is below.
"""

"""Explanations for learners and bug reporters: a case gate by gate, a case as a script, the page of known differences.

It may import `claims`, `report`, `known`, `judging` and the rooms below them.
"""

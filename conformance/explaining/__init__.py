"""What a learner or a reporter of a bug is shown: one case gate by gate, a case as a script, the page of known differences.

It imports `claims`, `report`, `known`, `judging` and what is below.
"""

"""Known differences of released Keras versions, and systems that are described as Keras 3 plus deviations, as dated data.

It imports `judging`, `environments` and the layers below.
"""

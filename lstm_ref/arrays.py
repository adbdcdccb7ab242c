"""The one array type of the reference."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

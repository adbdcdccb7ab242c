"""Reads HDF5 safely: everything but plain arrays and text is refused before it is read.

An HDF5 file can point to other files (external links, external storage, virtual datasets), hold Python objects, and declare arrays
far larger than the stored bytes. Keras saves none of these.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import h5py
import numpy as np

from conformance.model_file.errors import ModelFileError
from lstm_ref.arrays import Array

# The most bytes of one array, and the largest ratio of an array to its stored bytes (gzip reaches a thousand).
LARGEST_ARRAY = 1 << 32
LARGEST_EXPANSION = 1000
EXPANDED_FREELY = 1 << 24
LARGEST_TEXT = 1 << 26
MOST_NAMES = 1 << 16

# HDF5's own filters: deflate, shuffle, fletcher32, szip, nbit, scaleoffset. HDF5 loads others as plugins, which are code.
_OWN_FILTERS = range(1, 7)


def descend(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """The group or dataset at a path of hard links; None where there is none.

    Raises:
        ModelFileError: the path leads through a link that may leave the file.
    """
    here = group
    for name in filter(None, path.split("/")):
        if not isinstance(here, h5py.Group):
            return None
        kind = here.get(name, getlink=True, getclass=True) if name in here.keys() else None  # noqa: SIM118  # `in` follows links
        if kind is None:
            return None
        if kind is not h5py.HardLink:
            raise ModelFileError(
                f"{here.name.rstrip('/')}/{name} is a {kind.__name__}, which may lead out of the file; expected the weights "
                "themselves; save the model again with Keras"
            )
        here = here[name]
    return here


def array_at(group: h5py.Group, path: str) -> Array | None:
    """The array at a path, in its own dtype, bfloat16 as float32; None where there is none.

    Raises:
        ModelFileError: it is no plain array, or declares far more bytes than it stores.
    """
    dataset = descend(group, path)
    if dataset is None:
        return None
    if not isinstance(dataset, h5py.Dataset):
        raise ModelFileError(f"{dataset.name} is a group, expected an array; save the model again with Keras")
    _refuse_what_is_no_plain_array(dataset)
    is_bfloat16 = dataset.dtype.kind == "V" and dataset.dtype.itemsize == 2 and text_of(dataset, "dtype") == "bfloat16"
    if not is_bfloat16 and dataset.dtype.kind not in "iuf":
        raise ModelFileError(f"{dataset.name} holds {dataset.dtype}, expected real numbers; the file is damaged or no Keras model")
    array = np.asarray(dataset[()])
    return (array.view("<u2").astype(np.uint32) << 16).view(np.float32) if is_bfloat16 else array


def _refuse_what_is_no_plain_array(dataset: h5py.Dataset) -> None:
    what = ""
    filters = dataset.id.get_create_plist()
    if dataset.shape is None:
        what = "is empty"
    elif dataset.external:
        what = f"keeps its data in another file ({dataset.external[0][0]!r})"
    elif dataset.is_virtual:
        what = "is a virtual dataset, whose data are in other files"
    elif any(filters.get_filter(k)[0] not in _OWN_FILTERS for k in range(filters.get_nfilters())):
        what = "is compressed by a filter that HDF5 would load as a plugin"
    else:
        declared, stored = math.prod(dataset.shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
        if declared > LARGEST_ARRAY or (declared > EXPANDED_FREELY and declared > LARGEST_EXPANSION * stored):
            what = f"declares {declared:,} bytes and stores {stored:,}"
    if what:
        raise ModelFileError(
            f"{dataset.name} {what}; expected an array that the file itself holds; save the model again with Keras"
        )


def text_of(holder: Any, name: str) -> str | None:
    """The text of an attribute; None where there is none.

    Raises:
        ModelFileError: it is no text, or longer than any configuration.
    """
    if name not in holder.attrs:
        return None
    _refuse_what_is_no_text(holder, name)
    value = holder.attrs[name]
    if isinstance(value, np.ndarray):
        value = value.tobytes() if value.dtype.kind == "S" else "".join(map(str, value.ravel()))
    text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    if len(text) > LARGEST_TEXT:
        raise ModelFileError(f"the attribute {name!r} is {len(text):,} characters long, expected at most {LARGEST_TEXT:,}")
    return text


def names_of(group: h5py.Group, name: str) -> list[str]:
    """A list of names in an attribute, or in several (name0, name1 …): Keras splits a list that is too long for HDF5.

    Raises:
        ModelFileError: they are no names, or too many.
    """
    cut = (f"{name}{k}" for k in itertools.count())
    names: list[str] = []
    for part in [name] if name in group.attrs else itertools.takewhile(group.attrs.__contains__, cut):
        if group.attrs.get_id(part).get_space().get_simple_extent_npoints() == 0:
            continue
        _refuse_what_is_no_text(group, part)
        names += [each.decode("utf-8") if isinstance(each, bytes) else str(each) for each in np.ravel(group.attrs[part])]
    return names


def _refuse_what_is_no_text(holder: Any, name: str) -> None:
    attribute = holder.attrs.get_id(name)
    count = attribute.get_space().get_simple_extent_npoints()
    is_text = attribute.dtype.kind == "S" or h5py.check_string_dtype(attribute.dtype) is not None
    if not is_text or count > MOST_NAMES or attribute.dtype.itemsize * count > LARGEST_TEXT:
        raise ModelFileError(
            f"the attribute {name!r} of {holder.name} holds {count:,} of {attribute.dtype}, expected text; "
            "the file is damaged or no Keras model"
        )

# SPDX-License-Identifier: Apache-2.0
"""Pictures as libwinnow reads them: arrays in place where their pixels lie side by side, PIL images, and photos by path through PIL."""
from __future__ import annotations

import os
from typing import Any, Optional, Tuple

import numpy as np

from ._library import ffi, lib

_LAYOUTS = {"RGB": 3, "BGR": 3, "RGBA": 4, "BGRA": 4, "GRAY": 1, "NV12": 1, "I420": 1}
_PLANAR = ("NV12", "I420")
_OF_CHANNELS = {3: "RGB", 4: "RGBA", 1: "GRAY"}
_PIL = {"RGB": "RGB", "RGBA": "RGBA", "L": "GRAY"}
_EXIF_ORIENTATION = 0x0112


def _from_pil(image: Any) -> Tuple[np.ndarray, str, int]:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        raise TypeError(f"a PIL image of mode {image.mode}: bring it to 8 bits a channel first")
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    if image.mode not in _PIL:
        transparent = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    return np.asarray(image), _PIL[image.mode], orientation if orientation in range(1, 9) else 1


def _from_path(path: Any) -> Tuple[np.ndarray, str, int]:
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("reading photos takes Pillow: pip install pillow, or give an array") from None
    with Image.open(path) as image:
        return _from_pil(image)


def _from_array(array: np.ndarray, layout: Optional[str]) -> Tuple[np.ndarray, str, int]:
    if array.dtype != np.uint8:
        raise TypeError(f"an array of {array.dtype}: pictures are uint8, 0 to 255")
    channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
    if channels not in _OF_CHANNELS:
        raise ValueError(f"an array of shape {array.shape}: pictures are height x width, or that x 1, 3 or 4; several go to batch()")
    layout = layout or _OF_CHANNELS[channels]
    if layout not in _LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}: use {', '.join(_LAYOUTS)}")
    if _LAYOUTS[layout] != channels:
        raise ValueError(f"{layout} has {_LAYOUTS[layout]} channels, the array has {channels}")
    if layout in _PLANAR and (array.ndim != 2 or array.shape[0] % 3 or array.shape[1] % 2):
        raise ValueError(f"an array of shape {array.shape}: {layout} is 2-D, of height * 3 / 2 rows and an even width")
    return array, layout, 1


def _add_chroma(image: Any, array: np.ndarray, layout: str) -> None:
    """The planes of an array that has chroma in a third more rows below luma, as OpenCV and libcamera give it."""
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    image.height = height
    image.plane[1] = image.plane[0] + height * width
    image.stride[1] = width if layout == "NV12" else width // 2
    image.plane[2] = image.plane[1] + height * width // 4
    image.stride[2] = width // 2


def picture_of(source: Any, layout: Optional[str], orientation: Optional[int]) -> Tuple[Any, Any]:
    """(winnow_image *, what must live as long as it is read)"""
    if isinstance(source, (str, os.PathLike)):
        array, layout, own = _from_path(source)
    elif hasattr(source, "getexif"):
        array, layout, own = _from_pil(source)
    else:
        array, layout, own = _from_array(np.asarray(source), layout)
    if layout in _PLANAR:
        array = np.ascontiguousarray(array)
    if array.ndim == 2:
        array = array[:, :, None]
    height, width, channels = array.shape
    # Rows may lie apart, even in reverse; the pixels of a row must not.
    if array.strides[2] != 1 and channels > 1 or array.strides[1] != channels and width > 1:
        array = np.ascontiguousarray(array)
    image = ffi.new("winnow_image *")
    image.plane[0] = ffi.cast("const uint8_t *", array.ctypes.data)
    image.stride[0] = array.strides[0]
    image.width, image.height = width, height
    image.format = getattr(lib, "WINNOW_" + layout)
    if layout in _PLANAR:
        _add_chroma(image, array, layout)
    image.orientation = own if orientation is None else orientation
    return image, array

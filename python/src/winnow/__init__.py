# SPDX-License-Identifier: Apache-2.0
"""A gate for camera models: tells the right kind of picture from every other.

    gate = winnow.Gate("rice.safetensors")
    verdict = gate(picture)          # a NumPy array of uint8, a PIL image, or the path of a photo
    if verdict.is_normal: ...
"""
from ._library import Error, library_path
from ._library import version as __version__
from .gate import Gate
from .stream import Stream
from .verdict import Verdict

__all__ = ["Error", "Gate", "Stream", "Verdict", "__version__", "library_path"]

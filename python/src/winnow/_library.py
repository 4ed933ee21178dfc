# SPDX-License-Identifier: Apache-2.0
"""Finds libwinnow and turns its statuses into exceptions. Calls give the interpreter's lock free (cffi does so around each)."""
from __future__ import annotations

import ctypes.util
import importlib.metadata
import os
import pathlib
import sys
from typing import Any

from ._abi import ffi as ffi

version: str = importlib.metadata.version("winnow")
_NAME = "libwinnow.dylib" if sys.platform == "darwin" else "libwinnow.so"


def _find() -> str:
    """What WINNOW_LIBRARY names (`system`: the installed one), else the library that came with the package, else the installed one."""
    named = os.environ.get("WINNOW_LIBRARY")
    bundled = pathlib.Path(__file__).parent / _NAME
    if named and named != "system":
        return named
    if bundled.exists() and not named:
        return str(bundled)
    installed = ctypes.util.find_library("winnow")
    if installed:
        return installed
    raise ImportError("libwinnow is not installed: `make install` puts it into place (then `ldconfig`), or set WINNOW_LIBRARY to its path")


library_path: str = _find()
try:
    lib = ffi.dlopen(library_path)
    _is = ffi.string(lib.winnow_version()).decode()
except (OSError, AttributeError) as why:
    raise ImportError(f"{library_path} is not libwinnow: {why}") from None
if _is != version:  # structs may differ
    raise ImportError(f"{library_path} is winnow {_is}, this package is for {version}: install the one that belongs to it")


class Error(Exception):
    """What libwinnow refused: one line that says what, where and what to do.

    `code` is the status of winnow.h in lower case ("io", "format", "argument", ...); `where` the byte position in a file, or None."""

    __module__ = "winnow"

    def __init__(self, message: str, code: str = "argument", where: int | None = None):
        super().__init__(message)
        self.code = code
        self.where = where


def new_error() -> Any:
    return ffi.new("winnow_error *")


def check(status: int, error: Any) -> None:
    if status == lib.WINNOW_OK:
        return
    code = ffi.typeof("winnow_status").elements[status].replace("WINNOW_ERROR_", "").lower()
    raise Error(ffi.string(error.message).decode(errors="replace"), code, None if error.where < 0 else error.where)

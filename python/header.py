# SPDX-License-Identifier: Apache-2.0
"""The public header as the ABI of the package: every declaration and the version come from it, so that none is written twice."""
import pathlib
import re

import cffi

HEADER = pathlib.Path(__file__).resolve().parent.parent / "include" / "winnow.h"
if not HEADER.exists():
    raise SystemExit(f"winnow: {HEADER} is not there: build the wheel from a whole checkout (pip install ./python)")


def version():
    return re.search(r'#define WINNOW_VERSION "(.*)"', HEADER.read_text()).group(1)


def declarations():
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.S)
    text = re.sub(r"#ifdef __cplusplus.*?#endif", "", text, flags=re.S)
    text = re.sub(r"^#.*", "", text, flags=re.M)
    return text.replace("WINNOW_API", "")


builder = cffi.FFI()
builder.set_source("winnow._abi", None)  # ABI mode: no compiler is needed, and one wheel serves every Python
builder.cdef(declarations())

# SPDX-License-Identifier: Apache-2.0
"""Puts libwinnow into the wheel, which then serves every Python 3 of one platform: the library that WINNOW_LIBRARY names, or that of the
Meson build beside this folder. With WINNOW_LIBRARY=system the wheel carries none, serves every platform, and finds the installed one."""
import os
import pathlib
import shutil
import sys
import tempfile

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import header  # noqa: E402

NAME = "libwinnow.dylib" if sys.platform == "darwin" else "libwinnow.so"
BUILT = header.HEADER.parent.parent / "build" / "src" / "runtime" / NAME
given = os.environ.get("WINNOW_LIBRARY")
system = given == "system"


def library():
    path = pathlib.Path(given) if given else BUILT
    if not path.is_file():
        raise SystemExit(f"winnow: {path} is not there: run `make build` in the checkout, set WINNOW_LIBRARY to the library, "
                         "or to `system` for a wheel that uses an installed one")
    return path


class Build(build_py):
    def run(self):
        super().run()
        if not system:
            shutil.copyfile(library(), os.path.join(self.build_lib, "winnow", NAME))


class Wheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = system

    def get_tag(self):
        return ("py3", "none", "any" if system else super().get_tag()[2])


with tempfile.TemporaryDirectory() as scratch:  # nothing is left in the source tree, nor taken from an older build
    setup(version=header.version(), cffi_modules=["header.py:builder"], cmdclass={"build_py": Build, "bdist_wheel": Wheel},
          options={"build": {"build_base": scratch}, "egg_info": {"egg_base": scratch}})

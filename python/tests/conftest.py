# SPDX-License-Identifier: Apache-2.0
"""A gate on drawn pictures by the program that WINNOW_PROGRAM names, and what that program says of them."""
import json
import os
import pathlib
import subprocess

import pytest

import winnow


class Job:
    def __init__(self, folder: pathlib.Path, program: str):
        self.folder, self.program = folder, program
        self.run("synth", folder / "p", "--count", "60", "--size", "128")
        self.path = folder / "gate.safetensors"
        self.run("train", "--backbone", "none", "--normal", folder / "p/train/normal", "--abnormal", folder / "p/train/other", "--width", "0.35",
                 "--input-size", "96", "--embedding-size", "32", "--batch", "16", "--epochs", "12", "--augment", "none", "--false-reject", "10%",
                 "--classes", "--log", "none", "--report", "none", "--checkpoint", "none", "-o", self.path)
        self.photos = sorted((folder / "p/test").rglob("*.jpg"))
        self.gate = winnow.Gate(self.path)

    def run(self, *arguments, allowed=(0,)):
        done = subprocess.run([self.program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "WINNOW_HOME": str(self.folder)})
        assert done.returncode in allowed, done.stderr
        return done.stdout

    def check(self, *photos):
        """What `winnow check --json` says of each."""
        return [json.loads(line) for line in self.run("check", self.path, "--json", *photos, allowed=(0, 1)).splitlines()]


@pytest.fixture(scope="session")
def job(tmp_path_factory):
    return Job(tmp_path_factory.mktemp("job"), os.path.abspath(os.environ.get("WINNOW_PROGRAM", "build/winnow")))

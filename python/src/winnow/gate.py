# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Iterable, Iterator, List, Optional, Tuple, Union

import numpy as np

from ._library import check, ffi, lib, new_error
from .picture import picture_of
from .verdict import Verdict, verdict_of


class Gate:
    """A gate file, ready to judge.

        gate = Gate("rice.safetensors")
        gate(picture).is_normal

    A picture is an array of uint8 (height x width, or that x 1, 3 or 4: grey, RGB, RGBA), a PIL image, or the path of a photo (which PIL
    reads). Arrays are read in place. `layout` says otherwise what an array's channels are ("BGR" for OpenCV's, "BGRA", "NV12", "I420"); `orientation` is
    EXIF's, 1 to 8, and defaults to what a PIL image says.

    Any number of threads may use one gate at a time."""

    def __init__(self, source: Union[str, os.PathLike[str], bytes]):
        self._source = source if isinstance(source, bytes) else os.fspath(source)
        handle, error = ffi.new("winnow_gate **"), new_error()
        if isinstance(source, bytes):
            check(lib.winnow_gate_open_memory(source, len(source), handle, error), error)
        else:
            check(lib.winnow_gate_open(os.fsencode(source), handle, error), error)
        self._gate = gate = ffi.gc(handle[0], lib.winnow_gate_free)
        self._idle: List[Any] = []  # sessions: as many as there were threads at once
        self.classes: Tuple[str, ...] = tuple(
            ffi.string(lib.winnow_gate_class_name(gate, i)).decode() for i in range(lib.winnow_gate_class_count(gate)))
        """Names of the classes that the gate tells apart among normal pictures; often none."""
        self.threshold: float = lib.winnow_gate_threshold(gate)
        """The least similarity that is accepted."""
        self.false_reject: float = lib.winnow_gate_false_reject(gate)
        """The share of normal pictures, 0 to 1, that the gate was calibrated to turn away."""
        self.embedding_size: int = lib.winnow_gate_embedding_size(gate)

    def metadata(self, key: str) -> Optional[str]:
        """What the gate file says under a key of docs/format.md, e.g. "winnow.backbone"; None where it says nothing."""
        text = lib.winnow_gate_metadata(self._gate, key.encode())
        return None if text == ffi.NULL else ffi.string(text).decode()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """A session that no other thread has."""
        try:
            session = self._idle.pop()
        except IndexError:
            handle, error = ffi.new("winnow_session **"), new_error()
            check(lib.winnow_session_create(self._gate, handle, error), error)
            gate = self._gate  # lives as long as its sessions: the destructor holds it

            def free(session: Any, gate: Any = gate) -> None:
                lib.winnow_session_free(session)

            session = ffi.gc(handle[0], free)
        try:
            yield session
        finally:
            self._idle.append(session)

    def __call__(self, picture: Any, *, layout: Optional[str] = None, orientation: Optional[int] = None) -> Verdict:
        """Judges one picture."""
        image, _pixels = picture_of(picture, layout, orientation)
        result, error = ffi.new("winnow_result *"), new_error()
        with self._session() as session:
            check(lib.winnow_score(session, image, result, error), error)
        return verdict_of(result, self.classes)

    def batch(self, pictures: Iterable[Any], *, layout: Optional[str] = None, threads: Optional[int] = None) -> List[Verdict]:
        """Judges many, in `threads` threads (default: as many as there are cores): a list of pictures, or an array of
        count x height x width x channels. In order; the same verdicts as one by one."""
        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            return list(pool.map(lambda picture: self(picture, layout=layout), pictures))

    def embed(self, picture: Any, *, layout: Optional[str] = None, orientation: Optional[int] = None) -> np.ndarray:
        """The embedding of a picture: float32, of length 1."""
        embedding = np.empty(self.embedding_size, np.float32)
        self._fill("winnow_embed", picture, layout, orientation, embedding)
        return embedding

    def explain(self, picture: Any, *, layout: Optional[str] = None, orientation: Optional[int] = None) -> np.ndarray:
        """Which parts speak for (above 0) and against the picture: float32, 8 x 8 over what the gate sees, the similarity of a patch around
        each less the threshold. Takes ten times as long as judging."""
        cells = np.empty((lib.WINNOW_EXPLAIN_SIDE, lib.WINNOW_EXPLAIN_SIDE), np.float32)
        self._fill("winnow_explain", picture, layout, orientation, cells, ffi.NULL)
        return cells

    def _fill(self, function: str, picture: Any, layout: Optional[str], orientation: Optional[int], out: np.ndarray, *more: Any) -> None:
        image, _pixels = picture_of(picture, layout, orientation)
        error = new_error()
        with self._session() as session:
            check(getattr(lib, function)(session, image, ffi.cast("float *", out.ctypes.data), *more, error), error)

    def __reduce__(self) -> Tuple[Any, ...]:  # to other processes
        return Gate, (self._source,)

    def __repr__(self) -> str:
        source = f"{len(self._source)} bytes" if isinstance(self._source, bytes) else self._source
        return f"<winnow.Gate {source}: threshold {self.threshold:.6g} for {self.false_reject:.2%}>"

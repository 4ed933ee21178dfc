# SPDX-License-Identifier: Apache-2.0
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import winnow


def same(verdict, line):
    """Whether a verdict is that of a line of `winnow check --json`, which prints nine digits and classes of accepted pictures alone."""
    assert verdict.verdict == line["verdict"]
    assert verdict.is_normal == (line["verdict"] == "normal")
    assert abs(verdict.p_value - line["p_value"]) <= 1e-6
    assert abs(verdict.similarity - line["similarity"]) <= 1e-6 * max(1, abs(line["similarity"]))
    if verdict.is_normal:
        assert verdict.class_name == line["class"]
        assert abs(verdict.probability - line["probability"]) <= 1e-6


def pixels(job, step=1):
    return [np.asarray(Image.open(photo).convert("RGB")) for photo in job.photos[::step]]


def test_the_programs_verdicts_of_photos_images_and_arrays(job):
    lines = job.check(*job.photos)
    assert len(lines) == len(job.photos) >= 90
    assert {"normal", "abnormal"} <= {line["verdict"] for line in lines}
    for photo, array, line in zip(job.photos, pixels(job), lines):
        same(job.gate(photo), line)
        same(job.gate(array), line)
        same(job.gate(Image.open(photo)), line)


def test_every_layout_gives_the_same(job):
    rgb = pixels(job, 20)[0]
    expected = job.gate(rgb)
    opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    assert job.gate(rgb[:, :, ::-1].copy(), layout="BGR") == expected
    assert job.gate(np.concatenate([rgb, opaque], axis=2)) == expected
    assert job.gate(np.concatenate([rgb[:, :, ::-1], opaque], axis=2), layout="BGRA") == expected
    grey = np.ascontiguousarray(rgb[:, :, 1])
    assert job.gate(grey) == job.gate(grey[:, :, None]) == job.gate(np.repeat(grey[:, :, None], 3, axis=2))
    assert job.gate(Image.fromarray(rgb).convert("RGBA")) == expected
    assert job.gate(Image.fromarray(rgb).quantize()) == job.gate(Image.fromarray(rgb).quantize().convert("RGB"))


def test_planar_frames(job):
    grey = pixels(job, 20)[0][:, :, 1]
    height, width = grey.shape
    frame = np.concatenate([grey, np.full((height // 2, width), 128, np.uint8)])
    for layout in ("NV12", "I420"):
        assert job.gate(frame, layout=layout) == job.gate(grey)
        assert job.gate(np.asfortranarray(frame), layout=layout, orientation=6) == job.gate(grey, orientation=6)
    u, v = (np.random.default_rng(i).integers(0, 255, (height // 2, width // 2), np.uint8) for i in (1, 2))
    nv12 = np.concatenate([grey, np.stack([u, v], axis=2).reshape(height // 2, width)])
    i420 = np.concatenate([grey, u.reshape(-1, width), v.reshape(-1, width)])
    assert job.gate(nv12, layout="NV12") == job.gate(i420, layout="I420") != job.gate(grey)


def test_memory_of_any_order(job):
    rgb = pixels(job, 20)[1]
    assert job.gate(np.asfortranarray(rgb)) == job.gate(rgb)
    padded = np.zeros((rgb.shape[0], rgb.shape[1] + 7, 3), np.uint8)
    padded[:, 3:-4] = rgb
    assert job.gate(padded[:, 3:-4]) == job.gate(rgb)
    assert job.gate(rgb[::-1]) == job.gate(rgb[::-1].copy())  # negative strides
    assert job.gate(rgb[::2, ::3]) == job.gate(rgb[::2, ::3].copy())
    assert job.gate(rgb.view(type("Tagged", (np.ndarray,), {}))) == job.gate(rgb)


def test_orientation(job, tmp_path):
    rgb = pixels(job, 20)[2]
    turned = np.rot90(rgb)  # stored so, EXIF 6 (a quarter to the right) makes it upright again
    assert job.gate(turned, orientation=6) == job.gate(rgb)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = tmp_path / "turned.jpg"
    Image.fromarray(np.ascontiguousarray(turned)).save(photo, exif=exif, quality=95)
    same(job.gate(photo), job.check(photo)[0])
    assert job.gate(photo, orientation=1) != job.gate(photo)


def test_batches_and_threads_change_nothing(job):
    pictures = pixels(job, 3)
    expected = [job.gate(picture) for picture in pictures]
    for threads in (1, 4, None):
        assert job.gate.batch(pictures, threads=threads) == expected
    assert job.gate.batch(np.stack(pictures)) == expected
    assert job.gate.batch([]) == []
    shared = winnow.Gate(job.path)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(shared, pictures * 4)) == expected * 4
    assert len(shared._idle) <= 8


def test_embedding_and_explanation(job):
    rgb = pixels(job, 20)[0]
    embedding = job.gate.embed(rgb)
    assert embedding.dtype == np.float32 and embedding.shape == (job.gate.embedding_size,) == (32,)
    assert abs(np.linalg.norm(embedding) - 1) < 1e-5
    cells = job.gate.explain(rgb)
    assert cells.shape == (8, 8) and np.isfinite(cells).all() and np.ptp(cells) > 0


def test_what_the_gate_says_of_itself(job):
    assert job.gate.classes and all(isinstance(name, str) for name in job.gate.classes)
    assert abs(job.gate.false_reject - 0.1) < 1e-6
    assert job.gate.metadata("winnow.created") and job.gate.metadata("no such key") is None
    for photo in job.photos:
        verdict = job.gate(photo)
        assert verdict.is_normal == (verdict.similarity >= job.gate.threshold)
    assert "10.00%" in repr(job.gate)


def test_bytes_and_pickles_are_gates_too(job):
    rgb = pixels(job, 20)[0]
    assert winnow.Gate(job.path.read_bytes())(rgb) == job.gate(rgb)
    assert pickle.loads(pickle.dumps(job.gate))(rgb) == job.gate(rgb)


def test_a_gate_that_computes_in_bytes(job, tmp_path):
    small = tmp_path / "small.safetensors"
    job.run("quantize", job.path, "--calibrate", job.folder / "p/test/normal", "--abnormal", job.folder / "p/test/other", "--max-drop", "0.2", "-o",
            small)
    gate = winnow.Gate(small)
    said = json.loads(job.run("check", small, "--json", job.photos[0], allowed=(0, 1)))
    verdict = gate(job.photos[0])
    assert verdict.similarity == pytest.approx(said["similarity"], abs=1e-4)
    assert gate.metadata("winnow.precision") == "int8"


def test_a_missing_and_a_broken_file(job, tmp_path):
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(winnow.Error, match="missing.safetensors") as raised:
        winnow.Gate(missing)
    assert raised.value.code == "io" and raised.value.where is None and "\n" not in str(raised.value)
    with pytest.raises(winnow.Error) as raised:
        winnow.Gate(job.path.read_bytes()[:-5])
    assert raised.value.code == "format" and len(str(raised.value)) > 20


@pytest.mark.parametrize("picture, error, words", [
    (np.zeros((8, 8, 3), np.float32), TypeError, "float32"),
    (np.zeros((8, 8, 2), np.uint8), ValueError, r"\(8, 8, 2\)"),
    (np.zeros((2, 8, 8, 3), np.uint8), ValueError, "batch"),
    (np.zeros((0, 8, 3), np.uint8), winnow.Error, "8 x 0"),
    (Image.new("F", (8, 8)), TypeError, "mode F"),
])
def test_what_is_no_picture(job, picture, error, words):
    with pytest.raises(error, match=words):
        job.gate(picture)


def test_wrong_words(job):
    rgb = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="HSV"):
        job.gate(rgb, layout="HSV")
    with pytest.raises(ValueError, match="4 channels"):
        job.gate(rgb, layout="BGRA")
    with pytest.raises(ValueError, match="NV12 is 2-D"):
        job.gate(np.zeros((8, 8), np.uint8), layout="NV12")
    with pytest.raises(winnow.Error, match="orientation 9"):
        job.gate(rgb, orientation=9)
    assert job.gate(rgb)  # a failed call costs no session
    assert len(job.gate._idle) >= 1

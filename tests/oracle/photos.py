#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/photos: small photo files of every kind, and beside each NAME the pixels that a reader must
see, as NAME.ppm. JPEG and WebP are written and read by Pillow; PNGs are written here, from samples whose RGB is
computed here. Run by hand: tests/oracle/photos.py (needs python3-pil, python3-numpy)."""
import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).parent.parent / "golden" / "photos"
W, H = 21, 14


def scene(w=W, h=H):
    """Smooth colours with one bright corner, so that every turn and mirror image differs from the others."""
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 // (w - 1), y * 255 // (h - 1), 128 + 0 * x], -1).astype(np.uint8)
    rgb[: h // 4, : w // 5] = (250, 240, 20)
    return rgb


def save(name, data, rgb):
    (OUT / name).write_bytes(data)
    h, w, _ = rgb.shape
    (OUT / (name + ".ppm")).write_bytes(b"P6 %d %d 255\n" % (w, h) + np.ascontiguousarray(rgb).tobytes())


def refused(name, data):
    (OUT / "refused" / name).write_bytes(data)


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif_block(orientation, camera=False):
    exif = Image.Exif()
    exif[0x0112] = orientation
    if camera:
        exif[0x010F] = "Acme"
        exif[0x0110] = "Field 2"
        exif[0x8769] = {0x9003: "2023:05:04 03:02:01"}
    return exif.tobytes()


def upright(data):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def jpegs():
    image = Image.fromarray(scene())
    kinds = {
        "baseline": (image, {}),
        "progressive": (image, {"progressive": True}),
        "restart": (image, {"restart_marker_rows": 1}),
        "grey": (image.convert("L"), {}),
        "full_chroma": (image, {"subsampling": 0}),
    }
    for name, (picture, options) in kinds.items():
        data = encoded(picture, "JPEG", quality=90, **options)
        save(name + ".jpg", data, upright(data))

    # Pillow writes CMYK as Photoshop does: an Adobe marker, and 255 - ink.
    cmyk = Image.fromarray(np.dstack([255 - scene(), np.full((H, W), 40, np.uint8)]), "CMYK")
    data = encoded(cmyk, "JPEG", quality=95)
    save("cmyk_adobe.jpg", data, upright(data))
    marker = data.index(b"\xff\xee")
    length = 2 + struct.unpack(">H", data[marker + 2 : marker + 4])[0]
    plain = data[:marker] + data[marker + length :]
    # Without the marker the stored numbers, 255 - what Pillow sees, are ink: what Pillow sees is light.
    light = np.asarray(Image.open(io.BytesIO(data))).astype(int)
    product = light[..., :3] * light[..., 3:]
    save("cmyk_plain.jpg", plain, ((product * 2 + 255) // 510).astype(np.uint8))

    # Stray bytes between two segments are harmless.
    data = encoded(image, "JPEG", quality=90)
    scan = data.index(b"\xff\xda")
    save("stray_bytes.jpg", data[:scan] + b"\0\1\2stray\3" + data[scan:], upright(data))


def turned():
    image = Image.fromarray(scene())
    for o in range(1, 9):
        for kind, options in (("jpg", {"quality": 90}), ("png", {}), ("webp", {"lossless": True, "exact": True})):
            block = exif_block(o, camera=True)
            data = encoded(image, {"jpg": "JPEG"}.get(kind, kind), exif=block, **options)
            save(f"orientation{o}.{kind}", data, upright(data))


def webps():
    rgb = Image.fromarray(scene())
    for name, options in {"lossy": {"quality": 80}, "lossless": {"lossless": True}}.items():
        data = encoded(rgb, "WEBP", **options)
        save(name + ".webp", data, upright(data))
    alpha = np.linspace(0, 255, W).astype(int)[None, :, None] + np.zeros((H, 1, 1), int)
    rgba = np.dstack([scene(), alpha.astype(np.uint8)])
    data = encoded(Image.fromarray(rgba, "RGBA"), "WEBP", lossless=True, exact=True)
    save("alpha.webp", data, over_grey(rgba))
    frames = [Image.fromarray(scene()), Image.fromarray(scene()[::-1].copy())]
    refused("animation.webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))


def over_grey(rgba):
    v, a = rgba[..., :3].astype(int), rgba[..., 3:].astype(int)
    return ((v * a + 128 * (255 - a) + 127) // 255).astype(np.uint8)


# ---- PNG ----

ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def packed(samples, depth):
    """(rows, columns * channels) samples -> filtered scanlines (filter 0)."""
    out = b""
    for row in samples:
        if depth == 16:
            line = row.astype(">u2").tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            line = int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""
        out += b"\0" + line
    return out


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_header(w, h, depth, colour, interlaced=False):
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced)))


def png_file(samples, depth, colour, interlaced, extra=()):
    h, w, _ = samples.shape
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
    else:
        parts = [samples]
    raw = b"".join(packed(p.reshape(p.shape[0], -1), depth) for p in parts if p.size)
    chunks = [*extra, (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b"")]
    return png_header(w, h, depth, colour, interlaced) + b"".join(chunk(*c) for c in chunks)


def to_eight(samples, depth):
    top = (1 << depth) - 1
    return (samples.astype(int) * 510 + top) // (2 * top)


def pngs():
    random = np.random.default_rng(1)
    w, h = 13, 10
    for colour, channels, depths in ((0, 1, (1, 2, 4, 8, 16)), (2, 3, (8, 16)), (3, 1, (1, 2, 4, 8)), (4, 2, (8, 16)), (6, 4, (8, 16))):
        for depth in depths:
            samples = random.integers(0, 1 << depth, (h, w, channels))
            palette = random.integers(0, 256, (1 << min(depth, 8), 4))
            for interlaced in (False, True):
                for transparent in (False, True):
                    if transparent and colour >= 4:
                        continue
                    extra, alpha = [], np.full((h, w, 1), 255)
                    if colour == 3:
                        extra.append((b"PLTE", palette[:, :3].astype(np.uint8).tobytes()))
                        rgb = palette[samples[..., 0], :3]
                        if transparent:
                            extra.append((b"tRNS", palette[:, 3].astype(np.uint8).tobytes()))
                            alpha = palette[samples[..., 0], 3:]
                    else:
                        eight = to_eight(samples, depth)
                        rgb = eight[..., :3] if channels >= 3 else np.repeat(eight[..., :1], 3, -1)
                        if colour >= 4:
                            alpha = eight[..., -1:]
                        if transparent:
                            extra.append((b"tRNS", samples[0, 0].astype(">u2").tobytes()))
                            alpha = np.where((samples == samples[0, 0]).all(-1, keepdims=True), 0, 255)
                    name = f"colour{colour}_{depth}bit{'_interlaced' * interlaced}{'_transparent' * transparent}.png"
                    save(name, png_file(samples, depth, colour, interlaced, extra), over_grey(np.dstack([rgb, alpha])))


# ---- what must be refused ----


def resized_jpeg(w, h, **options):
    """A JPEG whose header claims another size than it has."""
    data = bytearray(encoded(Image.fromarray(scene()), "JPEG", **options))
    frame = data.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", h, w)
    return bytes(data)


def refusals():
    end = chunk(b"IEND", b"")
    refused("one_pixel.jpg", encoded(Image.new("RGB", (1, 1)), "JPEG"))
    refused("one_pixel.png", encoded(Image.new("RGB", (1, 1)), "PNG"))
    refused("seven_rows.webp", encoded(Image.new("RGB", (20, 7)), "WEBP"))
    refused("30000x30000.jpg", resized_jpeg(30000, 30000))
    refused("30000x30000.png", png_header(30000, 30000, 8, 2) + chunk(b"IDAT", zlib.compress(bytes(1000))) + end)
    refused("30001x9.jpg", resized_jpeg(30001, 9))
    refused("65500x65500.jpg", resized_jpeg(65500, 65500))
    refused("bomb.jpg", resized_jpeg(14000, 14000, progressive=True))
    refused("bomb.png", png_header(14000, 14000, 16, 6) + chunk(b"IDAT", zlib.compress(bytes(10000))) + end)
    baseline = encoded(Image.fromarray(scene(64, 48)), "JPEG", quality=90)
    refused("half.jpg", baseline[: len(baseline) // 2])
    refused("no_end_marker.jpg", baseline[:-2])
    damaged = bytearray(encoded(Image.fromarray(scene(64, 48)), "PNG"))
    damaged[-30] ^= 1
    refused("damaged.png", bytes(damaged))
    twelve = bytearray(baseline)
    twelve[twelve.index(b"\xff\xc0") + 4] = 12
    refused("twelve_bits.jpg", bytes(twelve))
    for name, data in {
        "empty.jpg": b"",
        "text.jpg": b"Not a photo, whatever its name says.\n",
        "page.jpg": b"<!DOCTYPE html><html>404</html>",
        "pointer.jpg": b"version https://git-lfs.github.com/spec/v1\n",
        "film.mp4": b"\0\0\0\x20ftypisom\0\0\2\0",
        "picture.gif": encoded(Image.new("L", (9, 9)), "GIF"),
        "picture.bmp": encoded(Image.new("L", (9, 9)), "BMP"),
        "picture.tif": encoded(Image.new("L", (9, 9)), "TIFF"),
    }.items():
        refused(name, data)


(OUT / "refused").mkdir(parents=True, exist_ok=True)
for old in [*OUT.glob("*.*"), *(OUT / "refused").iterdir()]:
    if ".heic" not in old.name:  # tests/oracle/heic.py's
        old.unlink()
jpegs()
turned()
webps()
pngs()
refusals()

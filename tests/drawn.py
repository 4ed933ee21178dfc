# SPDX-License-Identifier: Apache-2.0
"""Pictures that need no library to write, and a gate on them: for tests of what winnow is embedded in."""
import json, os, random, struct, subprocess, zlib


def exif(model, time):
    """A block that names a camera of more than 3 letters and a time, "2026:05:04 03:02:01"; time "": none."""
    text = model.encode() + b"\0" * (2 - len(model) % 2)
    taken, at = time.encode().ljust(20, b"\0"), 8 + 2 + 2 * 12 + 4
    entries = struct.pack(">HHHIIHHIIIHHHIII", 2, 0x0110, 2, len(text), at, 0x8769, 4, 1, at + len(text), 0,
                          1, 0x9003, 2, 20, at + len(text) + 18, 0)
    return b"MM\0\x2a\0\0\0\x08" + entries[:at - 8] + text + entries[at - 8:] + taken


def draw(path, colour, block=None):
    """A picture of blots of about that colour, 96x80, as path.png for winnow and path.png.ppm, in the folder above, for others. block: of
    EXIF."""
    noise = random.Random(path)
    width, height = 96, 80
    blots = [[min(255, max(0, c + noise.randrange(-30, 30))) for c in colour] for _ in range(20 * 24)]
    rows = [bytes(c for x in range(width) for c in blots[y // 4 * 24 + x // 4]) for y in range(height)]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
              (b"IEND", b"")]
    if block:
        chunks.insert(1, (b"eXIf", block))
    with open(path + ".png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks:
            file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    with open(path.replace("/", "-") + ".png.ppm", "wb") as file:
        file.write(b"P6 %d %d 255\n" % (width, height) + b"".join(rows))


def backbone(gate, output):
    """The weights of a gate's network, without metadata: a file as torchvision's."""
    data = open(gate, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    out, tensors = b"", {}
    for name, entry in header.items():
        if name.startswith("features."):
            begin, end = entry["data_offsets"]
            tensors[name] = dict(entry, data_offsets=[len(out), len(out) + end - begin])
            out += body[begin:end]
    text = json.dumps(tensors).encode()
    with open(output, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + out)


def gate(winnow, output):
    """Draws pictures into the current folder, trains a gate on them, and gives the lines of `winnow check --json` of them all; the path of
    each plus ".ppm" is its PPM."""
    for folder, colour in (("normal", (40, 150, 50)), ("other", (170, 90, 120))):
        os.makedirs(folder)
        for i in range(60):
            draw(f"{folder}/{i}", colour)
    train = subprocess.run([winnow, "train", "--backbone", "none", "--normal", "normal", "--abnormal", "other", "--width", "0.35", "--input-size",
                            "96", "--embedding-size", "32", "--batch", "16", "--epochs", "12", "--save-interval", "12", "--augment", "none",
                            "--false-reject", "10%", "--log", "none", "--report", "none", "--checkpoint", "none", "-o", output],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "WINNOW_HOME": os.getcwd()})
    if train.returncode:
        raise SystemExit("FAILED: " + train.stdout)
    check = subprocess.run([winnow, "check", output, "--json", "normal", "other"], stdout=subprocess.PIPE, text=True)
    answers = [json.loads(line) for line in check.stdout.splitlines()]
    return [{**answer, "path": answer["path"].replace("/", "-")} for answer in answers]

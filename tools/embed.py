#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: embed.py OUTPUT.c NAME=FILE...   Writes `const char NAME[]` with the text of each file, for the build."""
import sys

with open(sys.argv[1], "w") as out:
    for pair in sys.argv[2:]:
        name, path = pair.split("=", 1)
        data = open(path, "rb").read() + b"\0"
        out.write(f"extern const char {name}[];\nconst char {name}[] = {{\n")
        for i in range(0, len(data), 20):
            out.write(",".join(map(str, data[i:i + 20])) + ",\n")
        out.write("};\n")

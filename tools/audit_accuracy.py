#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: audit_accuracy.py WINNOW DATA BACKBONE.safetensors

How many wrong labels `winnow audit` finds, as a line of docs/accuracy.md: 10 photos of one maize disease among 60 of rice from one source,
beside 50 others of maize, once with that disease among them and once without; three diseases, three sources. Needs no package."""
import glob, json, os, random, shutil, subprocess, sys, tempfile

winnow, data, backbone = map(os.path.abspath, sys.argv[1:4])
SOURCES = ["kaggle_riceleafs_crops", "uci_rice_leaf_diseases", "sethy_field_patches"]
DISEASES = ["common_rust", "gray_leaf", "healthy"]


def photos(folder):
    return sorted(path for path in glob.glob(f"{data}/{folder}/**/*.*", recursive=True) if os.path.isfile(path))


def copy(paths, folder):
    os.makedirs(folder, exist_ok=True)
    return {shutil.copy(path, folder) for path in paths}


os.chdir(tempfile.mkdtemp(prefix="winnow-audit-"))
for known in (True, False):
    found = planted = called = right = 0
    for source in SOURCES:
        for number, disease in enumerate(DISEASES):
            draw = random.Random(f"{source}{number}")
            kind = photos(f"near/maize_plantvillage/{disease}")
            wrong = draw.sample(kind, 10)
            others = [path for path in photos("near/maize_plantvillage") if path not in wrong and (known or path not in kind)]
            others, rice = draw.sample(others, 50), draw.sample(photos(f"normal/{source}"), 60)
            copy(rice, "normal"), copy(others, "abnormal")
            wrong = copy(wrong, "normal")
            answer = subprocess.run([winnow, "audit", "normal", "abnormal", "--backbone", backbone, "--json"], stdout=subprocess.PIPE, check=True)
            names = {f["path"] for f in json.loads(answer.stdout)["findings"] if f["kind"] == "mislabelled"}
            found, planted, called, right = found + len(names & wrong), planted + 10, called + len(names - wrong), right + 110
            shutil.rmtree("normal"), shutil.rmtree("abnormal")
    print(f"{os.path.basename(backbone)}, the disease {'is' if known else 'is not'} among the others too: {found} of {planted} wrong labels found, "
          f"{called} of {right} right ones called wrong", flush=True)
os.rmdir(os.getcwd())

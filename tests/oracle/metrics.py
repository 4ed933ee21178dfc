#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden values for tests/test_metrics.c, from scikit-learn and SciPy (Debian: python3-sklearn python3-scipy).

    python3 tests/oracle/metrics.py > tests/golden/metrics.h
"""
import numpy as np
from scipy import special, stats
from sklearn.metrics import roc_auc_score, roc_curve


def floats(name, values):
    print(f"static const float {name}[] = {{{', '.join(repr(float(v)) + 'f' for v in values)}}};")


def main():
    rng = np.random.default_rng(7)
    print("/* SPDX-License-Identifier: Apache-2.0")
    print(" * Made by tests/oracle/metrics.py; do not edit. */")
    # Scores on a grid of 1/8: many ties within and between the kinds.
    normal = np.round(rng.normal(0.6, 0.5, 61) * 8) / 8
    abnormal = np.round(rng.normal(0.0, 0.6, 47) * 8) / 8
    floats("golden_normal", normal)
    floats("golden_abnormal", abnormal)
    label = np.r_[np.ones(len(normal)), np.zeros(len(abnormal))]
    score = np.r_[normal, abnormal]
    fpr, tpr, threshold = roc_curve(label, score, drop_intermediate=False)
    print(f"static const double golden_auroc = {roc_auc_score(label, score)!r};")
    print(f"static const double golden_fpr_at_95_tpr = {fpr[np.argmax(tpr >= 0.95)]!r};")
    print("static const double golden_roc[][3] = {/* threshold, tpr, fpr */")
    for t, y, x in zip(threshold[1:], tpr[1:], fpr[1:]):
        print(f"    {{{t!r}, {y!r}, {x!r}}},")
    print("};")

    print("static const struct {\n    double a, b, x, cdf;\n} golden_beta[] = {")
    for a, b, x in [(1, 1, 0.3), (0.5, 0.5, 0.9), (2, 59, 0.05), (17, 484, 0.05), (1, 299, 0.01),
                    (5000, 95000, 0.0502), (85, 916, 0.1), (30, 2, 0.999)]:
        print(f"    {{{a}, {b}, {x}, {special.betainc(a, b, x)!r}}},")
    print("};")

    print("static const struct {\n    unsigned hits, count;\n    double low, high;\n} golden_interval[] = {")
    for hits, count in [(0, 10), (10, 10), (3, 60), (500, 1000), (1, 100000), (7, 7001)]:
        interval = stats.binomtest(hits, count).proportion_ci(0.95, method="exact")
        print(f"    {{{hits}, {count}, {interval.low!r}, {interval.high!r}}},")
    print("};")

    # p-values of `new` scores by 60 calibration scores, and the test of the two samples.
    calibration = rng.normal(size=60)
    for name, values in [("same", rng.normal(size=80)), ("low", rng.normal(-0.5, 1, size=80))]:
        below = np.searchsorted(np.sort(calibration), values)
        floats(f"golden_p_{name}", ((1 + below) / 61).astype(np.float32))
        test = stats.ks_2samp(values, calibration, alternative="greater", method="exact")
        print(f"static const double golden_smirnov_{name}[] = {{{test.statistic!r}, {test.pvalue!r}}};")


if __name__ == "__main__":
    main()

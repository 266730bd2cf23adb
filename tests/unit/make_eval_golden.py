#!/usr/bin/env python3
"""Makes eval_golden.h: what NumPy and SciPy compute, in float64, for the tests of src/eval.

usage: python3 tests/unit/make_eval_golden.py     writes tests/unit/eval_golden.h

The inputs are made anew on both sides, bit for bit: here by the functions below, there by unit_fill
and eval_normals (eval_support.h).  Wants numpy and scipy.
"""
import pathlib

import numpy as np
import scipy.linalg
import scipy.special
import scipy.stats

TARGET = pathlib.Path(__file__).resolve().parent / "eval_golden.h"


def bits(count, seed):
    """splitmix64, as unit_bits."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        z += np.uint64(seed)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        return z ^ z >> np.uint64(31)


def uniform(n, d, seed, low, high):
    numbers = low + (high - low) * (bits(n * d, seed) >> np.uint64(11)).astype(float) * 2.0 ** -53
    return numbers.astype(np.float32).astype(float).reshape(n, d)


def normals(n, d, seed):
    """Box and Muller, two words a number; on a grid, so that no last bit of a logarithm matters."""
    words = (bits(2 * n * d, seed) >> np.uint64(11)).astype(float) * 2.0 ** -53
    z = np.sqrt(-2 * np.log(1 - words[0::2])) * np.cos(2 * np.pi * words[1::2])
    return (np.rint(z * 4096) / 4096).reshape(n, d)


def features(n, d, seed, shift):
    """Correlated features of several scales: eval_features."""
    z = normals(n, d, seed)
    x = z.copy()
    x[:, 1:] += 0.5 * z[:, :-1]
    return (x * 2.0 ** -(np.arange(d) % 4) + shift).astype(np.float32).astype(float)


def frechet(a, b):
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(ca @ cb)
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(ca + cb - 2 * np.real(root))


def kernel_distance(a, b):
    m, d = a.shape
    aa, bb, ab = ((x @ y.T / d + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = (aa.sum() - np.trace(aa) + bb.sum() - np.trace(bb)) / (m * (m - 1))
    return within - 2 * ab.mean()


def distances(a, b):
    return np.array([np.sqrt(((b - row) ** 2).sum(1)) for row in a])


def cover(real, fake, k):
    def radii(x):
        return np.sort(distances(x, x), axis=1)[:, k]
    between, real_radii, fake_radii = distances(real, fake), radii(real), radii(fake)
    in_real = between <= real_radii[:, None]
    return [in_real.any(0).mean(), (between <= fake_radii).any(1).mean(),
            in_real.sum(0).mean() / k, in_real.any(1).mean()]


def memorisation(samples, training, held_out):
    ours, others = distances(samples, training).min(1), distances(held_out, training).min(1)
    low, middle = np.quantile(others, [0.05, 0.5])
    return [ours.mean(), others.mean(), (ours < low).mean(), (ours < middle).mean(), low, middle]


def class_score(logits, splits):
    p = scipy.special.softmax(logits, axis=1)
    n, scores = len(p), []
    for s in range(splits):
        part = p[s * n // splits:(s + 1) * n // splits]
        kl = part * (np.log(part) - np.log(part.mean(0)))
        scores.append(np.exp(kl.sum(1).mean()))
    return [np.mean(scores), np.std(scores)]


def class_frechet(a, b, classes):
    """Row i is of class i modulo classes."""
    return [frechet(a[k::classes], b[k::classes]) for k in range(classes)]


def bins_compared(a, b):
    """different, divergence: Richardson and Weiss."""
    n, m = a.sum(), b.sum()
    p, q = a / n, b / m
    pooled = (p * n + q * m) / (n + m)
    with np.errstate(invalid="ignore"):
        z = (p - q) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    different = (2 * scipy.stats.norm.cdf(-np.abs(z)) < 0.05).sum()
    middle = (p + q) / 2
    divergence = (scipy.special.rel_entr(p, middle).sum()
                  + scipy.special.rel_entr(q, middle).sum()) / 2
    return [float(different), divergence]


def parzen(points, samples, sigma):
    d = points.shape[1]
    powers = -distances(points, samples) ** 2 / (2 * sigma ** 2)
    values = (scipy.special.logsumexp(powers, axis=1) - np.log(len(samples))
              - d / 2 * np.log(2 * np.pi * sigma ** 2))
    return [values.mean(), values.std(ddof=1) / np.sqrt(len(values))]


def physics(images, low, high, bins):
    _, h, w, c = images.shape
    counts = np.histogram(np.clip(images, low, high), bins, (low, high))[0]
    power = (np.abs(np.fft.fft2(images, axes=(1, 2))) ** 2 / (h * w)).mean(axis=(0, 3))
    short = min(h, w)
    radius = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.fftfreq(w)[None, :]) * short
    ring = np.floor(radius + 0.5).astype(int)
    rings = [power[ring == r].mean() for r in range(short // 2 + 1)]
    moments = []
    for k in range(c):
        x = images[..., k].ravel()
        moments += [x.mean(), x.std(), scipy.stats.skew(x), scipy.stats.kurtosis(x)]
    return list(counts / counts.sum()) + rings + moments


def goldens():
    a, b = features(300, 12, 1, 0), features(250, 12, 2, 0.25)
    far = features(60, 5, 3, 1000)
    yield "mean", far.mean(0)
    yield "covariance", np.cov(far, rowvar=False).ravel()
    yield "frechet", [frechet(a, b)]
    yield "kernel_distance", [kernel_distance(a[:250], b)]
    yield "cover", cover(normals(400, 1000, 4), normals(300, 1000, 5), 5)
    yield "memorisation", memorisation(
        a[:90, :4], np.vstack([b[:200, :4], a[:3, :4]]), a[100:240, :4])
    yield "class_score", class_score(uniform(122, 7, 6, -8, 8), 4)
    yield "class_frechet", class_frechet(a[:, :3], b[:, :3], 3)
    yield "bins", bins_compared(np.array([900, 30, 0, 12, 58, 0]), np.array([420, 31, 0, 2, 40, 7]))
    for name, sigma in (("narrow", 0.125), ("middle", 0.5), ("wide", 2)):
        yield f"parzen_{name}", parzen(a[:70, :6], b[:, :6], sigma)
    yield "physics", physics(uniform(9, 7 * 6 * 2, 7, -1, 1.5).reshape(9, 7, 6, 2), -1, 1, 5)
    yield "physics_even", physics(uniform(4, 8 * 10, 8, 0, 1).reshape(4, 8, 10, 1), 0, 1, 3)


def main():
    lines = ["/* Made by make_eval_golden.py: what NumPy and SciPy compute, in float64. */",
             "#ifndef GAN_TESTS_UNIT_EVAL_GOLDEN_H", "#define GAN_TESTS_UNIT_EVAL_GOLDEN_H", "",
             "/* clang-format off */"]
    for name, values in goldens():
        lines.append(f"static const double golden_{name}[] = {{")
        lines += [f"  {float(value)!r}," for value in values]
        lines += ["};", ""]
    lines += ["/* clang-format on */", "#endif", ""]
    TARGET.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

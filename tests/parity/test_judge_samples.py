"""tools/judge-samples: its Frechet distance against closed forms, its classes against labels that
are known.  Made-up images stand for MNIST, so that a classifier learns them in seconds.

Wants $MPIGAN_SOURCE (the checkout), as CTest gives it.
"""
import contextlib
import gzip
import importlib.util
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

MODULES = ("torch", "h5py", "numpy")
missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: %s has no %s; set MPIGAN_PYTHON to a Python that has"
          % (sys.executable, ", ".join(missing)))
    sys.exit(77)

import h5py
import numpy as np
from importlib.machinery import SourceFileLoader

TOOL = os.path.join(os.environ["MPIGAN_SOURCE"], "tools", "judge-samples")
spec = importlib.util.spec_from_loader("judge_samples", SourceFileLoader("judge_samples", TOOL))
judge = importlib.util.module_from_spec(spec)
spec.loader.exec_module(judge)

EXACT = 1e-10  # relative: eigenvalues in float64, a square root of each


def judge_samples(*arguments):
    """What the program says with --json; RuntimeError with its message."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
            judge.main([*map(str, arguments), "--json"])
    except SystemExit as end:
        raise RuntimeError(end.code) from end
    return json.loads(said.getvalue())


def write_hdf5(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


def write_idx(path, array, opened=open):
    with opened(path, "wb") as file:
        file.write(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(">%di" % array.ndim,
                                                                  *array.shape) + array.tobytes())


class InAFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()


class FrechetOfGaussians(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(5)

    def covariance(self, size):
        root = self.random.normal(size=(size, size))
        return root @ root.T

    def assert_distance(self, a, b, wanted):
        found = judge.frechet_distance(a, b)
        self.assertLess(abs(found - wanted), EXACT * max(1, abs(wanted)), (found, wanted))

    def test_of_two_dimensions(self):
        """There tr A^1/2 = (tr A + 2 det(A)^1/2)^1/2, by Cayley and Hamilton."""
        for _ in range(20):
            a, b = self.covariance(2), self.covariance(2)
            m, n = self.random.normal(size=(2, 2))
            root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
            self.assert_distance((m, a), (n, b),
                                 ((m - n) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)

    def test_of_independent_numbers(self):
        """Where matrices commute it is the distance between standard deviations."""
        a, b = self.random.uniform(0, 3, size=(2, 9))
        basis = np.linalg.qr(self.random.normal(size=(9, 9)))[0]
        of = [(basis * deviations ** 2) @ basis.T for deviations in (a, b)]
        zero = np.zeros(9)
        self.assert_distance((zero, of[0]), (zero + 2, of[1]), ((a - b) ** 2).sum() + 9 * 4)

    def test_of_the_same(self):
        a = self.covariance(7)
        self.assert_distance((np.ones(7), a), (np.ones(7), a), 0)


class FrechetOfFiles(InAFolder):
    N, SIDE = 4000, 4

    def images(self, seed, shift=0.0, scale=1.0):
        noise = np.random.default_rng(seed).normal(size=(self.N, 1, self.SIDE, self.SIDE))
        return (128 + shift + 20 * scale * noise).astype(np.float32)

    def distance(self, samples, data, *more):
        write_hdf5(self.folder / "data.h5", images=data)
        write_hdf5(self.folder / "samples.h5", images=samples)
        return judge_samples("frechet", self.folder / "samples.h5", self.folder / "data.h5", *more)

    def test_of_a_shift_and_a_scale(self):
        """16 numbers of deviation 20: 16 (shift^2 + 20^2 (1 - scale)^2), and what estimates from
        2,000 samples add, which the floor shows: some thousandths of 16 * 20^2."""
        found = self.distance(self.images(1, shift=10, scale=1.5), self.images(2))
        wanted = 16 * (10 ** 2 + 20 ** 2 * 0.5 ** 2)
        self.assertEqual((found["count"], found["components"]), (2000, 16))
        self.assertLess(abs(found["distance"]["mean"] / wanted - 1), 0.05)
        self.assertLess(found["floor"]["max"], 0.02 * 16 * 20 ** 2)

    def test_of_the_same_law(self):
        """The distance of samples of the data's own law lies where its floor does."""
        found = self.distance(self.images(1), self.images(2))
        self.assertLess(0.5, found["distance"]["mean"] / found["floor"]["mean"])
        self.assertLess(found["distance"]["mean"] / found["floor"]["mean"], 2)

    def test_of_few_components(self):
        """What the data do not vary in, or little, is not seen."""
        strong = np.random.default_rng(3).normal(size=(self.N, 2, 1, 1)).astype(np.float32)
        data = self.images(2)
        data[:, :, 0, :2] += 200 * strong.reshape(self.N, 1, 2)
        samples = data.copy()
        samples[:, :, 3] += 50
        few = self.distance(samples, data, "--features", "pca2")
        all_of_them = self.distance(samples, data)
        self.assertEqual(few["components"], 2)
        self.assertLess(few["distance"]["mean"], 100 + 2 * few["floor"]["mean"])
        self.assertGreater(all_of_them["distance"]["mean"], 0.9 * 4 * 50 ** 2)

    def test_count(self):
        found = self.distance(self.images(1), self.images(2), "--count", 300)
        self.assertEqual(found["count"], 300)

    def test_layouts_are_one(self):
        """NCHW, NHWC and NHW, bytes in IDX files, plain or .gz: the same images."""
        random = np.random.default_rng(4)
        colours = random.integers(0, 256, size=(50, 3, 5, 6)).astype(np.uint8)
        samples = random.integers(0, 256, size=(40, 3, 5, 6)).astype(np.float32)
        self.assertEqual(self.distance(samples, colours),
                         self.distance(samples, colours.transpose(0, 2, 3, 1)))
        grey, samples = colours[:, 0], samples[:, :1]
        wanted = self.distance(samples, grey)
        self.assertEqual(wanted, self.distance(samples, grey[:, None]))
        for opened, suffix in ((open, ""), (gzip.open, ".gz")):
            folder = self.folder / ("idx" + suffix)
            folder.mkdir()
            write_idx(folder / ("train-images-idx3-ubyte" + suffix), grey, opened)
            self.assertEqual(wanted, judge_samples("frechet", self.folder / "samples.h5",
                                                   "--data", folder))

    def test_refuses(self):
        grey = np.zeros((50, 5, 6), np.float32)
        for samples, data, text in (
                (grey, np.zeros((50, 6, 5)), "(1, 5, 6)"),
                (grey + np.nan, grey, "no finite number"),
                (grey[:1], grey, "at least 2"),
                (np.zeros((50, 5, 6, 7)), grey, "neither axis")):
            with self.assertRaises(RuntimeError) as caught:
                self.distance(samples, data)
            self.assertIn(text, str(caught.exception))


class Classes(InAFolder):
    """Class k is a bright bar at row 2k + 4 over noise."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for part, n in (("train", 3000), ("t10k", 500)):
            images, labels = cls.bars(n, seed=n)
            write_idx(cls.folder / (part + "-images-idx3-ubyte"), images)
            write_idx(cls.folder / (part + "-labels-idx1-ubyte"), labels)
        cls.test_images, cls.test_labels = images, labels
        cls.classifier = cls.folder / "classifier.pt"

    @staticmethod
    def bars(n, seed):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 10, size=n).astype(np.uint8)
        images = random.integers(0, 60, size=(n, 28, 28)).astype(np.uint8)
        images[np.arange(n), 2 * labels + 4] += 180
        return images, labels

    def judged(self, images, labels):
        samples = write_hdf5(self.folder / "samples.h5", images=images[:, None].astype(np.float32),
                             labels=labels.astype(np.int32))
        return judge_samples("classes", samples, "--data", self.folder,
                             "--classifier", self.classifier)

    def test_of_the_test_images(self):
        found = self.judged(self.test_images, self.test_labels)
        self.assertEqual(found["as_asked"] / found["samples"], found["classifier_accuracy"])
        self.assertGreaterEqual(found["classifier_accuracy"], 0.99)

    def test_of_wrong_labels(self):
        """All labels of 3 and of 7 exchanged; no other class is touched."""
        images, labels = self.bars(400, seed=1)
        self.assertEqual(self.judged(images, labels)["as_asked"], 400, "one bar is not seen")
        asked = labels.copy()
        asked[labels == 3], asked[labels == 7] = 7, 3
        rows = self.judged(images, asked)["classes"]
        for k, row in enumerate(rows):
            counts = np.bincount(labels[asked == k], minlength=10).tolist()
            self.assertEqual((row["label"], row["samples"], row["read_as"]),
                             (k, sum(counts), counts))
            self.assertEqual(row["as_asked"], 0 if k in (3, 7) else row["samples"])

    def test_keeps_the_classifier(self):
        first = self.judged(self.test_images, self.test_labels)
        kept = self.classifier.stat().st_mtime_ns
        self.assertEqual(first, self.judged(self.test_images, self.test_labels))
        self.assertEqual(kept, self.classifier.stat().st_mtime_ns)

    def test_refuses_a_classifier_of_other_data(self):
        self.judged(self.test_images, self.test_labels)
        other = self.folder / "other"
        other.mkdir()
        for path in self.folder.glob("*-ubyte"):
            (other / path.name).write_bytes(path.read_bytes()[:-1] + b"\1")
        with self.assertRaises(RuntimeError) as caught:
            judge_samples("classes", self.folder / "samples.h5", "--data", other,
                          "--classifier", self.classifier)
        self.assertIn("other data", str(caught.exception))

    def test_refuses_a_bad_judge(self):
        self.judged(self.test_images, self.test_labels)
        with self.assertRaises(RuntimeError) as caught:
            judge_samples("classes", self.folder / "samples.h5", "--data", self.folder,
                          "--classifier", self.classifier, "--at-least", 1.01)
        self.assertIn("no judge", str(caught.exception))

    def test_refuses_other_units(self):
        with self.assertRaises(RuntimeError) as caught:
            self.judged(self.test_images / 255, self.test_labels)
        self.assertIn("from 0 to 255", str(caught.exception))

    def test_as_people_call_it(self):
        """A table of ten classes and their sum; status 1 and one sentence if not."""
        wanted = self.judged(self.test_images, self.test_labels)
        command = [sys.executable, "-B", TOOL, "classes", self.folder / "samples.h5",
                   "--classifier", self.classifier, "--data"]
        done = subprocess.run(command + [self.folder], stdout=subprocess.PIPE, text=True)
        last = done.stdout.splitlines()[-1].split()
        self.assertEqual((done.returncode, last[:3]),
                         (0, ["all", str(wanted["samples"]), str(wanted["as_asked"])]))
        self.assertEqual(len(done.stdout.splitlines()), 2 + 10 + 1)
        done = subprocess.run(command + ["nowhere"], stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertIn("judge-samples: nowhere: no such folder", done.stderr)

    def test_refuses_samples_without_labels(self):
        samples = write_hdf5(self.folder / "plain.h5", images=self.test_images[:, None])
        with self.assertRaises(RuntimeError) as caught:
            judge_samples("classes", samples, "--data", self.folder)
        self.assertIn("no dataset 'labels'", str(caught.exception))


if __name__ == "__main__":
    unittest.main(verbosity=2)

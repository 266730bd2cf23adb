"""eval: the same figures on any number of ranks, what they must be where that is known, one line for
each mistake."""
import json
import math
import random
import struct

import support
from support import INPUT, OK, OUTPUT, TINY, USAGE, Case, edit, lines, write_h5

# Tells the built-in digits apart.
CLASSIFIER = """\
name: tiny-classifier
task: classifier
data: {path: "builtin:digits"}
model:
  classifier:
    - linear: {units: 32}
    - relu: {}
    - linear: {units: 10}
train: {batch: 60, steps: 300, log_every: 100, optimizer: {lr: 1.0e-2}}
checkpoint: {every_steps: 300}
"""

# What two runs of an evaluation may differ in.
OF_THE_START = ("seconds", "ranks")

# Sums in double over another division of the rows: the promise of src/eval/rows.h.
RANKS_RELATIVE = 1e-6
# Spreads are differences of figures that are nearly equal: so much of the figures themselves.
SPREAD_OF_FIGURE = 1e-6


class Eval(Case):
    def evaluate(self, *words, ranks=None):
        path = self.folder / "figures.json"
        result = self.run_program("eval", *words, "--json", path, ranks=ranks)
        self.assertEqual(result.status, OK, str(result))
        return json.loads(path.read_text()), result.out

    def assert_alike(self, a, b):
        self.assertEqual(a.keys(), b.keys())
        for key, value in a.items():
            if key in OF_THE_START:
                continue
            if not isinstance(value, float):
                self.assertEqual(value, b[key], key)
                continue
            of = a[key.removesuffix("_spread")] if key.endswith("_spread") else value
            self.assertLessEqual(abs(value - b[key]), RANKS_RELATIVE * abs(of) + 1e-12, key)

    def test_ranks(self):
        """A checkpoint's samples, and its data's rows as held-out ones, on one, two and three."""
        run_dir = self.folder / "run"
        self.train(self.config(), run_dir)
        words = (run_dir, "--test", "builtin:digits", "--count", "600", "--buffer-mb", "1")
        alone, text = self.evaluate(*words)
        self.assertEqual(alone["step"], 20)
        self.assertEqual((alone["count"], alone["rows"], alone["held_out"]), (600, 600, 600))
        self.assertEqual(alone["samples"], str(run_dir / "checkpoints/step-00000020.h5"))
        # rows of the data are their own nearest rows
        self.assertEqual(alone["nearest_distance_held_out"], 0)
        self.assertIn("frechet_distance ", text)
        for ranks in (2, 3):
            shared, _ = self.evaluate(*words, ranks=ranks)
            self.assertEqual(shared["ranks"], ranks)
            self.assert_alike(alone, shared)
        recorded = lines(run_dir / "eval.jsonl")
        self.assertEqual(len(recorded), 3)
        self.assertEqual(recorded[0], alone)

    def test_data_itself(self):
        """All rows of a set against themselves, read from another file."""
        figures, _ = self.evaluate("builtin:digits", "--data", "builtin:digits", "--count", "1797",
                                   "--test", "builtin:digits")
        self.assertAlmostEqual(figures["frechet_distance"], 0, delta=1e-9)
        for name in ("precision", "recall", "coverage"):
            self.assertEqual(figures[name], 1, name)
        for name in ("bins_different", "bins_divergence", "nearest_distance", "histogram_outside",
                     "spectrum_outside", "moments_outside"):
            self.assertEqual(figures[name], 0, name)
        # unbiased: of equal sets it is below 0, as rows do not meet themselves
        self.assertLess(figures["kernel_distance"], 0.01)
        self.assertNotIn("step", figures)

    def test_samples_of_a_file(self):
        """What `mpigan sample` wrote is judged as the checkpoint is, whose samples they are."""
        run_dir = self.folder / "run"
        self.train(self.config(), run_dir)
        made = self.folder / "made.h5"
        result = self.run_program("sample", run_dir, "--count", "300", "--seed", "1", "--output", made)
        self.assertEqual(result.status, OK, str(result))
        words = ("--count", "300", "--metrics", "frechet,cover")
        of_file, _ = self.evaluate(made, "--data", "builtin:digits", *words)
        of_run, _ = self.evaluate(run_dir, *words)
        for name in ("frechet_distance", "precision", "recall", "density", "coverage"):
            self.assertAlmostEqual(of_file[name], of_run[name], delta=1e-6, msg=name)

    def test_conditional(self):
        """The classes of the samples are drawn as the data has them, on any number of ranks."""
        path = self.config(edit(TINY, ("  latent: 8\n", "  latent: 8\n  classes: 10\n")))
        run_dir = self.folder / "run"
        self.train(path, run_dir)
        words = (run_dir, "--count", "200", "--metrics", "frechet")
        self.assert_alike(self.evaluate(*words)[0], self.evaluate(*words, ranks=2)[0])

    def test_classifier(self):
        """By a classifier's features: of all rows against themselves, and of a conditional model."""
        self.train(self.config(CLASSIFIER, name="classifier.yaml"), self.folder / "classifier")
        judge = ("--features", self.folder / "classifier")
        figures, text = self.evaluate("builtin:digits", "--data", "builtin:digits", "--count", "1797",
                                      *judge)
        self.assertEqual(figures["feature_count"], 32)
        self.assertIn("penultimate", text)
        self.assertAlmostEqual(figures["frechet_distance"], 0, delta=1e-9)
        self.assertEqual(figures["class_total_variation"], 0)
        # ten classes about as often, nearly all told right and surely
        self.assertGreater(figures["class_accuracy"], 0.9)
        self.assertGreater(figures["classifier_score"], 5)
        self.assertLessEqual(figures["classifier_score"], 10)
        self.assertAlmostEqual(figures["within_class_frechet_distance"], 0, delta=0.05)
        path = self.config(edit(TINY, ("  latent: 8\n", "  latent: 8\n  classes: 10\n")))
        self.train(path, self.folder / "run")
        words = (self.folder / "run", "--count", "200", *judge)
        alone, shared = self.evaluate(*words)[0], self.evaluate(*words, ranks=2)[0]
        self.assert_alike(alone, shared)
        self.assertEqual(len(alone["features_digest"]), 32)

    def test_chosen_classes(self):
        """Of a run on two classes: its data are their rows, and its classes have the data's labels."""
        chosen = ("data: {path: \"builtin:digits\"}", "data: {path: \"builtin:digits\", classes: [3, 7]}")
        self.train(self.config(edit(CLASSIFIER, chosen, ("units: 10", "units: 2")), name="two.yaml"),
                   self.folder / "two")
        self.train(self.config(edit(TINY, ("  path: builtin:digits\n",
                                           "  path: builtin:digits\n  classes: [3, 7]\n"),
                                    ("  latent: 8\n", "  latent: 8\n  classes: 2\n"))),
                   self.folder / "run")
        figures, text = self.evaluate(self.folder / "run", "--features", self.folder / "two")
        self.assertIn("of 362 rows", text)  # 183 threes and 179 sevens
        self.assertEqual(figures["rows"], 362)
        self.assertGreater(figures["class_accuracy"], 0)
        self.assertGreater(figures["within_class_frechet_distance"], 0)

    def test_constant_images(self):
        """No variance, no skewness: nothing is left to rounding."""
        path = self.folder / "grey.h5"
        write_h5(path, images=("float32", (40, 5, 5), [0.3] * 500 + [0.7] * 500))
        for ranks in (None, 3):
            figures, _ = self.evaluate(path, "--data", path, "--metrics", "physics", ranks=ranks)
            for name in ("histogram_outside", "spectrum_outside", "moments_outside"):
                self.assertEqual(figures[name], 0, name)

    def grey_images(self, name, values):
        """40 images of 5 by 5, of each value as many, all pixels alike."""
        path = self.folder / name
        write_h5(path, images=("float32", (40, 5, 5),
                               [v for v in values for _ in range(1000 // len(values))]))
        return path

    def physics(self, *words, ranks=None):
        picture = self.folder / "physics.png"
        figures, text = self.evaluate(*words, "--metrics", "frechet", "--physics", picture, ranks=ranks)
        png = picture.read_bytes()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        self.assertGreater(struct.unpack(">I", png[16:20])[0], 1000)  # wide
        self.assertEqual([path.name for path in self.folder.glob("*.tmp")], [])
        return figures["physics"], text

    def test_physics(self):
        """Statistics as arrays: of images whose moments are known, on any number of ranks."""
        data = self.grey_images("data.h5", (0.3, 0.7))
        samples = self.grey_images("samples.h5", (0.25, 0.5, 0.5, 0.75))
        alone, text = self.physics(samples, "--data", data)
        self.assertIn("mean", text)
        self.assertEqual(len(alone["histogram"]["x"]), 64)
        self.assertEqual(alone["spectrum"]["x"], [0, 1, 2])
        for part in alone.values():
            for key in ("low", "high", "data", "samples"):
                self.assertEqual(len(part[key]), len(part["x"]), key)
        wanted = {"mean": (0.5, 0.5), "deviation": (0.2, 0.25 / 2 ** 0.5), "skewness": (0, 0),
                  "kurtosis": (-2, -1)}  # two values: 1 - 3; four, half of them the mean: 2 - 3
        for name, (of_data, of_samples) in wanted.items():
            self.assertAlmostEqual(alone[name]["data"][0], of_data, delta=1e-6, msg=name)
            self.assertAlmostEqual(alone[name]["samples"][0], of_samples, delta=1e-6, msg=name)
        for side, shares in (("data", {19: 0.5, 44: 0.5}), ("samples", {16: 0.25, 32: 0.5, 48: 0.25})):
            for bin, share in enumerate(alone["histogram"][side]):
                self.assertAlmostEqual(share, shares.get(bin, 0), delta=1e-9, msg=f"{side}, bin {bin}")
        # all power is at frequency 0: the mean square times the pixels
        self.assertAlmostEqual(alone["spectrum"]["data"][0], 25 * (0.09 + 0.49) / 2, delta=1e-4)
        self.assertAlmostEqual(alone["spectrum"]["data"][1], 0, delta=1e-6)
        shared, _ = self.physics(samples, "--data", data, ranks=3)
        for name, part in alone.items():
            for key, values in part.items():
                for a, b in zip(values, shared[name][key]):
                    self.assertLessEqual(abs(a - b), 1e-6 * abs(a) + 1e-9, f"{name} {key}")

    def test_no_place_to_write(self):
        """Said before the work: the samples that come first are not even looked for."""
        words = ("missing.h5", "--data", "builtin:digits")
        missing = self.folder / "missing"
        for flag, path in (("--json", missing / "f.json"), ("--pairs", missing / "f.png"),
                           ("--physics", missing / "f.png"), ("--physics", self.folder)):
            for ranks in (None, 2):
                result = self.run_program("eval", *words, flag, path, ranks=ranks)
                self.assert_fails(result, OUTPUT, str(path))

    def test_few_rows(self):
        """What lacks rows is left out and named, unless it was asked for."""
        words = ("builtin:digits", "--data", "builtin:digits", "--count", "30")
        figures, text = self.evaluate(*words)
        self.assertIn("metric 'bins'", text)
        self.assertNotIn("bins_different", figures)
        self.assertNotIn("frechet_distance_spread", figures)
        result = self.run_program("eval", *words, "--metrics", "bins")
        self.assert_fails(result, USAGE, "100 bins", "30 rows")

    def points(self, name, modes, seed=1):
        """200 points about each of some modes of the ring of eight, as HDF5."""
        draw = random.Random(seed)
        rows = []
        for mode in modes:
            turn = 2 * math.pi * mode / 8
            for _ in range(200):
                rows += [math.cos(turn) + draw.gauss(0, 0.01), math.sin(turn) + draw.gauss(0, 0.01)]
        path = self.folder / name
        write_h5(path, images=("float32", (len(rows) // 2, 2), rows))
        return path

    def test_modes(self):
        """Half of the ring's modes: 4 of 8, and log 2 nats from the uniform law."""
        whole, half = self.points("whole.h5", range(8)), self.points("half.h5", (0, 2, 4, 6), 2)
        words = ("--data", whole, "--mixture", "ring:8:1:0.01", "--count", "10000")
        figures, _ = self.evaluate(whole, *words)
        self.assertEqual(figures["modes_captured"], 8)
        self.assertAlmostEqual(figures["reverse_kl"], 0, delta=1e-9)
        # of a Gaussian in the plane 1 - exp(-9/2) lie within 3 standard deviations
        self.assertAlmostEqual(figures["high_quality"], 1 - math.exp(-4.5), delta=0.01)
        figures, _ = self.evaluate(half, *words, ranks=2)
        self.assertEqual(figures["modes_captured"], 4)
        self.assertAlmostEqual(figures["reverse_kl"], math.log(2), delta=1e-9)

    def test_mistakes(self):
        other = self.folder / "other.h5"
        write_h5(other, images=("float32", (30, 4, 4), [0.5] * 480))
        digits = ("builtin:digits", "--data", "builtin:digits", "--count", "100")
        for words, status, parts in (
                (("builtin:digits",), USAGE, ("--data",)),
                (digits + ("--metrics", "frechet,covr"), USAGE, ("covr", "cover")),
                (digits + ("--metrics", "score"), USAGE, ("score", "--features")),
                (digits + ("--metrics", "parzen"), USAGE, ("parzen", "--test")),
                (digits + ("--metrics", "accuracy"), USAGE, ("accuracy", "--features")),
                (digits + ("--mixture", "ring:8"), USAGE, ("ring:8", "ring:8:1:0.01")),
                (digits + ("--mixture", "ring:8:1:0.1"), USAGE, ("two dimensions", "64")),
                ((other, "--data", "builtin:digits"), INPUT, (str(other), "4x4x1", "8x8x1")),
                (("missing.h5", "--data", "builtin:digits"), INPUT, ("missing.h5",)),
                (digits + ("--features", "missing"), INPUT, ("missing",)),
                ((self.points("points.h5", (0,)),) + ("--data", self.folder / "points.h5", "--physics",
                                                      self.folder / "f.png"), USAGE, ("--physics", "points")),
                (digits + ("--mixture", "ring:8:inf:0.1"), USAGE, ("ring:8:inf:0.1",)),
                (digits + ("--truncation", "0.5"), USAGE, ("--truncation",)),
                (digits + ("--count", "3"), USAGE, ("--count", "10"))):
            for ranks in (None, 2):
                result = self.run_program("eval", *words, ranks=ranks)
                self.assert_fails(result, status, *parts)


if __name__ == "__main__":
    support.main()

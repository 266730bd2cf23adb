"""task: vae as a user runs it: what it learns and logs, the same bits on a second run, in pieces, on
other ranks and threads, stopped and resumed; its samples, reconstructions and manifold; an
autoencoder; and configs that make no sense."""
import math
import statistics

import support
from support import (INPUT, NUMBERS, USAGE, Case, all_settings, checkpoint, edit, h5_differences,
                     h5_names, h5_numbers, metrics, needs_h5_tools, samples, untimed, write_h5)

CONFIG = """\
name: vae
seed: 5
task: vae
data: {path: "builtin:digits", shards: 12}
model:
  latent: 2
  encoder:
    - linear: {units: 64}
    - batchnorm: {stats: ghost, ghost_size: 2}
    - relu: {}
    - linear: {units: 4}
  decoder:
    - linear: {units: 64}
    - relu: {}
    - dropout: {p: 0.1}
    - linear: {units: 64}
train:
  batch: 48
  steps: 60
  log_every: 1
  optimizer: {type: adam, lr: 3.0e-3, beta1: 0.9}
checkpoint: {every_steps: 20, keep_last: 5}
samples: {every_steps: 30, count: 9}
"""
# The same without what makes it hard to learn.
PLAIN = edit(CONFIG, ("    - batchnorm: {stats: ghost, ghost_size: 2}\n", ""),
             ("    - dropout: {p: 0.1}\n", ""))
STEPS, PIXELS = 60, 64
NETWORKS = ("/encoder", "/decoder", "/data")
# Metrics have nine digits.
ROUNDED = 1e-8

EXACT = all_settings("compute.reproducible=true")


def unranked(run_dir):
    return [{k: v for k, v in r.items() if k != "ranks"} for r in untimed(metrics(run_dir))]


class Training(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def run_of(self, name, *words, **options):
        self.train(self.path, self.folder / name, *words, **options)
        return self.folder / name

    def test_learns_and_logs(self):
        self.path = self.config(PLAIN)
        run = self.run_of("run", *all_settings("train.steps=600", "data.test=builtin:digits",
                                               "train.test_every=300"))
        records = metrics(run)
        first, last = records[0], records[-1]
        for record in records:
            self.assertAlmostEqual(record["loss"], record["reconstruction"] + record["kl"],
                                   delta=ROUNDED * record["loss"])
            self.assertEqual((record["beta"], record["lr"]), (1, 3e-3))
            self.assertGreater(record["grad_norm"], 0)
        # at the start logits are near 0: log 2 a pixel, and codes near the prior
        self.assertAlmostEqual(first["reconstruction"] / (PIXELS * math.log(2)), 1, delta=0.05)
        self.assertLess(last["loss"], 0.8 * first["loss"])
        self.assertGreater(last["kl"], 1)
        tests = {r["step"]: r["test_loss"] for r in records if "test_loss" in r}
        self.assertEqual(list(tests), [300, 600])
        self.assertLess(tests[600], tests[300])
        recent = statistics.mean(r["loss"] for r in records[-40:])
        self.assertAlmostEqual(tests[600] / recent, 1, delta=0.05)  # of the same data
        self.assertAlmostEqual(last["test_loss"], last["test_reconstruction"] + last["test_kl"],
                               delta=ROUNDED * last["test_loss"])

    @needs_h5_tools
    def test_again_and_resumed(self):
        straight, again = self.run_of("straight"), self.run_of("again")
        self.assert_same_run(straight, again, STEPS, NETWORKS)
        for steps in (23, 41, STEPS):
            stopped = self.run_of("stopped", *all_settings(f"train.steps={steps}"))
        self.assertEqual(h5_differences(checkpoint(straight, STEPS), checkpoint(stopped, STEPS),
                                        *NETWORKS), "")
        self.assertEqual(untimed(metrics(straight)), untimed(metrics(stopped)))

    @needs_h5_tools
    def test_any_ranks_and_threads(self):
        """Order-free sums: the same bits on 1, 2 and 3 ranks, of pieces, of threads."""
        alone = self.run_of("alone", *EXACT, *all_settings("data.test=builtin:digits"))
        others = [("ranks-2", 2, ()), ("ranks-3", 3, ()), ("threads", 1, ("compute.threads=2",)),
                  ("pieces", 2, ("train.microbatch=12",))]
        for name, ranks, more in others:
            other = self.run_of(name, *EXACT, *all_settings("data.test=builtin:digits", *more),
                                ranks=ranks)
            self.assertEqual(h5_differences(checkpoint(alone, STEPS), checkpoint(other, STEPS),
                                            *NETWORKS), "", name)
            self.assertEqual(h5_differences(samples(alone, STEPS), samples(other, STEPS),
                                            "/images"), "", name)
            self.assertEqual(unranked(alone), unranked(other), name)

    @needs_h5_tools
    def test_other_ways_compute_the_same(self):
        """One step of plain sums: other ranks and pieces to rounding; shared weights to the bit."""
        one = all_settings("train.steps=1")
        alone = metrics(self.run_of("alone", *one))[0]
        for name, ranks, more in (("ranks", 3, ()), ("pieces", 1, ("train.microbatch=16",))):
            other = metrics(self.run_of(name, *one, *all_settings(*more), ranks=ranks))[0]
            for key in ("loss", "reconstruction", "kl", "grad_norm"):
                self.assertAlmostEqual(other[key] / alone[key], 1, delta=1e-5, msg=key)
        two = self.run_of("two", ranks=2)
        shared = self.run_of("shared", *all_settings("comm.share_weights=true"), ranks=2)
        self.assertEqual(h5_differences(checkpoint(two, STEPS), checkpoint(shared, STEPS),
                                        *NETWORKS), "")

    def test_warm_up(self):
        run = self.run_of("run", *all_settings("train.kl_warmup_steps=8", "train.beta=0.5"))
        records = metrics(run)
        self.assertEqual([r["beta"] for r in records[:10]], [0.5 * k / 8 for k in range(8)]
                         + [0.5, 0.5])
        for r in records[:10]:
            self.assertAlmostEqual(r["loss"], r["reconstruction"] + r["beta"] * r["kl"],
                                   delta=ROUNDED * r["loss"])

    @needs_h5_tools
    def test_skipped_updates(self):
        """A rate at which the likelihood overflows: skipped steps leave both networks alone."""
        self.path = self.config(CONFIG, ("lr: 3.0e-3", "lr: 1.0e+6"))
        skip = all_settings("train.on_nonfinite=skip", "train.skip_max=1000", "train.steps=40",
                            "checkpoint.every_steps=1", "checkpoint.keep_last=100")
        run = self.run_of("run", *skip)
        self.assertEqual([r["network"] for r in support.lines(run / "run.jsonl")
                          if r["event"] == "skipped"][:2], ["encoder", "decoder"])
        skipped = [r["step"] for r in support.lines(run / "run.jsonl") if r["event"] == "skipped"]
        self.assertTrue(skipped)
        step = next(step for step in skipped if step > 1)
        self.assertEqual(h5_differences(checkpoint(run, step - 1), checkpoint(run, step),
                                        "/encoder/param", "/decoder/param",
                                        "/encoder/optimizer", "/decoder/optimizer"), "")
        self.run_of("stops", *all_settings("train.steps=40"), status=NUMBERS)


@needs_h5_tools
class Autoencoder(Case):
    def test_autoencoder(self):
        path = self.config(CONFIG, ("latent: 2", "latent: 8\n  stochastic: false"),
                           ("linear: {units: 4}", "linear: {units: 8}"))
        self.train(path, "run", *all_settings("train.steps=400"))
        records = metrics(self.folder / "run")
        for r in records:
            self.assertEqual((r["loss"], r["kl"], r["beta"]), (r["reconstruction"], 0, 0))
        self.assertLess(records[-1]["loss"], 0.8 * records[0]["loss"])
        found = self.run_program("sample", "run", "--reconstruct", "builtin:digits")
        self.assertEqual(found.status, 0, str(found))
        images, made = (h5_numbers(self.folder / "samples.h5", name)
                        for name in ("/images", "/reconstructions"))
        mean = statistics.mean(images)
        error, spread = (statistics.mean((x - y) ** 2 for x, y in zip(images, other))
                         for other in (made, [mean] * len(images)))
        self.assertLess(error, spread / 2)


@needs_h5_tools
class Sampling(Case):
    STEPS = 1500

    def setUp(self):
        super().setUp()
        self.train(self.config(PLAIN), "run", *all_settings(f"train.steps={self.STEPS}",
                                                             "samples.every_steps=0"))

    def sample(self, *words):
        result = self.run_program("sample", "run", "--output", "x.h5", "--png", "x.png", *words)
        self.assertEqual(result.status, 0, str(result))
        names = h5_names(self.folder / "x.h5")
        return {name: h5_numbers(self.folder / "x.h5", name) for name in names if name != "/"}

    def test_samples(self):
        """Those of the run's own pictures; in the data's units; paths between seeds."""
        made = self.sample("--count", 9)
        self.assertEqual(h5_differences(self.folder / "x.h5", samples(self.folder / "run", self.STEPS),
                                        "/latent"), "")
        self.assertEqual(h5_differences(self.folder / "x.h5", samples(self.folder / "run", self.STEPS),
                                        "/images", delta=1e-3), "")
        self.assertTrue(all(0 <= x <= 255 for x in made["/images"]))
        path = self.sample("--interpolate", "1,9", "--steps", 5, "--count", 10)
        self.assertEqual(path["/latent"][:2], self.sample("--seed", 1, "--count", 1)["/latent"])

    def test_reconstructions(self):
        made = self.sample("--reconstruct", "builtin:digits", "--count", 20)
        self.assertEqual(h5_names(self.folder / "x.h5")["/reconstructions"], "{20, 1, 8, 8}")
        self.assertEqual(len(made["/latent"]), 20 * 2)
        images, again = made["/images"], made["/reconstructions"]
        self.assertTrue(all(x == int(x) for x in images))  # as the data has them
        self.assertTrue(all(0 <= x <= 255 for x in again))
        pixels = range(PIXELS)
        likeness = [[statistics.mean(abs(images[PIXELS * i + p] - again[PIXELS * k + p])
                                     for p in pixels) for k in range(20)] for i in range(20)]
        own = statistics.mean(likeness[i][i] for i in range(20))
        others = statistics.mean(map(statistics.mean, likeness))
        self.assertLess(own, 0.85 * others)  # nearer to its own image than to any
        few = self.sample("--reconstruct", "builtin:digits", "--count", 3)
        self.assertEqual(few["/images"], images[:3 * PIXELS])
        self.assertEqual(len(self.sample("--reconstruct", "builtin:digits")["/images"]),
                         64 * PIXELS)

    def test_manifold(self):
        normal = statistics.NormalDist()
        made = self.sample("--manifold", "--steps", 5)
        self.assertEqual(len(made["/images"]), 25 * PIXELS)
        for i in range(25):
            wanted = normal.inv_cdf((i % 5 + 0.5) / 5), -normal.inv_cdf((i // 5 + 0.5) / 5)
            for k in range(2):
                self.assertAlmostEqual(made["/latent"][2 * i + k], wanted[k], delta=1e-5)
        self.assertEqual(len(self.sample("--manifold")["/latent"]), 2 * 20 * 20)

    def test_mistakes(self):
        support.write_idx(self.folder / "wide", (5, 9, 7))
        self.train(self.config(support.TINY, name="tiny.yaml"), "tiny")
        support.write_h5(self.folder / "dark.h5", images=("float32", (3, 8, 8), [0.5] * 192))
        support.write_h5(self.folder / "bright.h5",
                         images=("float32", (3, 8, 8), [255] * 128 + [200, 256] * 32))
        for words, status, parts in (
                (["run", "--reconstruct", "nowhere"], INPUT, ("nowhere",)),
                (["run", "--reconstruct", "wide"], USAGE, ("9x7x1", "8x8x1")),
                (["run", "--reconstruct", "builtin:digits", "--count", 5000], USAGE,
                 ("5000", "1797")),
                (["run", "--reconstruct", "builtin:digits", "--seed", 3], USAGE,
                 ("--reconstruct", "--seed", "leave out one")),
                (["run", "--manifold", "--interpolate", "1,2"], USAGE, ("leave out one",)),
                (["run", "--manifold", "--count", 5], USAGE, ("--count",)),
                (["run", "--reconstruct", "dark.h5"], USAGE, ("dark.h5", "0.5", "0 to 255")),
                (["run", "--reconstruct", "bright.h5"], USAGE,
                 ("bright.h5", "row 2 holds 256", "0 to 255")),
                (["run", "--images", "x"], USAGE, ("--reconstruct",)),
                (["tiny", "--manifold"], USAGE, ("model.latent is 8",)),
                (["tiny", "--reconstruct", "builtin:digits"], USAGE, ("task: gan", "vae"))):
            self.assert_fails(self.run_program("sample", *words), status, *parts)


class Floats(Case):
    """Data of floats, in files of HDF5."""

    def write(self, name, values, dims=(96, 8, 8), dataset="images"):
        path = self.folder / name
        write_h5(path, **{dataset: ("float32", dims, values)})
        return path

    def test_read_as_the_run_reads(self):
        """The name of the dataset and its layout, which is open here, are the run's."""
        values = [i % 101 / 101 for i in range(96 * PIXELS)]
        path = self.write("data.h5", values, (96, 4, 4, 4), "pictures")
        keys = f'data: {{path: "{path}", shards: 12, images: pictures, layout: nchw}}'
        self.train(self.config(PLAIN, ('data: {path: "builtin:digits", shards: 12}', keys)), "run",
                   *all_settings("train.steps=1"))
        result = self.run_program("sample", "run", "--reconstruct", path, "--count", 20,
                                  "--output", "x.h5")
        self.assertEqual(result.status, 0, str(result))
        for found, stored in zip(h5_numbers(self.folder / "x.h5", "/images"), values):
            self.assertAlmostEqual(found, stored, delta=1e-6)
        self.write("other.h5", values, (96, 4, 4, 4), "others")
        self.assert_fails(self.run_program("sample", "run", "--reconstruct", "other.h5"), INPUT,
                          "pictures")
        result = self.run_program("sample", "run", "--reconstruct", "other.h5", "--images", "others")
        self.assertEqual(result.status, 0, str(result))

    def test_held_out_values(self):
        """A Bernoulli law knows no 1.5, in what is tested as in what is trained on."""
        data = self.write("data.h5", [i % 101 / 101 for i in range(96 * PIXELS)])
        test = self.write("test.h5", [0.5] * 85 * PIXELS + [1.5] + [0.5] * (11 * PIXELS - 1))
        keys = f'data: {{path: "{data}", shards: 12, test: "{test}"}}'
        changes = ('data: {path: "builtin:digits", shards: 12}', keys)
        for ranks in (None, 3):
            result = self.train(self.config(PLAIN, changes), "run", status=INPUT, ranks=ranks)
            self.assert_fails(result, INPUT, "data.test", "row 85", "1.5", "from 0 to 1", "gaussian")
        gaussian = ("latent: 2", "latent: 2\n  likelihood: gaussian")
        self.train(self.config(PLAIN, changes, gaussian), "gaussian", *all_settings("train.steps=1"))


class Configs(Case):
    def refuse(self, changes, *parts):
        path = self.config(CONFIG, *changes)
        self.assert_fails(self.train(path, "run", "--dry-run", status=USAGE), USAGE, *parts)

    def test_mistakes(self):
        end = "    - linear: {units: 64}\ntrain"
        for changes, parts in (
                ([(end, edit(end, ("train", "    - sigmoid: {}\ntrain")))],
                 ("model.decoder", "sigmoid", "logits")),
                ([("shards: 12}", "shards: 12, range: symmetric}")],
                 ("data.range", "symmetric", "unit")),
                ([("units: 4}", "units: 2}")], ("model.encoder", "4")),
                ([("latent: 2", "latent: 2\n  generator: [linear: {units: 64}]")],
                 ("model.generator", "task: vae")),
                ([("latent: 2", "latent: 2\n  classes: 10")], ("model.classes",)),
                ([("latent: 2", "latent: 2\n  latent_distribution: uniform")],
                 ("latent_distribution",)),
                ([("steps: 60", "steps: 60\n  d_steps: 2")], ("train.d_steps", "vae")),
                ([("steps: 60", "steps: 60\n  decoder_std: 0.5")],
                 ("train.decoder_std", "gaussian")),
                ([("steps: 60", "steps: 60\n  beta: 2"), ("units: 4}", "units: 2}"),
                  ("latent: 2", "latent: 2\n  stochastic: false")],
                 ("train.beta", "model.stochastic")),
                ([("steps: 60", "steps: 60\n  kl_warmup_steps: 9"), ("units: 4}", "units: 2}"),
                  ("latent: 2", "latent: 2\n  stochastic: false")],
                 ("train.kl_warmup_steps", "model.stochastic"))):
            self.refuse(changes, *parts)

    def test_of_others(self):
        path = self.config(support.TINY, ("steps: 20", "steps: 20\n  beta: 2"))
        self.assert_fails(self.train(path, "run", "--dry-run", status=USAGE), USAGE, "train.beta",
                          "vae")

    def test_gaussian(self):
        """A density can be above 1: the loss may be below 0; and its constant is there."""
        path = self.config(CONFIG, ("latent: 2", "latent: 2\n  likelihood: gaussian"),
                           ("shards: 12}", "shards: 12, range: unit}"),
                           ("steps: 60", "steps: 60\n  decoder_std: 0.01"))
        self.train(path, "run", *all_settings("train.steps=1"))
        first = metrics(self.folder / "run")[0]["reconstruction"]
        path = self.config(CONFIG, ("latent: 2", "latent: 2\n  likelihood: gaussian"),
                           ("shards: 12}", "shards: 12, range: unit}"),
                           ("steps: 60", "steps: 60\n  decoder_std: 1"))
        self.train(path, "wide", *all_settings("train.steps=1"))
        wide = metrics(self.folder / "wide")[0]["reconstruction"]
        constant = PIXELS * math.log(2 * math.pi) / 2
        squares = (wide - constant) * 2
        self.assertGreater(squares, 0)
        self.assertAlmostEqual(first, squares / 2e-4 + PIXELS * math.log(0.01) + constant,
                               delta=1e-6 * abs(first))


if __name__ == "__main__":
    support.main()

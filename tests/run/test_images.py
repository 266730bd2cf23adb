"""GANs on images and classes (tests/images.yaml): stopped and resumed, streamed, with updates that are
left out.  What any number of ranks gives is in test_reproducible.py and mpi.step_images."""
import math

import support
from support import (OK, SOURCE, USAGE, Case, checkpoint, edit, h5_differences, h5_numbers, metrics,
                     needs_h5_tools, samples, untimed)
from test_nonfinite import EPOCH, SKIP, Nonfinite

IMAGES = (SOURCE / "tests/images.yaml").read_text()
STEPS = 24

# The three ways in which a discriminator learns of the class, both of a generator.
WAYS = {
    "projection": IMAGES,
    "auxiliary": edit(IMAGES, ("label: {generator: embedding, embedding: 4, discriminator: projection",
                               "label: {generator: one_hot, discriminator: auxiliary"),
                      ("latent: 12", "latent: 6")),
    "channels": edit(IMAGES, ("discriminator: projection", "discriminator: channels")),
}


@needs_h5_tools
class Resumed(Case):
    def stop_and_go(self, way, ranks, *words):
        """Stopped behind steps 5, 6 and 17 and never stopped: all state is the same, bit for bit."""
        path = self.config(WAYS[way])
        straight, stopped = self.folder / f"straight-{ranks}", self.folder / f"stopped-{ranks}"
        self.train(path, straight, *words, ranks=ranks)
        for steps in (5, 6, 17, STEPS):
            self.train(path, stopped, "--set", f"train.steps={steps}", *words, ranks=ranks)
        self.assert_same_bytes(checkpoint(straight, STEPS), checkpoint(stopped, STEPS))
        self.assertEqual(untimed(metrics(straight)), untimed(metrics(stopped)))
        for step in (6, 12, 18, STEPS):
            self.assertEqual(h5_differences(samples(straight, step), samples(stopped, step), "/images",
                                            "/latent", "/labels"), "")
        labels = h5_numbers(samples(stopped, STEPS), "/labels", "i")
        self.assertEqual(list(labels), [k for k in range(10) for _ in range(2)])
        return straight

    def check(self, way):
        alone, three = (self.stop_and_go(way, ranks) for ranks in (None, 3))
        first, last = checkpoint(self.folder / "stopped-None", 5), checkpoint(alone, STEPS)
        for name in ("weight_u", "weight_v"):  # so that the comparison means something
            self.assertNotEqual(h5_differences(first, last, f"/discriminator/buffer/1.{name}"), "")
            self.assertNotEqual(h5_differences(first, last, f"/generator/buffer/9.{name}"), "")
        self.assertEqual(len(metrics(three)), STEPS)

    def test_projection(self):
        self.check("projection")

    def test_auxiliary(self):
        self.check("auxiliary")
        for record in metrics(self.folder / "straight-3"):
            self.assertGreater(record["d_class_loss"], 0)
            self.assertTrue(0 <= record["d_class_accuracy"] <= 1)

    def test_channels(self):
        self.check("channels")

    def test_streamed(self):
        """1,797 rows are 18.7 steps of two batches of 48: the stops are inside of epochs."""
        result = self.run_program("data", "convert", "builtin:digits", "d.h5")
        self.assertEqual(result.status, OK, str(result))
        words = ("--set", "data.path=d.h5", "--set", "data.cache=stream", "--set",
                 "data.buffer_mb=0.05")
        for ranks in (None, 2):
            self.stop_and_go("projection", ranks, *words)


@needs_h5_tools
class Classes(Case):
    def learned(self, run_dir, network, name, units):
        """The classes whose vector has ever had a gradient."""
        moments = h5_numbers(checkpoint(self.folder / run_dir, STEPS),
                             f"/{network}/optimizer/exp_avg_sq/{name}")
        return {i // units for i, moment in enumerate(moments) if moment}

    def test_only_those_of_the_data(self):
        """Fakes have the classes of the data, in memory and streamed: no others' vectors learn."""
        result = self.run_program("data", "convert", "builtin:digits", "d.h5", "--classes", "2,5")
        self.assertEqual(result.status, OK, str(result))
        path = self.config(IMAGES, ('"builtin:digits"', "d.h5"))
        for cache in ("memory", "stream"):
            self.train(path, cache, "--set", f"data.cache={cache}", ranks=2)
            self.assertEqual(self.learned(cache, "generator", "embed.weight", 4), {2, 5})
            self.assertEqual(self.learned(cache, "discriminator", "project.weight", 16), {2, 5})
        self.train(self.config(IMAGES), "all", ranks=2)
        self.assertEqual(self.learned("all", "generator", "embed.weight", 4), set(range(10)))

    def test_fewer_than_the_data_has(self):
        """Labels are known once the data is read; the mended config then runs in the same folder."""
        path = self.config(IMAGES, ("classes: 10", "classes: 7"))
        line = path.read_text().splitlines().index("  classes: 7") + 1
        for cache in ("memory", "stream"):
            result = self.run_program("data", "convert", "builtin:digits", "d.h5", "--force")
            self.assertEqual(result.status, OK, str(result))
            words = ("--set", "data.path=d.h5", "--set", f"data.cache={cache}")
            for ranks in (None, 3):
                result = self.run_program("train", path, "--run-dir", f"run-{cache}", *words,
                                          ranks=ranks)
                self.assert_fails(result, USAGE, f"{path}:{line}:", "model.classes", "is 7",
                                  "largest label is 9", "use 10")
            self.train(path, f"run-{cache}", *words, "--set", "model.classes=10", ranks=2)


# A first layer that overflows, and spectral norms behind it, in the generator too; rates that keep
# their vectors from settling.
SPECTRAL = edit(SKIP[:SKIP.index("  discriminator:\n")],
                ("linear: {units: 32, bias: false}",
                 "linear: {units: 32, bias: false, spectral_norm: true}")) + """\
  discriminator:
    - conv2d: {channels: 4, kernel: 3, padding: 1}
    - leaky_relu: {slope: 0.2}
    - conv2d: {channels: 6, kernel: 2, stride: 2, spectral_norm: true}
    - leaky_relu: {slope: 0.2}
    - flatten: {}
    - linear: {units: 8, spectral_norm: true}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 1}
""" + edit(SKIP[SKIP.index("train:"):],
           ("log_every: 1", "log_every: 1\n  optimizer: {lr_d: 0.02, lr_g: 0.02}"))

NORMALISED = {  # network and layer: numbers in weight_u
    ("discriminator", 2): 6,
    ("discriminator", 5): 8,
    ("generator", 0): 32,
}

# Sums of at most 32 products of floats, three times over; measured: 1e-7.  One iteration more gives at
# least ten times that, which check_step looks at.
ROUNDING = 1e-6


def unit(vector):
    norm = math.sqrt(sum(x * x for x in vector))
    return [x / norm for x in vector]


def power_iteration(weight, u):
    """One step, as Miyato et al. 2018, algorithm 1, has it, in double."""
    columns = len(weight) // len(u)
    rows = [weight[i * columns:(i + 1) * columns] for i in range(len(u))]
    v = unit([sum(row[k] * a for row, a in zip(rows, u)) for k in range(columns)])
    return unit([sum(x * b for x, b in zip(row, v)) for row in rows]), v


def apart(a, b):
    return max(abs(x - y) for x, y in zip(a, b))


@needs_h5_tools
class Skipped(Nonfinite):
    def vectors(self, run_dir, step, network, layer):
        """weight_orig, weight_u and weight_v."""
        path = checkpoint(self.folder / run_dir, step)
        return [list(h5_numbers(path, f"/{network}/{name}"))
                for name in (f"param/{layer}.weight_orig", f"buffer/{layer}.weight_u",
                             f"buffer/{layer}.weight_v")]

    def check_step(self, run_dir, step, skipped):
        """The vectors behind a step are those before it after one iteration a pass: of an update
        that was left out no pass is left."""
        for (network, layer), size in NORMALISED.items():
            weight, u, v = self.vectors(run_dir, step - 1, network, layer)
            new_weight, new_u, new_v = self.vectors(run_dir, step, network, layer)
            self.assertEqual((len(u), weight == new_weight),
                             (size, skipped and network == "discriminator"))
            if network == "generator":
                passes = [weight] if skipped else [weight, weight]
            else:
                passes = [new_weight] if skipped else [weight, weight, new_weight]
            for matrix in passes:
                u, v = power_iteration(matrix, u)
            what = f"{run_dir}: {network} {layer} at step {step}"
            self.assertLess(max(apart(u, new_u), apart(v, new_v)), ROUNDING, what)
            more = power_iteration(matrix, u)[1]
            self.assertGreater(apart(more, new_v), 10 * ROUNDING, what)

    def test_spectral_norms(self):
        self.data(3e38)
        for name, ranks, words in (("alone", None, ()), ("three", 3, ()),
                                   ("exact", 2, ("--set", "compute.reproducible=true"))):
            self.train(self.config(SPECTRAL), name, *words, ranks=ranks)
            steps = [event["step"] for event in self.events(name, "skipped")]
            self.assertEqual([(step - 1) // EPOCH for step in steps], [0, 1], name)
            for step in steps:
                self.check_step(name, step, True)
                self.check_step(name, step + 1, False)


if __name__ == "__main__":
    support.main()

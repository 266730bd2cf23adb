"""tools/bench with PyTorch: the peer's step is the step that it says it is; compare and quality
take a tiny config from end to end.

Wants $MPIGAN (the program) and $MPIGAN_SOURCE (the checkout), as CTest gives them.
"""
import importlib.util
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import unittest

MODULES = ("torch", "yaml", "h5py", "numpy")
missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: %s has no %s; set MPIGAN_PYTHON to a Python that has"
          % (sys.executable, ", ".join(missing)))
    sys.exit(77)

import torch
import yaml

SOURCE = pathlib.Path(os.environ["MPIGAN_SOURCE"])
COMPARE = SOURCE / "tools" / "bench" / "compare"
CONFIG = SOURCE / "configs" / "digits.yaml"
sys.path.insert(0, str(COMPARE.parent))
import peer

ROUNDING = 1e-5  # relative, of gradients in float32 whose sums over a batch have another order


class Step(unittest.TestCase):
    def made(self, *parts, config="digits"):
        torch.manual_seed(1)
        config = yaml.safe_load((SOURCE / "configs" / (config + ".yaml")).read_text())
        return peer.Gan(config, 8, "fp32", parts)

    def gradients(self, *parts):
        """Of the discriminator, from the same fakes."""
        gan = self.made(*parts)
        torch.manual_seed(2)
        gan.discriminator_update()
        return torch.cat([p.grad.flatten() for p in gan.discriminator.parameters()])

    def test_one_pass_is_two_passes(self):
        two, one = self.gradients(), self.gradients("one_pass")
        self.assertGreater(two.norm().item(), 0)
        self.assertLess((one - two).norm().item(), ROUNDING * two.norm().item())

    def test_each_update_moves_its_network_alone(self):
        gan = self.made()
        for update, moved in ((gan.discriminator_update, "discriminator"),
                              (gan.generator_update, "generator")):
            before = {name: [p.detach().clone() for p in getattr(gan, name).parameters()]
                      for name in ("generator", "discriminator")}
            update()
            for name, old in before.items():
                for was, now in zip(old, getattr(gan, name).parameters()):
                    self.assertEqual(torch.equal(was, now), name != moved, name)

    def test_setting_that_means_something_else(self):
        with self.assertRaisesRegex(peer.Unusable, "batch norm"):
            self.made("one_pass", config="cifar-dcgan")


class Compare(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def compare(self, *arguments, python=sys.executable):
        return subprocess.run([sys.executable, "-B", COMPARE, "--digits", CONFIG, "--minutes", "0",
                               "--settings", "eager", "--mpigan", os.environ["MPIGAN"],
                               "--python", python, *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def rows(self, names, **how):
        file = self.folder / "figures.json"
        done = self.compare("--rows", names, "--json", file, **how)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(file.read_text())["rows"]
        self.assertEqual([row["row"] for row in rows], names.split(","))
        for row in rows:
            self.assertIn(row["row"] + " ", done.stdout)
        return rows

    def check(self, row, over, under):
        """Both sides were measured, and the ratio is theirs."""
        self.assertNotIn("not_measured", row, row.get("not_measured"))
        for spread in (*row["sides"].values(), row["of_blocks"]):
            ordered = [spread[name] for name in ("min", "first_quartile", "median",
                                                 "third_quartile", "max")]
            self.assertEqual(ordered, sorted(ordered))
            self.assertGreater(ordered[0], 0)
            self.assertGreaterEqual(spread["count"], 3)
        self.assertAlmostEqual(row["ratio"], row["sides"][over]["median"]
                               / row["sides"][under]["median"], places=9)

    def test_one_core(self):
        floor, digits, memory = self.rows("digits-floor,digits,digits-memory")
        self.check(floor, "step", "floor")
        self.check(digits, "peer", "mpigan")
        self.check(memory, "mpigan", "peer")
        self.assertEqual(digits["met"], digits["ratio"] >= 1.8)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one core")
    def test_two_cores(self):
        ddp, ranks, start = self.rows("ranks-ddp,ranks,start")
        self.check(ddp, "peer", "mpigan")
        self.check(ranks, "two runs", "two ranks")
        self.assertGreater(start["ratio"], 0)

    def test_python_without_pytorch(self):
        """Rows that want it say so, and the others are measured."""
        python = self.folder / "python"
        python.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S \"$@\"\n")
        python.chmod(0o755)
        digits, floor = self.rows("digits,digits-floor", python=python)
        self.assertIn("cannot give PyTorch", digits["not_measured"])
        self.check(floor, "step", "floor")

    def test_mistakes(self):
        done = self.compare("--rows", "digits,nosuch")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no row nosuch; there are digits-floor", done.stderr)
        done = self.compare("--rows", "digits", "--mpigan", "/nowhere/mpigan")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Quality(unittest.TestCase):
    """On noise in place of MNIST."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.data = pathlib.Path(temporary.name)
        for what, shape in (("images-idx3", (256, 28, 28)), ("labels-idx1", (256,))):
            n, *rest = shape
            size = n * (rest[0] * rest[1] if rest else 1)
            head = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}i", *shape)
            values = os.urandom(size) if rest else bytes(size)
            (self.data / f"train-{what}-ubyte").write_bytes(head + values)

    def quality(self, *arguments):
        return subprocess.run([sys.executable, "-B", COMPARE.parent / "quality", "--steps", "2",
                               "--seeds", "2", "--count", "100", "--data", self.data, "--mpigan",
                               os.environ["MPIGAN"], "--json", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_means_and_errors_of_other_seeds(self):
        done = self.quality("--second", "fp32")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(done.stdout)
        a, b = (side["values"] for side in made["sides"])
        self.assertEqual(len({*a, *b}), 4, "each seed gives another distance")
        error = (statistics.variance(a) / 2 + statistics.variance(b) / 2) ** 0.5
        self.assertAlmostEqual(made["errors_apart"],
                               abs(statistics.mean(a) - statistics.mean(b)) / error, places=6)

    def test_failure_is_one_sentence(self):
        (self.data / "train-images-idx3-ubyte").unlink()
        done = self.quality("--second", "fp32")
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("quality: mpigan: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""tools/bench/yardstick with PyTorch: both sides train the same networks from a cell's config, the
peer's loss is the evidence bound, its first weights follow the law; and a cell goes from end to end.

Wants $MPIGAN (the program) and $MPIGAN_SOURCE (the checkout), as CTest gives them.
"""
import argparse
import gzip
import importlib.util
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader

MODULES = ("torch", "yaml", "h5py", "numpy")
missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: %s has no %s; set MPIGAN_PYTHON to a Python that has"
          % (sys.executable, ", ".join(missing)))
    sys.exit(77)

import numpy as np
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

BENCH = pathlib.Path(os.environ["MPIGAN_SOURCE"]) / "tools" / "bench"
MPIGAN = os.environ["MPIGAN"]
sys.path.insert(0, str(BENCH))

import learn
import steps
import trials

loader = SourceFileLoader("yardstick", str(BENCH / "yardstick"))
yardstick = importlib.util.module_from_spec(importlib.util.spec_from_loader("yardstick", loader))
loader.exec_module(yardstick)

ROWS = 64
ROUNDING = 1e-5  # relative, of sums of some thousand float32

# Standard deviations of the estimate from n numbers, 1 / (2 n)^1/2 of it, by which a law may be off.
LAW = 5


def write_idx_folder(path):
    """Noise under MNIST's names; labels 0 to 9, the 0 as often as all others."""
    path.mkdir()
    labels = np.where(np.arange(ROWS) % 2, np.arange(ROWS) % 10, 0).astype(np.uint8)
    for part in ("train", "t10k"):
        for name, array in (("images-idx3", np.random.default_rng(1).integers(
                0, 256, (ROWS, 28, 28), np.uint8)), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{array.ndim}i", 0, 0, 8, array.ndim, *array.shape)
            (path / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes()))


def write_cifar_folder(path):
    """Noise; a record's label is its number's last digit."""
    path.mkdir()
    records = np.random.default_rng(2).integers(0, 256, (ROWS, 3073), np.uint8)
    records[:, 0] = np.arange(ROWS) % 10
    (path / "data_batch_2.bin.gz").write_bytes(gzip.compress(records.tobytes()))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        write_idx_folder(cls.folder / "mnist")
        write_idx_folder(cls.folder / "fashion-mnist")
        write_cifar_folder(cls.folder / "cifar10")
        cls.before = os.environ.get("MPIGAN_DATA")
        os.environ["MPIGAN_DATA"] = str(cls.folder)

    @classmethod
    def tearDownClass(cls):
        os.environ.pop("MPIGAN_DATA")
        if cls.before is not None:
            os.environ["MPIGAN_DATA"] = cls.before
        cls.temporary.cleanup()

    def trial(self, cell, side="mpigan"):
        return trials.Trial(cell._replace(steps=2, batch=16), side, 1)

    def mpigan(self, *arguments):
        done = subprocess.run([MPIGAN, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout


class Peer(Case):
    def networks(self, cell):
        """The peer's, of a cell, by name."""
        config = self.trial(cell).config()
        learn.check(config)
        model, _, _ = learn.trained(config)
        names = ("encoder", "decoder") if config["task"] == "vae" else ("generator", "discriminator")
        return {name: getattr(model, name) for name in names}

    def test_both_train_the_same_networks(self):
        """As many parameters in each, by mpigan's plan; and the peer takes its steps."""
        for cell in trials.CELLS:
            with self.subTest(cell.name):
                path = self.folder / "config.yaml"
                path.write_text(self.trial(cell).config_text())
                plan = self.mpigan("train", path, "--dry-run", "--run-dir", self.folder / "none")
                planned = dict(re.findall(r"^(\w+): .*, (\d+) parameters", plan, re.M))
                made = {name: str(sum(p.numel() for p in net.parameters()))
                        for name, net in self.networks(cell).items()}
                self.assertEqual(made, planned)

    def test_first_weights(self):
        """init: normal, of the law that `mpigan help model.init` states."""
        cell = next(cell for cell in trials.CELLS if cell.model == trials.CONDITIONAL)
        model = self.trial(cell).config()["model"]
        self.assertEqual(model["init"], "normal")
        torch.manual_seed(1)
        net = steps.built(model, "generator", (model["latent"],))
        for layer, mean, std in ((net.get_submodule("1"), 0, 0.02), (net.embed, 0, 1),
                                 (net.get_submodule("2"), 1, 0.02)):
            n = layer.weight.numel()
            self.assertLess(abs(layer.weight.mean().item() - mean), LAW * std / n ** 0.5)
            self.assertLess(abs(layer.weight.std().item() / std - 1), LAW / (2 * n) ** 0.5)
        self.assertEqual(net.get_submodule("2").bias.abs().max().item(), 0)

    def test_evidence_bound(self):
        """Against PyTorch's own laws, with the same noise."""
        cell = next(cell for cell in trials.CELLS if cell.model == trials.VAE)
        config = self.trial(cell).config()
        data = learn.Data(config)
        vae, (x, _) = steps.Vae(config, data), data.batch()
        with torch.no_grad():
            torch.manual_seed(3)
            loss = vae.loss(x)
            torch.manual_seed(3)
            mean, v = vae.encoder(x).chunk(2, 1)
            law = Normal(mean, torch.exp(v / 2))
            z = mean + torch.exp(v / 2) * torch.randn_like(mean)
            likely = Bernoulli(logits=vae.decoder(z), validate_args=False).log_prob(x.flatten(1))
            bound = likely.sum(1) - kl_divergence(law, Normal(0.0, 1.0)).sum(1)
        self.assertLess(abs(loss.item() / -bound.mean().item() - 1), ROUNDING)

    def test_data(self):
        """All rows in an epoch, each with its label, in the range that the generator's end asks for;
        fakes' classes as often as in the data."""
        cell = next(cell for cell in trials.CELLS
                    if (cell.data, cell.model) == (trials.CIFAR, trials.CONDITIONAL))
        data = learn.Data(self.trial(cell).config())
        batches = [data.batch() for _ in range(ROWS // 16)]
        rows = torch.cat([x for x, _ in batches])
        self.assertEqual((rows.min().item(), rows.max().item()), (-1, 1))
        bytes_of = ((rows + 1) * 127.5).round().byte()
        places = [(data.pixels == row).flatten(1).all(1).nonzero().item() for row in bytes_of]
        self.assertEqual(sorted(places), list(range(ROWS)))
        self.assertEqual([place % 10 for place in places],
                         torch.cat([classes for _, classes in batches]).tolist())
        grey = next(cell for cell in trials.CELLS if cell.model == trials.CONDITIONAL)
        n = 10000
        torch.manual_seed(4)
        zeros = (learn.Data(self.trial(grey).config()).classes(n) == 0).sum().item()
        share = 0.5  # of label 0, by write_idx_folder
        self.assertLess(abs(zeros / n - share), LAW * (share * (1 - share) / n) ** 0.5)

    def test_what_it_does_not_know(self):
        config = self.trial(trials.CELLS[0]).config()
        for place, value, said in (("train.lr_schedule", "cosine", "train.lr_schedule"),
                                   ("data.flip", True, "data.flip"),
                                   ("train.objective", "minimax", "objective: minimax")):
            other = {key: dict(part) if isinstance(part, dict) else part
                     for key, part in config.items()}
            trials.changed(other, place, value)
            with self.assertRaisesRegex(learn.Unusable, said):
                learn.check(other)


class Run(Case):
    def test_from_end_to_end(self):
        """Both sides of a conditional cell, with a classifier that has seen some noise."""
        cell = next(cell for cell in trials.CELLS if cell.model == trials.CONDITIONAL)
        self.mpigan("train", BENCH.parents[1] / "configs" / f"{cell.classifier}.yaml", "--run-dir",
                    self.folder / cell.classifier, "--set", "train.epochs=null", "--set",
                    "train.steps=2", "--set", "train.batch=16", "--set", "data.shards=16")
        options = argparse.Namespace(program=MPIGAN, count=ROWS, classifiers=self.folder)
        core = min(os.sched_getaffinity(0))
        made = []
        for side in yardstick.SIDES:
            folder = self.folder / side
            folder.mkdir()
            made.append(yardstick.measured(options, self.trial(cell, side), folder, core))
        for row in made:
            self.assertEqual(set(row["figures"]), set(yardstick.quality_table.FIGURES))
            self.assertGreater(row["cpu_s"], 0)
            self.assertEqual(row["count"], ROWS)
        ours, peers = made
        same = yardstick.quality_table.OF_A_CELL + yardstick.quality_table.OF_A_DATA_SET
        self.assertEqual([ours[name] for name in same], [peers[name] for name in same])
        self.assertNotEqual(ours["figures"]["frechet_distance"],
                            peers["figures"]["frechet_distance"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""What a run wrote, in PyTorch, for every config of configs/: networks rebuilt from the checkpoint's
config, weights loaded as they are, the sample pictures made again from their noise and classes, and
the data judged again.

The data is made up, in the shape that the config's generator gives, and labelled; it is one batch,
so that every step sees all of it.

Wants $MPIGAN (the program) and $MPIGAN_SOURCE (the checkout), as CTest gives them.
"""
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MODULES = ("torch", "h5py", "yaml", "numpy")
missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
if missing:
    print("skipped: %s has no %s; set MPIGAN_PYTHON to a Python that has"
          % (sys.executable, ", ".join(missing)))
    sys.exit(77)

import h5py
import numpy as np
import torch
import yaml

import sequential

MPIGAN = os.environ["MPIGAN"]
CONFIGS = sorted((pathlib.Path(os.environ["MPIGAN_SOURCE"]) / "configs").glob("*.yaml"))
STEPS, BATCH = 2, 16
SETTINGS = {"train.epochs": "null", "train.steps": STEPS, "train.batch": BATCH,
            "train.d_steps": 1, "train.g_steps": 1, "data.shards": BATCH, "samples.count": 12,
            "checkpoint.every_steps": 1, "checkpoint.keep_last": STEPS}
NETWORKS = ("generator", "discriminator")

# By the type that a checkpoint names: PyTorch's, and what it keeps.
OPTIMIZERS = {
    "adam": (lambda parameters: torch.optim.Adam(parameters, lr=2e-4, betas=(0.5, 0.999)),
             ("exp_avg", "exp_avg_sq")),
    "sgd": (lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.5),
            ("momentum_buffer",)),
}

# Layers whose training differs from PyTorch's by their nature: random, or of parts of a batch.
OF_THEIR_OWN = ('"dropout"', '"diff_augment"', '"ghost"')

# Of the range of values: our pass is in float32 (6e-8 a rounding, some tens of them in a row).
TOLERANCE = 1e-5


def run(*arguments):
    """Runs the program, alone: one rank needs no launcher."""
    done = subprocess.run([MPIGAN, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise AssertionError("mpigan %s: exit %d\n%s"
                             % (arguments[0], done.returncode, done.stdout))


def load(checkpoint, name, shape):
    """Five lines: build it from the checkpoint's own config, and load its tensors as they are."""
    model = yaml.safe_load(checkpoint.attrs["config"])["model"]
    network = sequential.build(model[name], shape, **sequential.label_of(model, name))
    tensors = {**checkpoint[name]["param"], **checkpoint[name].get("buffer", {})}
    network.load_state_dict({key: torch.tensor(t[()]) for key, t in tensors.items()}, strict=True)
    return network.double().eval()


class LoadInPyTorch:
    """The tests of one config, which a subclass names."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        config = yaml.safe_load(cls.config.read_text())
        cls.latent, cls.shape = config["model"]["latent"], sequential.shape_of(config["model"])
        cls.make_data(config)
        settings = {**SETTINGS, "data.path": cls.folder / "data.h5"}
        if "flip" in config["data"]:
            settings["data.flip"] = "false"  # it would mirror some of the data at random
        sets = [word for pair in settings.items() for word in ("--set", "%s=%s" % pair)]
        run("train", cls.config, "--run-dir", cls.folder / "run", *sets)
        cls.checkpoints = [h5py.File(cls.folder / "run" / "checkpoints" / ("step-%08d.h5" % step))
                           for step in range(1, STEPS + 1)]
        cls.checkpoint = cls.checkpoints[-1]
        cls.scale, cls.offset = (cls.checkpoint["data"].attrs[key] for key in ("scale", "offset"))

    @classmethod
    def make_data(cls, config):
        """Its labels are those that the config chooses; a class is a label's place among them."""
        data, rng = config["data"], np.random.default_rng(0)
        cls.labels = list(data.get("classes") or range(config["model"].get("classes") or 2))
        cls.data = rng.integers(0, 256, (BATCH, *cls.shape), np.uint8)
        cls.classes = torch.arange(BATCH) % len(cls.labels)
        with h5py.File(cls.folder / "data.h5", "w") as file:
            file[data.get("images", "images")] = cls.data
            file[data.get("labels", "labels")] = np.array(cls.labels, np.int32)[cls.classes]

    @classmethod
    def tearDownClass(cls):
        for checkpoint in cls.checkpoints:
            checkpoint.close()
        cls.temporary.cleanup()

    def load(self, name, checkpoint=None):
        shapes = {"generator": (self.latent,), "discriminator": self.shape}
        return load(checkpoint or self.checkpoint, name, shapes[name])

    def assert_same_pictures(self, path):
        with h5py.File(path, "r") as file:
            images, latent = file["images"][()], torch.tensor(file["latent"][()]).double()
            classes = torch.tensor([self.labels.index(k) for k in file.get("labels", [])])
        self.assertEqual(images.shape, (len(latent), *self.shape))
        with torch.no_grad():
            made = self.load("generator")(latent, classes).numpy()
        images = images * self.scale + self.offset
        self.assertGreater(images.std(0).max(), 100 * TOLERANCE, "all pictures are the same")
        error = np.abs(images - made.reshape(images.shape)).max()
        print("%s: %d pictures, off by %.2g" % (self.config.stem, len(images), error))
        self.assertLessEqual(error, TOLERANCE)

    def test_pictures_of_the_run(self):
        self.assert_same_pictures(self.folder / "run" / "samples" / ("step-%08d.h5" % STEPS))

    def test_pictures_of_mpigan_sample(self):
        output = self.folder / "samples.h5"
        run("sample", self.checkpoint.filename, "--count", 7, "--seed", 3, "--output", output)
        self.assert_same_pictures(output)

    def test_the_discriminator_judges(self):
        """What the last step says of the data: as the networks were before it, in training."""
        model = yaml.safe_load(self.checkpoint.attrs["config"])["model"]
        own = [kind for kind in OF_THEIR_OWN if kind in json.dumps(model["discriminator"])]
        if own:
            self.skipTest("in training %s is not PyTorch's" % own[0])
        judge = self.load("discriminator", self.checkpoints[-2]).train()
        data = torch.tensor(self.data).double() * self.scale + self.offset
        with torch.no_grad():
            logits = judge(data, self.classes).flatten(1)
        lines = (self.folder / "run" / "metrics.jsonl").read_text().splitlines()
        metrics = json.loads(lines[-1])
        self.assertEqual(metrics["step"], STEPS)
        self.assertAlmostEqual(metrics["d_real"], torch.sigmoid(logits[:, 0]).mean().item(),
                               delta=TOLERANCE)
        if logits.shape[1] > 1:
            told = (logits[:, 1:].argmax(1) == self.classes).double().mean().item()
            self.assertAlmostEqual(metrics["d_class_accuracy"], told, delta=TOLERANCE)

    def test_the_statistics_are_of_every_forward_pass(self):
        """A step has two of the generator, which learns, and makes fakes for the discriminator;
        and three of that: of data, of fakes, and for the generator."""
        for name, passes in zip(NETWORKS, (2, 3)):
            for key, value in self.load(name).state_dict().items():
                if key.endswith("num_batches_tracked"):
                    self.assertEqual((value.dtype, int(value)), (torch.int64, passes * STEPS), key)

    def test_the_optimizer_goes_on(self):
        """PyTorch's takes the moments, by the parameters' names, as its state."""
        for network in NETWORKS:
            model = self.load(network)
            saved = self.checkpoint[network]["optimizer"]
            self.assertEqual(saved.attrs["step"], STEPS)
            make, moments = OPTIMIZERS[saved.attrs["type"]]
            optimizer = make(model.parameters())
            state = optimizer.state_dict()
            state["state"] = {
                i: {"step": torch.tensor(float(STEPS)),
                    **{key: torch.tensor(saved[key][name][()]) for key in moments}}
                for i, (name, _) in enumerate(model.named_parameters())}
            optimizer.load_state_dict(state)
            for parameter in model.parameters():
                for key in moments:
                    self.assertEqual(optimizer.state[parameter][key].shape, parameter.shape)
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()


def load_tests(loader, _, pattern):
    """unittest's: the tests above, once a config."""
    cases = [type(config.stem, (LoadInPyTorch, unittest.TestCase), {"config": config})
             for config in CONFIGS]
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main(verbosity=2)

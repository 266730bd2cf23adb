"""What a run wrote, in PyTorch, for every config of configs/ and for classifier.yaml: networks
rebuilt from the checkpoint's config, weights loaded as they are, the sample pictures made again from
their noise and classes, the data judged again.

The data is made up, in the shape that the config's generator gives or a classifier's data has, and
labelled; it is one batch, so that every step sees all of it.

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
SOURCE = pathlib.Path(os.environ["MPIGAN_SOURCE"])
CONFIGS = [*sorted((SOURCE / "configs").glob("*.yaml")), SOURCE / "tests/parity/classifier.yaml"]
STEPS, BATCH = 2, 16
SETTINGS = {"train.epochs": "null", "train.steps": STEPS, "train.batch": BATCH,
            "data.shards": BATCH, "checkpoint.every_steps": 1, "checkpoint.keep_last": STEPS}

# Of what a classifier's config names as its data.
SHAPES = {"mnist": (1, 28, 28), "fashion-mnist": (1, 28, 28), "cifar10": (3, 32, 32)}

# Changes of the data at random, and how to be without them.
AUGMENTATION = {"flip": "false", "crop_padding": 0}

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

# Of the norm of a tensor's step: where a gradient is zero to rounding, Adam's step is of any size.
STEP_TOLERANCE = 1e-3


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
    """The tests of one config, which a subclass names; its task's class says what networks it has,
    what goes into each, and its further settings."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        config = yaml.safe_load(cls.config.read_text())
        cls.set_shapes(config)
        cls.make_data(config)
        settings = {**SETTINGS, **cls.settings, "data.path": cls.folder / "data.h5"}
        for key, none in AUGMENTATION.items():
            if key in config["data"]:
                settings["data." + key] = none
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
        cls.labels = list(data.get("classes") or range(cls.classes_of(config["model"])))
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
        return load(checkpoint or self.checkpoint, name, self.shapes[name])

    def metrics(self):
        lines = (self.folder / "run" / "metrics.jsonl").read_text().splitlines()
        metrics = json.loads(lines[-1])
        self.assertEqual(metrics["step"], STEPS)
        return metrics

    def inputs(self):
        return torch.tensor(self.data).double() * self.scale + self.offset

    def skip_if_random(self, network):
        model = yaml.safe_load(self.checkpoint.attrs["config"])["model"]
        own = [kind for kind in OF_THEIR_OWN if kind in json.dumps(model[network])]
        if own:
            self.skipTest("in training %s is not PyTorch's" % own[0])

    def assert_same_images(self, images, made, spread=100 * TOLERANCE):
        """`images` are in the data's units, `made` in those that the networks see; `spread`: by which
        they differ among themselves at least."""
        images = images * self.scale + self.offset
        self.assertGreater(images.std(0).max(), spread, "all pictures are the same")
        error = np.abs(images - made.numpy().reshape(images.shape)).max()
        print("%s: %d pictures, off by %.2g" % (self.config.stem, len(images), error))
        self.assertLessEqual(error, TOLERANCE)

    def test_the_statistics_are_of_every_forward_pass(self):
        for name, passes in self.passes.items():
            for key, value in self.load(name).state_dict().items():
                if key.endswith("num_batches_tracked"):
                    self.assertEqual((value.dtype, int(value)), (torch.int64, passes * STEPS), key)

    def test_the_optimizer_goes_on(self):
        """PyTorch's takes the moments, by the parameters' names, as its state."""
        for network in self.passes:
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


class GanInPyTorch(LoadInPyTorch):
    settings = {"train.d_steps": 1, "train.g_steps": 1, "samples.count": 12}

    # A step has two of the generator, which learns, and makes fakes for the discriminator; and three
    # of that: of data, of fakes, and for the generator.
    passes = {"generator": 2, "discriminator": 3}

    @classmethod
    def set_shapes(cls, config):
        cls.shape = sequential.shape_of(config["model"])
        cls.shapes = {"generator": (config["model"]["latent"],), "discriminator": cls.shape}

    @staticmethod
    def classes_of(model):
        return model.get("classes") or 2

    def assert_same_pictures(self, path):
        with h5py.File(path, "r") as file:
            images, latent = file["images"][()], torch.tensor(file["latent"][()]).double()
            classes = torch.tensor([self.labels.index(k) for k in file.get("labels", [])])
        self.assertEqual(images.shape, (len(latent), *self.shape))
        with torch.no_grad():
            self.assert_same_images(images, self.load("generator")(latent, classes))

    def test_pictures_of_the_run(self):
        self.assert_same_pictures(self.folder / "run" / "samples" / ("step-%08d.h5" % STEPS))

    def test_pictures_of_mpigan_sample(self):
        output = self.folder / "samples.h5"
        run("sample", self.checkpoint.filename, "--count", 7, "--seed", 3, "--output", output)
        self.assert_same_pictures(output)

    def test_the_discriminator_judges(self):
        """What the last step says of the data: as the networks were before it, in training."""
        self.skip_if_random("discriminator")
        judge = self.load("discriminator", self.checkpoints[-2]).train()
        with torch.no_grad():
            logits = judge(self.inputs(), self.classes).flatten(1)
        metrics = self.metrics()
        self.assertAlmostEqual(metrics["d_real"], torch.sigmoid(logits[:, 0]).mean().item(),
                               delta=TOLERANCE)
        if logits.shape[1] > 1:
            told = (logits[:, 1:].argmax(1) == self.classes).double().mean().item()
            self.assertAlmostEqual(metrics["d_class_accuracy"], told, delta=TOLERANCE)


class ClassifierInPyTorch(LoadInPyTorch):
    """It is tested on the very data that it learns."""
    settings = {}
    passes = {"classifier": 1}

    @classmethod
    def set_shapes(cls, config):
        cls.shape = SHAPES[config["data"]["path"].split("/")[0]]
        cls.shapes = {"classifier": cls.shape}
        cls.settings = {"data.test": cls.folder / "data.h5"}

    @staticmethod
    def classes_of(model):
        return next(entry["linear"]["units"] for entry in reversed(model["classifier"])
                    if "linear" in entry)

    def assert_loss(self, name, network, smoothing=0.0):
        with torch.no_grad():
            logits = network(self.inputs())
        metrics = self.metrics()
        loss = torch.nn.functional.cross_entropy(logits, self.classes, label_smoothing=smoothing)
        told = (logits.argmax(1) == self.classes).double().mean().item()
        self.assertAlmostEqual(metrics[name + "loss"], loss.item(), delta=TOLERANCE)
        self.assertAlmostEqual(metrics[name + "accuracy"], told, delta=TOLERANCE)

    def test_its_tests(self):
        """Of the last weights, as they look."""
        self.assert_loss("test_", self.load("classifier"))

    def test_its_loss(self):
        """Of the last step: as the network was before it, in training."""
        self.skip_if_random("classifier")
        train = yaml.safe_load(self.checkpoint.attrs["config"])["train"]
        self.assert_loss("", self.load("classifier", self.checkpoints[-2]).train(),
                         train["label_smoothing"])

    def test_its_step(self):
        """From the checkpoint before the last PyTorch takes the step to the last."""
        self.skip_if_random("classifier")
        train = yaml.safe_load(self.checkpoint.attrs["config"])["train"]
        options = {key: sequential.number(x) for key, x in train["optimizer"].items()}
        before, wanted = (self.load("classifier", c) for c in self.checkpoints[-2:])
        old = [parameter.detach().clone() for parameter in before.parameters()]
        adam = torch.optim.Adam(before.parameters(), lr=options["lr"], eps=options["eps"],
                                betas=(options["beta1"], options["beta2"]))
        saved = self.checkpoints[-2]["classifier"]["optimizer"]
        for name, parameter in before.named_parameters():
            adam.state[parameter] = {"step": torch.tensor(float(saved.attrs["step"]))}
            for key in ("exp_avg", "exp_avg_sq"):
                adam.state[parameter][key] = torch.tensor(saved[key][name][()]).double()
        logits = before.train()(self.inputs())
        torch.nn.functional.cross_entropy(logits, self.classes,
                                          label_smoothing=train["label_smoothing"]).backward()
        norm = sum((p.grad ** 2).sum() for p in before.parameters()).sqrt().item()
        self.assertAlmostEqual(self.metrics()["grad_norm"] / norm, 1, delta=TOLERANCE)
        adam.step()
        for (name, made), ours, start in zip(before.named_parameters(), wanted.parameters(), old):
            off = ((made - ours).norm() / (made - start).norm()).item()
            self.assertLess(off, STEP_TOLERANCE, name)


class VaeInPyTorch(LoadInPyTorch):
    """It is tested on the very data that it learns."""
    passes = {"encoder": 1, "decoder": 1}

    @classmethod
    def set_shapes(cls, config):
        cls.shape = sequential.shape_of(config["model"], "decoder")
        cls.shapes = {"encoder": cls.shape, "decoder": (config["model"]["latent"],)}
        cls.settings = {"data.test": cls.folder / "data.h5", "samples.count": 12}

    @staticmethod
    def classes_of(model):
        return 2

    def decoded(self, z):
        with torch.no_grad():
            return torch.sigmoid(self.load("decoder")(z))

    def code(self):
        """Means and log-variances of the data."""
        with torch.no_grad():
            return self.load("encoder")(self.inputs()).chunk(2, 1)

    def test_pictures(self):
        output = self.folder / "samples.h5"
        run("sample", self.checkpoint.filename, "--count", 7, "--seed", 3, "--output", output)
        for path in (output, self.folder / "run" / "samples" / ("step-%08d.h5" % STEPS)):
            with h5py.File(path, "r") as file:
                self.assert_same_images(file["images"][()],
                                        self.decoded(torch.tensor(file["latent"][()]).double()))

    def test_reconstructions(self):
        output = self.folder / "reconstructions.h5"
        run("sample", self.checkpoint.filename, "--reconstruct", self.folder / "data.h5",
            "--output", output)
        with h5py.File(output, "r") as file:
            self.assertTrue((file["images"][()] == self.data).all())
            mean, _ = self.code()
            self.assertLessEqual(np.abs(file["latent"][()] - mean.numpy()).max(), TOLERANCE)
            # two steps from the first weights the codes of noise differ by little
            self.assert_same_images(file["reconstructions"][()], self.decoded(mean), 5 * TOLERANCE)

    def test_its_divergence(self):
        """Of the last weights, as they look, on the data: it has no noise in it."""
        mean, v = self.code()
        normal = torch.distributions.Normal
        kl = torch.distributions.kl_divergence(normal(mean, torch.exp(v / 2)), normal(0.0, 1.0))
        self.assertAlmostEqual(self.metrics()["test_kl"], kl.sum(1).mean().item(), delta=TOLERANCE)


TASKS = {"gan": GanInPyTorch, "classifier": ClassifierInPyTorch, "vae": VaeInPyTorch}


def load_tests(loader, _, pattern):
    """unittest's: the tests above, once a config."""
    cases = [type(config.stem, (TASKS[yaml.safe_load(config.read_text())["task"]],
                                unittest.TestCase), {"config": config})
             for config in CONFIGS]
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main(verbosity=2)

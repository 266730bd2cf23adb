"""What a run wrote, in PyTorch: networks rebuilt from the checkpoint's config, weights loaded as
they are, and the sample pictures made again from their noise.

Wants $MPIGAN (the program) and $MPIGAN_SOURCE (the checkout), as CTest gives them.
"""
import importlib.util
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
CONFIG = pathlib.Path(os.environ["MPIGAN_SOURCE"]) / "configs" / "digits.yaml"
STEPS = 30
IMAGE = (1, 8, 8)  # C, H, W of builtin:digits
UNITS = 255  # its values lie in [0, 255], the generator's in [0, 1]

# Of the range of values: our pass is in float32 (6e-8 a rounding, some tens of them in a row).
TOLERANCE = 1e-5


def run(*arguments):
    """Runs the program, alone: one rank needs no launcher."""
    done = subprocess.run([MPIGAN, *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise AssertionError("mpigan %s: exit %d\n%s"
                             % (arguments[0], done.returncode, done.stdout))


def load(checkpoint, network, shape):
    """Five lines: build it from the checkpoint's own config, and load its tensors as they are."""
    config = yaml.safe_load(checkpoint.attrs["config"])
    model = sequential.build(config["model"][network], shape(config))
    group = checkpoint[network]
    tensors = {**group["param"], **group.get("buffer", {})}
    model.load_state_dict({name: torch.tensor(t[()]) for name, t in tensors.items()}, strict=True)
    return model.eval()


def generator_of(checkpoint):
    return load(checkpoint, "generator", lambda config: (config["model"]["latent"],))


class LoadInPyTorch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.run_dir = pathlib.Path(cls.folder.name) / "run"
        run("train", CONFIG, "--run-dir", cls.run_dir, "--set", "train.epochs=null",
            "--set", "train.steps=%d" % STEPS)
        name = "step-%08d.h5" % STEPS
        cls.samples = cls.run_dir / "samples" / name
        cls.checkpoint_path = cls.run_dir / "checkpoints" / name
        cls.checkpoint = h5py.File(cls.checkpoint_path, "r")

    @classmethod
    def tearDownClass(cls):
        cls.checkpoint.close()
        cls.folder.cleanup()

    def assert_same_pictures(self, path):
        generator = generator_of(self.checkpoint).double()
        with h5py.File(path, "r") as file:
            images, latent = file["images"][()], file["latent"][()]
        self.assertEqual(images.shape, (len(latent), *IMAGE))
        self.assertGreater(images.std(), 1.0, "the pictures are empty: nothing was compared")
        with torch.no_grad():
            theirs = UNITS * generator(torch.from_numpy(latent).double()).numpy()
        error = np.abs(images - theirs.reshape(images.shape)).max() / UNITS
        print("%s: %d pictures, off by %.2g of the range" % (path.name, len(images), error))
        self.assertLessEqual(error, TOLERANCE)

    def test_pictures_of_the_run(self):
        self.assert_same_pictures(self.samples)

    def test_pictures_of_mpigan_sample(self):
        output = pathlib.Path(self.folder.name) / "samples.h5"
        run("sample", self.checkpoint_path, "--count", 7, "--seed", 3, "--output", output)
        self.assert_same_pictures(output)

    def test_the_discriminator_judges(self):
        judge = load(self.checkpoint, "discriminator", lambda config: IMAGE)
        with h5py.File(self.samples, "r") as file, torch.no_grad():
            images = torch.from_numpy(file["images"][()]) / UNITS
        logits = judge(images.flatten(1))
        self.assertEqual(logits.shape, (len(images), 1))
        self.assertTrue(torch.isfinite(logits).all())

    def test_the_statistics_are_of_every_forward_pass(self):
        """Two a step: the generator learns, and makes fakes for the discriminator."""
        counter = generator_of(self.checkpoint).state_dict()["1.num_batches_tracked"]
        self.assertEqual((counter.dtype, int(counter)), (torch.int64, 2 * STEPS))

    def test_adam_goes_on(self):
        """torch.optim.Adam takes the moments, by the parameters' names, as its state."""
        for network, shape in (("generator", None), ("discriminator", IMAGE)):
            model = load(self.checkpoint, network,
                         lambda config: shape or (config["model"]["latent"],))
            saved = self.checkpoint[network]["optimizer"]
            adam = torch.optim.Adam(model.parameters(), lr=2e-4, betas=(0.5, 0.999))
            state = adam.state_dict()
            state["state"] = {
                i: {"step": torch.tensor(float(saved.attrs["step"])),
                    "exp_avg": torch.tensor(saved["exp_avg"][name][()]),
                    "exp_avg_sq": torch.tensor(saved["exp_avg_sq"][name][()])}
                for i, (name, _) in enumerate(model.named_parameters())}
            adam.load_state_dict(state)
            self.assertEqual(saved.attrs["step"], STEPS)
            for parameter in model.parameters():
                moments = adam.state[parameter]
                self.assertEqual(moments["exp_avg"].shape, parameter.shape)
                self.assertEqual(moments["exp_avg_sq"].shape, parameter.shape)
                parameter.grad = torch.zeros_like(parameter)
            adam.step()


if __name__ == "__main__":
    unittest.main(verbosity=2)

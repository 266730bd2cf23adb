"""help, --version, bench, and every file in configs/ for a few steps."""
import os
import pathlib
import re
import unittest

import support
from support import (OK, SOURCE, Case, checkpoint, last_step, metrics, noise, run, write_cifar_folder,
                     write_h5, write_idx_folder)

# Data sets that configs name: each can be made up, in its shape, where it is absent.
ROWS = 600
MAKERS = {
    "mnist": lambda path: write_idx_folder(path, ROWS),
    "fashion-mnist": lambda path: write_idx_folder(path, ROWS),
    "cifar10": lambda path: write_cifar_folder(path, ROWS),
    "pictures.h5": lambda path: write_h5(path, images=("uint8", (ROWS, 64, 64, 3),
                                                       noise(ROWS * 64 * 64 * 3))),
}

CONFIGS = sorted((SOURCE / "configs").glob("*.yaml"))

# Small, so that the large networks too take seconds.
STEPS, BATCH = 4, 8
SMALL = [f"--set={text}" for text in (f"train.batch={BATCH}", "train.log_every=1",
                                      "train.epochs=null")]


def keys_of(text):
    """The dotted keys of a resolved config; layers of a network are no keys."""
    keys, groups = [], []
    for line in text.splitlines():
        match = re.match(r"( *)([a-z_][a-z_0-9]*):(.*)", line)
        if not match:
            continue
        indent, name, value = len(match[1]) // 2, match[2], match[3].strip()
        groups = groups[:indent] + [name]
        if value.startswith("{"):
            keys += [".".join(groups + [part.split(":")[0].strip()])
                     for part in value.strip("{}").split(",")]
        elif value or name in ("generator", "discriminator"):
            keys.append(".".join(groups))
    return keys


def generates(config):
    """Whether its task makes samples."""
    return not re.search(r"^task: classifier", config.read_text(), re.M)


def data_of(config):
    """What it names: a data set, or a file in the folder of one."""
    return re.search(r"^  path: *(\S+)", config.read_text(), re.M)[1]


def is_there(name):
    folders = os.environ.get("MPIGAN_DATA", "").split(":") + ["/usr/share/datasets"]
    return any(folder and (pathlib.Path(folder) / name).exists() for folder in folders)


class Help(Case):
    def help(self, *words):
        result = self.run_program(*words)
        self.assertEqual((result.status, result.err), (OK, ""), str(result))
        return result.out

    def test_commands(self):
        text = self.help("help")
        self.assertEqual(self.help("--help"), text)
        self.assertIn("mpigan --version", text)
        for name in ("train", "sample", "inspect", "data", "bench", "help"):
            self.assertIn(f"mpigan {name}", text)
            self.assertIn(f"mpigan {name}", self.help("help", name))
        for status in (0, 2, 3, 4, 5, 6, 75):
            self.assertRegex(text, rf"\b{status} ")

    def test_every_key_of_a_saved_config(self):
        path = self.config()
        self.train(path, "run")
        keys = keys_of((self.folder / "run/config.yaml").read_text())
        self.assertIn("train.optimizer.beta2", keys)
        self.assertIn("model.discriminator", keys)
        self.assertGreater(len(keys), 30)
        text = self.help("help", "config")
        for key in keys:
            self.assertRegex(text, rf"(?m)^{re.escape(key)}$")
        printed = re.findall(r"(?m)^([a-z_.0-9]+)$", text)
        self.assertEqual(sorted(printed), sorted(keys))

    def test_one_key(self):
        text = self.help("help", "train.batch")
        self.assertIn("global batch", text)
        self.assertIn("default: 128", text)
        self.assertIn("integer from 1", text)
        self.assertNotIn("train.steps\n", text)
        self.assertIn("checkpoint.keep_last", self.help("help", "checkpoint"))
        self.assertIn("one of: non_saturating, minimax", self.help("help", "train.objective"))
        self.assertIn("units", self.help("help", "linear"))

    def test_version(self):
        text = self.help("--version")
        self.assertRegex(text, r"(?m)^mpigan \d+\.\d+\.\d+ \(.+, .+\)$")
        for library in (r"MPI: .*\d+\.\d+", r"BLAS: .*\d+\.\d+.*, /\S+\.so",
                        r"HDF5: \d+\.\d+\.\d+"):
            self.assertRegex(text, rf"(?m)^{library}")
        library = re.search(r"(/\S+\.so\S*)$", text, re.M)[1]
        self.assertTrue(os.path.exists(library), library)


class Bench(Case):
    def test_step_without_data(self):
        config = self.config(support.TINY, ("builtin:digits", "no-such-set"))
        result = self.run_program("bench", "step", config, "--repeat", 2)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("no data set", result.out)

    def test_step_of_a_conditional_model(self):
        """Made-up data has labels then, and the generator's shape is that with a class."""
        for path in ("builtin:digits", "synthetic:500x8x8x1", "no-such-set"):
            result = self.run_program("bench", "step", SOURCE / "tests/images.yaml", "--repeat", 2,
                                      "--set", f"data.path={path}")
            self.assertEqual(result.status, OK, str(result))
            self.assertEqual("no data set" in result.out, path == "no-such-set")


class Configs(Case):
    """Each file trains, stops early, and goes on, on two ranks."""

    def test_there_are_some(self):
        self.assertIn("digits.yaml", [path.name for path in CONFIGS])

    def place_of(self, name):
        """The environment in which a config finds its data: the real set, or one that is made up."""
        if name.startswith("builtin:") or is_there(name):
            return {}
        name = name.split("/")[0]
        self.assertIn(name, MAKERS, "say here how to make it up")
        path = self.folder / "data" / name
        if not path.exists():
            print(f"{name} is not here: made-up images of its shape stand for it", flush=True)
            path.parent.mkdir(exist_ok=True)
            MAKERS[name](path)
        return {"MPIGAN_DATA": str(self.folder / "data")}

    def goes(self, path):
        run_dir, env = self.folder / path.stem, self.place_of(data_of(path))
        small = SMALL + (["--set=samples.count=8"] if generates(path) else [])
        for steps in (STEPS // 2, STEPS):
            result = self.run_program("train", path, "--run-dir", run_dir, *small, "--set",
                                      f"train.steps={steps}", ranks=2, env=env)
            self.assertEqual(result.status, OK, str(result))
            self.assertEqual(last_step(run_dir), steps)
        self.assertEqual([r["step"] for r in metrics(run_dir)], list(range(1, STEPS + 1)))
        if not generates(path):
            self.assertIn("test_accuracy", metrics(run_dir)[-1])
            return
        result = run("sample", checkpoint(run_dir, STEPS), "--count", 4, cwd=self.folder)
        self.assertEqual(result.status, OK, str(result))

    def test_all(self):
        for path in CONFIGS:
            with self.subTest(path.name):
                self.goes(path)

    def test_made_up_data(self):
        """What stands for absent sets has the shapes, and the labels that conditional models want."""
        shapes = {"mnist": "28x28x1", "fashion-mnist": "28x28x1", "cifar10": "32x32x3",
                  "pictures.h5": "64x64x3"}
        for name, make in MAKERS.items():
            path = self.folder / name
            make(path)
            result = self.run_program("data", "info", path)
            self.assertEqual(result.status, OK, str(result))
            self.assertIn(f"{ROWS} images of {shapes[name]} uint8", result.out)
            self.assertEqual("with labels" in result.out, name != "pictures.h5")

    @unittest.skipIf(is_there("mnist"), "mnist is here, the test above has trained on it")
    def test_absent_data_is_named(self):
        config = SOURCE / "configs/mnist-mlp.yaml"
        line = config.read_text().splitlines().index("  path: mnist") + 1
        result = self.run_program("train", config)
        self.assert_fails(result, support.INPUT, f"{config}:{line}", "'mnist'", "MPIGAN_DATA")
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    support.main()

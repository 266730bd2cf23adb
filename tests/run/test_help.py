"""help, --version, bench, and every file in configs/ for a few steps."""
import os
import pathlib
import re
import unittest

import support
from support import (OK, SOURCE, Case, checkpoint, last_step, metrics, noise, png, run,
                     write_idx_folder)


def write_cifar_folder(path):
    """CIFAR-10's binary version: records of a label and 32x32 pixels in three planes."""
    path.mkdir(parents=True)
    records = b"".join(bytes([i % 10]) + noise(3072, i) for i in range(600))
    (path / "data_batch_1.bin").write_bytes(records)


def write_pictures(path):
    """A folder of pictures through `data convert`, as the config says."""
    folder = path.with_suffix("")
    folder.mkdir(parents=True)
    for i in range(200):
        (folder / f"{i}.png").write_bytes(png(70, 90, 3, noise(70 * 90 * 3, i)))
    result = run("data", "convert", folder, path, "--size", 64)
    assert result.status == OK, str(result)


# Data sets that configs name, and what makes one of the same shape where the set is absent.
MAKERS = {"mnist": lambda path: write_idx_folder(path, 600),
          "fashion-mnist": lambda path: write_idx_folder(path, 600),
          "cifar10": write_cifar_folder,
          "pictures.h5": write_pictures}

CONFIGS = sorted((SOURCE / "configs").glob("*.yaml"))

STEPS = 6


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


def data_of(config):
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
    def test_step(self):
        for ranks in (None, 2):
            result = self.run_program("bench", "step", SOURCE / "configs/digits.yaml", "--repeat",
                                      3, ranks=ranks)
            self.assertEqual(result.status, OK, str(result))
            self.assertIn(f"{ranks or 1} rank", result.out)
            for what in (r"step, median +([\d.]+) ms", r"matrix products +([\d.]+) ms",
                         r"Adam passes +([\d.]+) ms", r"([\d.]+) GFLOP at"):
                self.assertGreater(float(re.search(what, result.out)[1]), 0, str(result))
        self.assertEqual(list(self.folder.iterdir()), [])

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

    def test_all(self):
        for path in CONFIGS:
            with self.subTest(path.name):
                name, env = data_of(path), {}
                made = self.folder / "data" / name
                if not name.startswith("builtin:") and not is_there(name):
                    self.assertIn(name, MAKERS, "say here how one is made")
                    print(f"{name} is not here: generated images of the same shape stand for it")
                    if not made.exists():
                        MAKERS[name](made)
                    env = {"MPIGAN_DATA": str(self.folder / "data")}
                run_dir = self.folder / path.stem
                for steps in (STEPS // 2, STEPS):
                    result = self.run_program(
                        "train", path, "--run-dir", run_dir, "--set", f"train.steps={steps}",
                        "--set", "train.log_every=1", "--set", "train.batch=32", ranks=2, env=env)
                    self.assertEqual(result.status, OK, str(result))
                    self.assertEqual(last_step(run_dir), steps)
                self.assertEqual([r["step"] for r in metrics(run_dir)], list(range(1, STEPS + 1)))
                result = run("sample", checkpoint(run_dir, STEPS), "--count", 4, cwd=self.folder)
                self.assertEqual(result.status, OK, str(result))

    @unittest.skipIf(is_there("mnist"), "mnist is here, the test above has trained on it")
    def test_absent_data_is_named(self):
        config = SOURCE / "configs/mnist-mlp.yaml"
        line = config.read_text().splitlines().index("  path: mnist") + 1
        result = self.run_program("train", config)
        self.assert_fails(result, support.INPUT, f"{config}:{line}", "'mnist'", "MPIGAN_DATA")
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    support.main()

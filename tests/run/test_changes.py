"""A run that goes on with another config: what is allowed and logged, what is refused and why, and
what --force-config takes."""
import support
from support import (OK, START_FILES, TINY, USAGE, Case, checkpoint, checkpoints, h5_attribute,
                     needs_h5_tools, snapshot)

# Changes that no run survives: edits of TINY, and what the message must show.
FIXED = [
    (("seed: 1", "seed: 2"), "seed: 1 -> 2"),
    (("units: 32, bias: false", "units: 48, bias: false"), "model.generator:", "48"),
    (("slope: 0.2", "slope: 0.1"), "model.discriminator:", "0.1"),
    (("path: builtin:digits", "path: builtin:digits\n  shards: 6"), "data.shards: 12 -> 6"),
    (("path: builtin:digits", "path: builtin:digits\n  classes: [3, 5]"),
     "data.classes: null -> [3, 5]"),
    (("latent: 8", "latent: 8\n  latent_distribution: uniform"),
     "model.latent_distribution: normal -> uniform"),
    (("  steps: 20", "  steps: 20\n  objective: minimax"),
     "train.objective: non_saturating -> minimax"),
]

# Changes that a run survives, one on top of the other, and how the log shows them.
FREE = [
    (("train.steps=24", "train.log_every=7"), "train.steps: 20 -> 24", "train.log_every: 5 -> 7"),
    (("train.steps=28", "train.optimizer={lr_d: 1e-3, beta1: 0.6}"), "train.steps: 24 -> 28",
     "train.optimizer.lr_d: 0.0002 -> 0.001", "train.optimizer.beta1: 0.5 -> 0.6"),
    (("train.steps=32", "checkpoint.every_steps=3"), "train.steps: 28 -> 32",
     "checkpoint.every_steps: 10 -> 3"),
    (("train.steps=36", "samples.count=3"), "train.steps: 32 -> 36", "samples.count: 8 -> 3"),
    (("train.steps=40", "name=other"), "train.steps: 36 -> 40", "name: tiny -> other"),
    (("train.steps=44", "train.batch=36"), "train.steps: 40 -> 44", "train.batch: 24 -> 36"),
    (("train.steps=null", "train.epochs=1"), "train.steps: 44 -> null",
     "train.epochs: null -> 1"),
]

# Samples that FREE leaves for the last of them: all but 40 steps of 24 and 4 of 36.
LEFT = 1797 - 40 * 24 - 4 * 36

# Changes that --force-config takes.
FORCED = [("seed=2", "seed: 1 -> 2"), ("data.shards=6", "data.shards: 12 -> 6"),
          ("train.objective=minimax", "train.objective: non_saturating -> minimax")]

# Changes that even --force-config cannot continue: the tensor, its shape before, and now.
SHAPES = [
    (("units: 32, bias: false", "units: 48, bias: false"), "generator/param/0.weight is (32, 8)",
     "of shape (48, 8)"),
    (("bias: false", "bias: true"), "generator/param/0.bias is missing", "of shape (32)"),
    (("    - linear: {units: 1}\n", "    - linear: {units: 7}\n    - linear: {units: 1}\n"),
     "discriminator/param/2.weight is (1, 32)", "of shape (7, 32)"),
]


class Changes(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()
        self.run_dir = self.folder / "run"

    def content(self):
        return snapshot(self.run_dir, but=START_FILES)

    def test_changed_config_is_refused(self):
        self.train(self.path, "run")
        before = self.content()
        for i, (change, *parts) in enumerate(FIXED):
            other = self.config(TINY, change, name="other.yaml")
            with self.subTest(change[1]):
                result = self.run_program("train", other, "--run-dir", "run",
                                          ranks=3 if i == 0 else None)
                self.assert_fails(result, USAGE, "step-00000020.h5", "--run-dir", "--force-config",
                                  *parts)
                self.assertEqual(self.content(), before)

    @needs_h5_tools
    def test_changed_data_is_refused(self):
        data = support.write_idx(self.folder / "data", (40, 8, 8))
        self.config(TINY, ("builtin:digits", "data"))
        self.train(self.path, "run")
        before = self.content()
        digest = h5_attribute(checkpoint(self.run_dir, 20), "/data/digest").strip('"')
        support.write_idx(data, (40, 8, 8), support.noise(40 * 64, seed=1))
        longer = ("train", self.path, "--run-dir", "run", "--set", "train.steps=30")
        for ranks in (None, 3):
            result = self.run_program(*longer, ranks=ranks)
            self.assert_fails(result, USAGE, data, f"digest {digest} -> ", "--force-config")
            self.assertEqual(self.content(), before)
            new = result.complaints[0].split(f"{digest} -> ")[1][:32]
        result = self.run_program(*longer, "--force-config")
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(f"digest {digest} -> {new}", result.out)
        result = self.train(self.path, "run", "--set", "train.steps=40")
        self.assertNotIn("digest", result.out)  # the new data is now the run's

    def test_free_changes_continue_it(self):
        """The log names what is new each time, and nothing else."""
        self.train(self.path, "run")
        words = []
        for i, (settings, *shown) in enumerate(FREE):
            words += [word for text in settings for word in ("--set", text)]
            result = self.train(self.path, "run", *words, ranks=2 if i % 3 == 1 else None)
            listed = result.out.split("continuing with changed keys:\n")[1].split("\nmpigan")[0]
            self.assertEqual(sorted(line.strip() for line in listed.splitlines()), sorted(shown))
        self.assertEqual(checkpoints(self.run_dir)[-1], 44 + -(-LEFT // 36))
        result = self.train(self.path, "run", *words)
        self.assertNotIn("changed", result.out)

    def test_force_config(self):
        """Seed and shards: what no run may change, unless it is meant."""
        self.train(self.path, "run")
        for i, (change, shown) in enumerate(FORCED):
            words = ("--run-dir", "run", "--set", change, "--set", f"train.steps={30 + 10 * i}")
            for before, _ in FORCED[:i]:
                words += ("--set", before)
            result = self.run_program("train", self.path, *words)
            self.assert_fails(result, USAGE, shown, "--force-config")
            result = self.run_program("train", self.path, *words, "--force-config", ranks=2)
            self.assertEqual(result.status, OK, str(result))
            self.assertIn("(--force-config):\n  " + shown, result.out)
            self.assertEqual(checkpoints(self.run_dir)[-1], 30 + 10 * i)

    def test_force_config_cannot_change_shapes(self):
        self.train(self.path, "run")
        before = self.content()
        for change, *parts in SHAPES:
            other = self.config(TINY, change, ("steps: 20", "steps: 30"), name="other.yaml")
            for ranks in (None, 3):
                result = self.run_program("train", other, "--run-dir", "run", "--force-config",
                                          ranks=ranks)
                self.assert_fails(result, USAGE, "step-00000020.h5", *parts)
                self.assertEqual(self.content(), before)


if __name__ == "__main__":
    support.main()

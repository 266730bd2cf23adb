"""Learning rates that follow the batch and the step: what metrics.jsonl shows, what the weights saw,
and that a stopped run goes on with them."""
import math

import support
from support import TINY, USAGE, Case, checkpoint, edit, h5_differences, metrics, needs_h5_tools

CONFIG = edit(TINY, ("  log_every: 5", "  log_every: 1\n  optimizer: {lr_d: 4e-4, lr_g: 1e-4}\n"
                     "  lr_scaling: sqrt\n  base_batch: 6\n  lr_warmup_steps: 4\n"
                     "  lr_schedule: cosine\n  lr_final: 0.2"))


def factor(step, last=20):
    """The config's, as the papers have it: sqrt(24 / 6), then warm-up, then half a cosine."""
    if step < 4:
        return 2 * (step + 1) / 4
    return 2 * (0.2 + 0.8 * (1 + math.cos(math.pi * (step - 4) / (last - 4))) / 2)


class Rates(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def assert_rates(self, run_dir, factors):
        records = metrics(self.folder / run_dir)
        self.assertEqual(len(records), len(factors))
        for r, wanted in zip(records, factors):
            self.assertAlmostEqual(r["lr_d"] / 4e-4, wanted, places=7)
            self.assertAlmostEqual(r["lr_g"] / 1e-4, wanted, places=7)

    def test_metrics_and_plan(self):
        for ranks in (None, 3):
            result = self.train(self.path, f"on-{ranks}", ranks=ranks)
            self.assert_rates(f"on-{ranks}", [factor(s) for s in range(20)])
            for name, rate, scaled in (("lr_d", "0.0004", "0.0008"), ("lr_g", "0.0001", "0.0002")):
                self.assertIn(f"{name} {rate} x 2 (sqrt: batch 24 / base_batch 6) = {scaled}; "
                              "warm-up 4 steps, cosine to 0.2 of it at step 20\n", result.out)
        result = self.train(self.config(TINY, name="plain.yaml"), "plain", "--dry-run")
        self.assertIn("lr_d 0.0002; constant\n", result.out)

    @needs_h5_tools
    def test_stopped_and_resumed(self):
        """To the bit, where lr_decay_steps says where it ends."""
        fixed = ("--set", "train.lr_decay_steps=20")
        self.train(self.path, "straight", *fixed)
        for steps in (3, 11, 20):
            self.train(self.path, "run", *fixed, "--set", f"train.steps={steps}")
        self.assert_rates("run", [factor(s) for s in range(20)])
        self.assertEqual(h5_differences(checkpoint(self.folder / "run", 20),
                                        checkpoint(self.folder / "straight", 20), "/generator",
                                        "/discriminator"), "")

    def test_longer_run_decays_later(self):
        self.train(self.path, "run")
        result = self.train(self.path, "run", "--set", "train.steps=30")
        self.assertIn("cosine to 0.2 of it at step 30", result.out)
        self.assert_rates("run", [factor(s) for s in range(20)] +
                          [factor(s, 30) for s in range(20, 30)])

    @needs_h5_tools
    def test_weights_see_the_rate(self):
        """2e-4 times 4 is 8e-4; a tenth each 10 steps is not."""
        def run(name, *settings):
            words = [word for text in settings for word in ("--set", text)]
            self.train(self.config(TINY, name="plain.yaml"), name, *words)
            return checkpoint(self.folder / name, 20)
        parts = ("/generator", "/discriminator")
        scaled = run("scaled", "train.lr_scaling=linear", "train.base_batch=6")
        plain = run("plain", "train.optimizer={lr_d: 8e-4, lr_g: 8e-4}")
        steps = run("steps", "train.optimizer={lr_d: 8e-4, lr_g: 8e-4}", "train.lr_schedule=step",
                    "train.lr_step=10")
        self.assertEqual(h5_differences(scaled, plain, *parts), "")
        for part in parts:
            self.assertNotEqual(h5_differences(steps, plain, f"{part}/param"), "")
        self.assertEqual(h5_differences(checkpoint(self.folder / "steps", 10),
                                        checkpoint(self.folder / "plain", 10), *parts), "")

    def test_mistakes(self):
        for setting, *parts in (("train.base_batch=null", "train.lr_scaling", "train.base_batch"),
                                ("train.lr_step=5", "train.lr_step", "cosine", "to step"),
                                ("train.lr_schedule=step", "train.lr_final", "linear or cosine")):
            result = self.run_program("train", self.path, "--run-dir", "run", "--set", setting,
                                      ranks=2)
            self.assert_fails(result, USAGE, *parts)
        self.assertFalse((self.folder / "run").exists())


if __name__ == "__main__":
    support.main()

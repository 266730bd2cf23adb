"""SGD with momentum as a user has it: the same run stopped or not, on shared weights, in samples; and
what becomes of a run that changes its optimizer."""
import json

import support
from support import (OK, START_FILES, TINY, USAGE, Case, all_settings, checkpoint, edit,
                     h5_attribute, h5_differences, metrics, needs_h5_tools, snapshot, untimed)

SGD = ("optimizer: {type: sgd, lr_d: 0.05, lr_g: 0.1, momentum: 0.5, momentum_final: 0.7, "
       "momentum_steps: 12}")
CONFIG = edit(TINY, ("  log_every: 5", f"  log_every: 1\n  {SGD}"))
PARTS = ("/generator", "/discriminator")


@needs_h5_tools
class Optimizers(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def assert_same_learning(self, a, b, step=20):
        self.assertEqual(untimed(metrics(self.folder / a)), untimed(metrics(self.folder / b)))
        self.assertEqual(h5_differences(checkpoint(self.folder / a, step),
                                        checkpoint(self.folder / b, step), *PARTS), "")

    def test_stopped_and_resumed(self):
        """To the bit, within the momentum's rise and behind it."""
        for ranks in (None, 3):
            self.train(self.path, f"straight-{ranks}", ranks=ranks)
            for steps in (5, 16, 20):
                self.train(self.path, f"run-{ranks}", "--set", f"train.steps={steps}", ranks=ranks)
            self.assert_same_learning(f"straight-{ranks}", f"run-{ranks}")
        saved = checkpoint(self.folder / "run-None", 20)
        self.assertEqual(h5_attribute(saved, "/generator/optimizer/type").strip('"'), "sgd")
        self.assertEqual(h5_attribute(saved, "/generator/optimizer/step"), "20")

    def test_shared_weights(self):
        """One velocity a node, each rank updates its part."""
        shares = ("--set", "comm.share_weights=true")
        self.train(self.path, "own", "--set", "comm.sum=window", ranks=3)
        result = self.train(self.path, "shared", *shares, ranks=3)
        self.assert_same_learning("own", "shared")
        self.assertIn("moments 1 x ", result.out)

    def test_momentum_counts(self):
        """Each of its keys changes what is learned."""
        self.train(self.path, "run")
        for text in ("momentum=0.4", "momentum_final=0.9", "momentum_steps=3", "nesterov=true"):
            self.train(self.path, text, "--set", f"train.optimizer.{text}")
            for part in PARTS:
                self.assertNotEqual(h5_differences(checkpoint(self.folder / text, 20),
                                                   checkpoint(self.folder / "run", 20),
                                                   f"{part}/param"), "")

    def test_exponential_decay(self):
        self.train(self.path, "run", *all_settings("train.lr_schedule=exponential",
                                                   "train.lr_gamma=0.9", "train.lr_final=0.3"))
        for step, record in enumerate(metrics(self.folder / "run")):
            self.assertAlmostEqual(record["lr_g"], 0.1 * max(0.9 ** step, 0.3), places=8)

    def test_other_optimizer_is_refused(self):
        self.train(self.path, "run")
        before = snapshot(self.folder / "run", but=START_FILES)
        adam = self.config(TINY, name="adam.yaml")
        for ranks in (None, 3):
            result = self.run_program("train", adam, "--run-dir", "run", "--set", "train.steps=30",
                                      ranks=ranks)
            self.assert_fails(result, USAGE, "train.optimizer.type: sgd -> adam", "--force-config")
            self.assertEqual(snapshot(self.folder / "run", but=START_FILES), before)

    def test_forced_to_another_optimizer(self):
        """Its moments begin anew, in either direction; so does its count of steps."""
        self.train(self.path, "to-adam")
        self.train(self.config(TINY, name="adam.yaml"), "to-sgd")
        for run_dir, config, old, new in (("to-adam", self.folder / "adam.yaml", "sgd", "adam"),
                                          ("to-sgd", self.path, "adam", "sgd")):
            for ranks, steps in ((None, 30), (3, 40)):
                words = ("train", config, "--run-dir", run_dir, "--set", f"train.steps={steps}")
                result = self.run_program(*words, "--force-config", ranks=ranks)
                self.assertEqual(result.status, OK, str(result))
                for network in ("generator", "discriminator"):
                    said = (f"the moments of the {network} are not taken: they are of {old}, and "
                            f"it learns by {new} from now on")
                    self.assertEqual(said in result.out, steps == 30, str(result))
            saved = checkpoint(self.folder / run_dir, 40)
            self.assertEqual(h5_attribute(saved, "/generator/optimizer/type").strip('"'), new)
            self.assertEqual(h5_attribute(saved, "/generator/optimizer/step"), "20")

    def test_bench_counts_its_bytes(self):
        result = self.run_program("bench", "step", self.path, "--repeat", 2, "--json", "step.json")
        self.assertEqual(result.status, OK, str(result))
        self.assertRegex(result.out, r"its SGD +passes .* weights, 20 bytes each")
        found = json.loads((self.folder / "step.json").read_text())
        self.assertEqual(found["optimizer"], "SGD")


if __name__ == "__main__":
    support.main()

"""A new run that takes its weights from another one: what is taken is the same to the bit, what is
not is listed."""
import shutil

import support
from support import (INPUT, TINY, USAGE, Case, checkpoint, checkpoints, edit, h5_attribute,
                     h5_differences, h5_numbers, needs_h5_tools)

# One step without learning: the weights of its checkpoint are the first ones.
STILL = edit(TINY, ("  steps: 20\n", "  steps: 1\n  optimizer: {lr_d: 0, lr_g: 0}\n"),
             ("seed: 1", "seed: 9"))

PARAMS = ("/generator/param", "/discriminator/param")


@needs_h5_tools
class InitFrom(Case):
    def setUp(self):
        super().setUp()
        self.train(self.config(), "first")
        self.donor = checkpoint(self.folder / "first", 20)
        self.path = self.config(STILL, name="still.yaml")

    def begin(self, name, *changes, given=None, ranks=None, status=support.OK, words=()):
        path = self.config(STILL, *changes, name=f"{name}.yaml")
        return self.train(path, name, "--set", f"model.init_from={given or self.donor}", *words,
                          ranks=ranks, status=status)

    def test_same_networks(self):
        """All weights, from a file or from a run folder, on any number of ranks."""
        for i, (given, ranks) in enumerate(((self.donor, None), ("first", 3), ("first", 2))):
            result = self.begin(f"run-{i}", given=given, ranks=ranks)
            self.assertIn("step-00000020.h5, step 20:", result.out)
            self.assertIn("  8 of 8 tensors of the generator are taken\n", result.out)
            self.assertIn("  4 of 4 tensors of the discriminator are taken\n", result.out)
            self.assertNotIn("  new: ", result.out)
            self.assertNotIn("  not used: ", result.out)
            made = checkpoint(self.folder / f"run-{i}", 1)
            self.assertEqual(h5_differences(made, self.donor, *PARAMS), "")
            # the moments are the new run's own: those of one step
            self.assertEqual(h5_attribute(made, "/generator/optimizer/step"), "1")
            # stored as seen from the root
            self.assertIn(f"init_from: {self.folder}/first",
                          (self.folder / f"run-{i}/config.yaml").read_text())

    def test_statistics_are_taken(self):
        """With a momentum of 0 a step leaves them as they were, but for the count of passes."""
        self.begin("run", ("batchnorm: {}", "batchnorm: {momentum: 0}"), ranks=2)
        made = checkpoint(self.folder / "run", 1)
        for name in ("1.running_mean", "1.running_var"):
            self.assertEqual(h5_differences(made, self.donor, f"/generator/buffer/{name}"), "")
        self.assertGreater(max(map(abs, h5_numbers(made, "/generator/buffer/1.running_mean"))), 0)
        passes = [h5_numbers(path, "/generator/buffer/1.num_batches_tracked", "q")[0]
                  for path in (self.donor, made)]
        self.assertEqual(passes, [2 * 20, 2 * 21])

    def test_wider_last_layers(self):
        """The rest is taken; the list names what is new, with both shapes."""
        result = self.begin("wide", ("    - linear: {units: 32}\n", "    - linear: {units: 40}\n"),
                            ("    - batchnorm: {}\n    - relu: {}\n",
                             "    - batchnorm: {}\n    - relu: {}\n    - linear: {units: 16}\n"
                             "    - linear: {units: 16}\n"), ranks=2)
        listed = [line.strip() for line in result.out.splitlines()
                  if line.startswith(("  new: ", "  not used: ")) or " tensors of the " in line]
        self.assertEqual(listed, [
            "new: generator 3.weight (16, 32), which is (64, 32) there",
            "new: generator 3.bias (16), which is (64) there",
            "new: generator 4.weight (16, 16), which is missing there",
            "new: generator 4.bias (16), which is missing there",
            "new: generator 5.weight (64, 16), which is missing there",
            "new: generator 5.bias (64), which is missing there",
            "6 of 12 tensors of the generator are taken",
            "new: discriminator 0.weight (40, 64), which is (32, 64) there",
            "new: discriminator 0.bias (40), which is (32) there",
            "new: discriminator 2.weight (1, 40), which is (1, 32) there",
            "1 of 4 tensors of the discriminator are taken",
        ])
        made = checkpoint(self.folder / "wide", 1)
        self.assertEqual(h5_differences(made, self.donor, "/generator/param/0.weight",
                                        "/generator/param/1.weight", "/generator/param/1.bias",
                                        "/discriminator/param/2.bias"), "")
        # what is new is what the seed alone gives
        self.train(self.folder / "wide.yaml", "fresh")
        fresh = checkpoint(self.folder / "fresh", 1)
        self.assertEqual(h5_differences(made, fresh, "/generator/param/4.weight",
                                        "/discriminator/param/0.weight"), "")
        self.assertNotEqual(h5_differences(made, fresh, "/generator/param/0.weight"), "")

    def test_what_is_not_used(self):
        result = self.begin("short", ("    - batchnorm: {}\n    - relu: {}\n", "    - relu: {}\n"))
        for name in ("1.weight (32)", "1.bias (32)", "3.weight (64, 32)", "3.bias (64)",
                     "1.running_mean (32)", "1.num_batches_tracked ()"):
            self.assertIn(f"  not used: generator {name}\n", result.out)
        self.assertIn("  1 of 3 tensors of the generator are taken\n", result.out)

    def test_nothing_matches(self):
        changes = (("latent: 8", "latent: 9"),
                   ("    - batchnorm: {}\n    - relu: {}\n", "    - relu: {}\n"),
                   ("  discriminator:\n", "  discriminator:\n    - flatten: {}\n"))
        path = self.config(STILL, *changes, name="other.yaml")
        for ranks in (None, 3):
            result = self.run_program("train", path, "--run-dir", "run", "--set",
                                      f"model.init_from={self.donor}", ranks=ranks)
            self.assert_fails(result, USAGE, "command line: key 'model.init_from'", self.donor,
                              "nothing")
        self.assertEqual(checkpoints(self.folder / "run"), [])

    def test_bad_checkpoints(self):
        damaged = self.folder / "damaged.h5"
        content = bytearray(self.donor.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        (self.folder / "empty").mkdir()
        for given, reason in (("none.h5", "No such file"), (damaged, "damaged"),
                              ("empty", "holds no checkpoint"), (self.path, "not an mpigan")):
            for ranks in (None, 3):
                result = self.run_program("train", self.path, "--run-dir", "run", "--set",
                                          f"model.init_from={given}", ranks=ranks)
                self.assert_fails(result, INPUT, "command line: key 'model.init_from'",
                                  self.folder / given, reason)
        self.assertEqual(checkpoints(self.folder / "run"), [])

    def test_resumed_run_ignores_it(self):
        """It needs the other run no more."""
        self.begin("run", given="first")
        shutil.rmtree(self.folder / "first")
        result = self.begin("run", given="first", words=("--set", "train.steps=3"), ranks=2)
        self.assertIn("resuming from step 1", result.out)
        self.assertNotIn("weights from", result.out)
        self.assertNotIn("init_from:", result.out)  # no changed key
        self.assertEqual(checkpoints(self.folder / "run")[-1], 3)


if __name__ == "__main__":
    support.main()

"""task: classifier as a user runs it: what it writes, that it goes on to the bit, that it is the same
on other ranks, and what it refuses."""
import json
import random
import signal

import support
from support import (OK, SOURCE, TEMPORARY, USAGE, Case, all_settings, checkpoint, checkpoints,
                     h5_attribute, h5_differences, h5_names, last_step, metrics, needs_h5_tools,
                     snapshot, untimed, wait_for, write_idx, write_idx_folder)

STEPS, TEST_EVERY = 60, 20
CONFIG = f"""\
name: told
seed: 5
task: classifier
data: {{path: "builtin:digits", test: "builtin:digits", shards: 11}}
model:
  classifier:
    - conv2d: {{channels: 6, kernel: 3, bias: false}}
    - batchnorm: {{}}
    - relu: {{}}
    - flatten: {{}}
    - dropout: {{p: 0.2}}
    - linear: {{units: 10}}
train:
  batch: 44
  steps: {STEPS}
  optimizer: {{lr: 2.0e-3, beta1: 0.9}}
  label_smoothing: 0.05
  log_every: 1
  test_every: {TEST_EVERY}
checkpoint: {{every_steps: 25, keep_last: 3}}
"""
NETWORK = ("/classifier", "/data")
REPRODUCIBLE = all_settings("compute.reproducible=true")


def but_ranks(records):
    return [{k: v for k, v in r.items() if k != "ranks"} for r in untimed(records)]


class Classifier(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def test_what_a_run_writes(self):
        result = self.train(self.path, "run")
        run_dir = self.folder / "run"
        records = metrics(run_dir)
        self.assertEqual([r["step"] for r in records], list(range(1, STEPS + 1)))
        tested = [r["step"] for r in records if "test_accuracy" in r]
        self.assertEqual(tested, list(range(TEST_EVERY, STEPS + 1, TEST_EVERY)))
        for r in records:
            self.assertEqual("test_loss" in r, r["step"] in tested)
            self.assertLessEqual({"loss", "accuracy", "grad_norm", "lr"}, set(r))
        self.assertGreater(records[-1]["test_accuracy"], 0.6)  # chance: 0.1
        self.assertLess(records[-1]["test_loss"], records[0]["loss"])
        self.assertIn("test accuracy", result.out)
        self.assertFalse((run_dir / "samples").exists())

        found = json.loads((run_dir / "confusion.json").read_text())
        counts = found["counts"]
        right, n = sum(counts[k][k] for k in range(10)), sum(map(sum, counts))
        self.assertEqual((found["step"], found["n"], found["right"]), (STEPS, n, right))
        self.assertEqual(found["labels"], list(range(10)))
        self.assertAlmostEqual(right / n, records[-1]["test_accuracy"], places=8)
        self.assertIn(f"test: {right} of {n} told right", result.out)

    @needs_h5_tools
    def test_its_checkpoint(self):
        self.train(self.path, "run", "--set", "train.steps=3")
        path = checkpoint(self.folder / "run", 3)
        self.assertIn("classifier", h5_attribute(path, "task"))
        names = h5_names(path)
        self.assertEqual(names["/classifier/param/5.weight"], "{10, 216}")
        self.assertIn("/classifier/buffer/1.running_mean", names)
        self.assertNotIn("/generator", names)
        result = self.run_program("inspect", path)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("task classifier", result.out)

    def test_it_generates_nothing(self):
        self.train(self.path, "run", "--set", "train.steps=2")
        result = self.run_program("sample", self.folder / "run")
        self.assert_fails(result, USAGE, "task: classifier", "generates nothing")

    def test_plan(self):
        result = self.train(self.path, "run", "--dry-run")
        self.assertIn("lr 0.002; constant\n", result.out)
        self.assertIn("scaled to [0, 1]\n", result.out)
        self.assertIn("test data: builtin:digits: ", result.out)
        self.assertIn("classifier: 8x8x1 -> 10,", result.out)
        self.assertNotIn("generator:", result.out)
        self.assertFalse((self.folder / "run").exists())

    def test_bench(self):
        for kind in ("step", "gemm"):
            result = self.run_program("bench", kind, self.path, "--repeat", 2)
            self.assertEqual(result.status, OK, str(result))

    def test_chosen_classes(self):
        """Its labels are the data's own; class 0 is the first that is chosen."""
        path = self.config(CONFIG, ("shards: 11}", "shards: 11, classes: [8, 3]}"),
                           ("units: 10", "units: 2"), name="two.yaml")
        result = self.train(path, "run")
        found = json.loads((self.folder / "run/confusion.json").read_text())
        self.assertEqual(found["labels"], [8, 3])
        self.assertEqual([len(row) for row in found["counts"]], [2, 2])
        self.assertGreater(found["accuracy"], 0.8)
        self.assertIn("told right", result.out)

    # ---- exactness ----

    def assert_same(self, a, b, step=STEPS):
        self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), *NETWORK), "")
        self.assertEqual((a / "confusion.json").read_text(), (b / "confusion.json").read_text())

    @needs_h5_tools
    def test_again(self):
        for ranks in (None, 2):
            a, b = self.folder / f"a{ranks}", self.folder / f"b{ranks}"
            for run_dir in (a, b):
                self.train(self.path, run_dir, ranks=ranks)
            self.assert_same(a, b)
            self.assertEqual(untimed(metrics(a)), untimed(metrics(b)))

    @needs_h5_tools
    def test_stopped_and_resumed(self):
        """By steps, and by a signal that comes when it comes."""
        straight, run_dir = self.folder / "straight", self.folder / "run"
        self.train(self.path, straight, ranks=2)
        for steps in (TEST_EVERY, 33, STEPS):
            self.train(self.path, run_dir, "--set", f"train.steps={steps}", ranks=2)
        self.assert_same(straight, run_dir)
        # step 33 was a last one, and tested; else the lines are those of the straight run
        for a, b in zip(untimed(metrics(straight)), untimed(metrics(run_dir))):
            self.assertEqual(a, {k: v for k, v in b.items() if k in a})

        signalled, at = self.folder / "signalled", random.randrange(2, STEPS // 2)
        job = self.start("train", self.path, "--run-dir", signalled, ranks=2)
        wait_for(lambda: last_step(signalled) >= at or job.process.poll() is not None, f"step {at}")
        job.signal(signal.SIGUSR1)
        self.assertIn(job.result().status, (OK, TEMPORARY))
        print(f"stopped at {checkpoints(signalled)[-1]}")
        self.train(self.path, signalled, ranks=2)
        self.assert_same(straight, signalled)
        self.assertEqual(untimed(metrics(straight)), untimed(metrics(signalled)))

    @needs_h5_tools
    def test_reproducible(self):
        """1, 2 and 3 ranks, and 2 threads: the same bits, also of the tests."""
        alone = self.folder / "alone"
        self.train(self.path, alone, *REPRODUCIBLE)
        for name, ranks, more in (("two", 2, ()), ("three", 3, ()),
                                  ("threads", None, all_settings("compute.threads=2"))):
            other = self.folder / name
            self.train(self.path, other, *REPRODUCIBLE, *more, ranks=ranks)
            self.assert_same(alone, other)
            self.assertEqual(but_ranks(metrics(alone)), but_ranks(metrics(other)))

    @needs_h5_tools
    def test_shared_weights(self):
        """Ranks that hold one copy of the weights take the same steps."""
        own, shared = self.folder / "own", self.folder / "shared"
        self.train(self.path, own, ranks=2)
        self.train(self.path, shared, *all_settings("comm.share_weights=true"), ranks=2)
        self.assert_same(own, shared)
        self.assertEqual(untimed(metrics(own)), untimed(metrics(shared)))

    @needs_h5_tools
    def test_pieces(self):
        """With order-free sums a batch that goes in pieces gives the same bits."""
        path = self.config(CONFIG, ("    - batchnorm: {}\n", "    - batchnorm: {stats: ghost}\n"),
                           name="pieces.yaml")
        whole = self.folder / "whole"
        self.train(path, whole, *REPRODUCIBLE)
        for ranks in (1, 2):
            pieces = self.folder / f"pieces-{ranks}"
            self.train(path, pieces, *REPRODUCIBLE, *all_settings("train.microbatch=12"),
                       ranks=ranks)
            self.assert_same(whole, pieces)

    def test_bad_numbers(self):
        """A rate that is far too large: it stops and names the key, or goes back, as it is told."""
        layers = ", ".join(["linear: {units: 16}"] * 8 + ["linear: {units: 10}"])
        wild = all_settings("train.optimizer.lr=1e6", "train.steps=9", f"model.classifier=[{layers}]")
        result = self.run_program("train", self.path, "--run-dir", "stops", *wild, ranks=2)
        self.assert_fails(result, support.NUMBERS, "train.optimizer.lr may be too large")
        result = self.train(self.path, "back", *wild, *all_settings(
            "train.on_nonfinite=rollback", "train.rollback_factor=1e-9"), ranks=2)
        self.assertIn("roll-back 1 of at most 3", result.out)

    def test_other_ranks_see_the_same(self):
        """Without it: equal to rounding, which grows while it learns; in the first step, tight."""
        for ranks in (1, 3):
            self.train(self.path, f"on-{ranks}", *all_settings("train.steps=1"), ranks=ranks)
        (a,), (b,) = (metrics(self.folder / f"on-{ranks}") for ranks in (1, 3))
        for name in ("loss", "accuracy", "grad_norm", "test_loss"):
            self.assertAlmostEqual(a[name] / b[name], 1, delta=1e-5, msg=name)

    # ---- data ----

    def test_idx_files(self):
        """The labels of a file of images are found beside it; without them it says so."""
        data = write_idx_folder(self.folder / "data", 80, side=8)
        images = data / "t10k-images-idx3-ubyte.gz"
        settings = all_settings(f"data.path={data}", f"data.test={images}", "train.steps=2")
        result = self.train(self.path, "run", *settings)
        self.assertIn(f"{images}: ", result.out)
        (data / "t10k-labels-idx1-ubyte.gz").unlink()
        result = self.run_program("train", self.path, "--run-dir", "other", *settings)
        self.assert_fails(result, USAGE, "data.test", "has no labels")

    def test_more_shards_than_rows(self):
        """Held-out data may be small: some shards, and ranks, have nothing of it."""
        data = write_idx_folder(self.folder / "data", 80, side=8)
        write_idx(data / "few-images-idx3-ubyte", (3, 8, 8))
        write_idx(data / "few-labels-idx1-ubyte", (3,), bytes([1, 0, 9]))
        settings = all_settings(f"data.path={data}", f"data.test={data}/few-images-idx3-ubyte",
                                "train.steps=2")
        for ranks in (None, 3):
            run_dir = self.folder / f"on-{ranks}"
            self.train(self.path, run_dir, *settings, *REPRODUCIBLE, ranks=ranks)
            self.assertEqual(json.loads((run_dir / "confusion.json").read_text())["n"], 3)
        a, b = (but_ranks(metrics(self.folder / f"on-{ranks}")) for ranks in (None, 3))
        self.assertEqual(a, b)

    def test_absent_test_data(self):
        result = self.run_program("train", self.path, "--set", "data.test=no-such-set")
        self.assert_fails(result, support.INPUT, "data.test", "'no-such-set'")

    def test_weights_from_another_run(self):
        """model.init_from: what fits of a classifier, and what does not."""
        self.train(self.path, "first", "--set", "train.steps=2")
        path = self.config(CONFIG, ("units: 10", "units: 12"), name="more.yaml")
        result = self.train(path, "second", *all_settings(
            "train.steps=1", f"model.init_from={self.folder}/first"))
        self.assertIn("new: classifier 5.weight (12, 216), which is (10, 216) there", result.out)


if __name__ == "__main__":
    support.main()

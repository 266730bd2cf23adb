"""The batch: given per rank or as a whole, and changed while a run goes on."""
import support
from support import (OK, START_FILES, TINY, USAGE, Case, checkpoint, checkpoints, edit, h5_attribute,
                     metrics, needs_h5_tools, noise, snapshot, write_idx)

PER_RANK = edit(TINY, ("  batch: 24\n", "  batch_per_rank: 8\n"))

# Losses of one step on other numbers of ranks differ by rounding only (test_worlds.py).
ROUNDING = 1e-5


class PerRank(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(PER_RANK)

    @needs_h5_tools
    def test_product_is_what_is_kept(self):
        """3 ranks with 8 each are a batch of 24 for the run and for everyone after it."""
        result = self.train(self.path, "a", ranks=3)
        self.assertIn("batch: 24 samples (batch_per_rank 8 x 3 ranks) over 12 shards", result.out)
        saved = (self.folder / "a/config.yaml").read_text()
        for text in (saved, h5_attribute(checkpoint(self.folder / "a", 20), "config")):
            self.assertIn("batch: 24", text)
            self.assertIn("batch_per_rank: null", text)
        for ranks in (2, None):
            other = self.folder / f"on-{ranks}"
            self.train(self.folder / "a/config.yaml", other, ranks=ranks)
            for a, b in zip(metrics(self.folder / "a")[:1], metrics(other)):
                self.assertEqual((a["step"], a["epoch"]), (b["step"], b["epoch"]))
                self.assertAlmostEqual(a["d_loss"], b["d_loss"], delta=ROUNDING)
            self.assertEqual((other / "config.yaml").read_text(), saved)

    def test_each_rank_has_its_part(self):
        """Also where 16 shards, the largest divisor, would leave ranks with unequal parts."""
        for ranks, per_rank, shards in ((3, 16, 12), (1, 40, 10), (4, 5, 4)):
            result = self.train(self.path, "run", "--dry-run", "--set",
                                f"train.batch_per_rank={per_rank}", ranks=ranks)
            self.assertIn(f"batch: {ranks * per_rank} samples (batch_per_rank {per_rank} x {ranks} "
                          f"ranks) over {shards} shards", result.out)
            self.assertIn(f": {per_rank} samples of a batch", result.out)
            self.assertNotIn("uneven", result.out)

    def test_more_ranks_than_sixteen(self):
        result = self.train(self.path, "run", "--dry-run", ranks=18)
        self.assertIn("batch: 144 samples (batch_per_rank 8 x 18 ranks) over 18 shards", result.out)

    def test_both_are_refused(self):
        both = self.config(TINY, ("  batch: 24\n", "  batch: 24\n  batch_per_rank: 8\n"))
        for ranks in (None, 3):
            result = self.run_program("train", both, "--run-dir", "run", ranks=ranks)
            self.assert_fails(result, USAGE, f"{both}:", "train.batch", "train.batch_per_rank",
                              "one of the two")
        self.assertFalse((self.folder / "run").exists())
        self.train(both, "run", "--set", "train.batch=12", "--dry-run")

    def test_uneven_ranks_are_told(self):
        """12 shards over 5 ranks: 3 for the first two, 2 for the others."""
        result = self.train(self.config(), "run", "--dry-run", ranks=5)
        self.assertIn("rank 0 works on 6 of 24 samples, 25% more than the mean: 5 ranks cannot be "
                      "faster than 4.00 equal ones; even are 1, 2, 3, 4, 6, 12 ranks", result.out)
        result = self.run_program("train", self.config(), "--run-dir", "run", "--dry-run", ranks=13)
        self.assert_fails(result, USAGE, "data.shards' is 12, fewer than the 13 ranks",
                          "at most 12 ranks", "set data.shards to 24")


class Changed(Case):
    """480 samples in 12 shards; half an epoch in batches of 24."""

    def setUp(self):
        super().setUp()
        write_idx(self.folder / "data", (480, 8, 8), noise(480 * 64))
        self.path = self.config(TINY, ("builtin:digits", "data"), ("  steps: 20\n", "  epochs: 0.5\n"),
                                ("  log_every: 5", "  log_every: 1"))
        self.run_dir = self.folder / "run"
        self.train(self.path, "run")
        self.assertEqual(checkpoints(self.run_dir), [10])

    def go_on(self, *settings, ranks=None, status=OK):
        words = [word for text in settings for word in ("--set", text)]
        return self.train(self.path, "run", *words, ranks=ranks, status=status)

    def test_length_is_what_is_left(self):
        """Half an epoch more in batches of 48 is 5 steps; then nothing is left at any batch."""
        result = self.go_on("train.epochs=1", "train.batch=48", ranks=2)
        self.assertIn("train.batch: 24 -> 48", result.out)
        self.assertIn("data.shards stays 12", result.out)
        self.assertEqual(checkpoints(self.run_dir)[-1], 15)
        self.assertEqual(metrics(self.run_dir)[-1]["epoch"], 1)
        for batch in (24, 480):
            result = self.go_on("train.epochs=1", f"train.batch={batch}")
            self.assertIn("step 15 of 15", result.out)
        self.go_on("train.epochs=1.25", "train.batch=36", ranks=3)  # 120 samples: 3.3 steps
        self.assertEqual(checkpoints(self.run_dir)[-1], 19)
        self.assertAlmostEqual(metrics(self.run_dir)[-1]["epoch"], 1 + 4 * 36 / 480, places=9)
        self.go_on("train.steps=21", "train.epochs=null", "train.batch=12")
        self.assertEqual([r["step"] for r in metrics(self.run_dir)], list(range(1, 22)))

    def test_each_sample_once_an_epoch(self):
        """A discriminator that does not learn gives a sum over an epoch that no order changes."""
        def epoch(run_dir, sizes):
            self.train(self.path, run_dir, *still, "--set", "train.epochs=0.5")
            seen = 240
            for size in sizes:
                seen += size
                self.train(self.path, run_dir, *still, "--set", f"train.batch={size}", "--set",
                           f"train.epochs={seen / 480}")
            records = metrics(self.folder / run_dir)
            self.assertEqual(len(records), 10 + len(sizes))
            self.assertEqual(records[-1]["epoch"], 1)
            return sum(r["d_real"] * size for r, size in zip(records, [24] * 10 + sizes)) / 480
        still = ("--set", "train.optimizer={lr_d: 0, lr_g: 0}", "--set", "samples.every_steps=0")
        straight = epoch("straight", [240])
        self.assertAlmostEqual(epoch("mixed", [48, 12, 120, 60]), straight, delta=1e-7)
        # what the sum would miss: half an epoch gives another mean
        half = sum(r["d_real"] for r in metrics(self.folder / "mixed")[:10]) / 10
        self.assertGreater(abs(half - straight), 1e-5)

    def test_shards_that_do_not_divide(self):
        before = snapshot(self.run_dir, but=START_FILES)
        for ranks in (None, 3):
            result = self.run_program("train", self.path, "--run-dir", "run", "--set",
                                      "train.epochs=1", "--set", "train.batch=30", ranks=ranks)
            self.assert_fails(result, USAGE, "train.batch' is 30", "12 shards", "step-00000010.h5",
                              "24 or 36", "multiple of 12")
            self.assertEqual(snapshot(self.run_dir, but=START_FILES), before)
        result = self.run_program("train", self.path, "--run-dir", "run", "--set",
                                  "train.epochs=1", "--set", "train.batch=48", "--set",
                                  "data.shards=16")
        self.assert_fails(result, USAGE, "data.shards: 12 -> 16")
        self.train(self.path, "run", "--set", "train.epochs=1", "--set", "train.batch=30",
                   "--force-config")

    def test_more_ranks_than_the_run_has_shards(self):
        words = ("--run-dir", "run", "--set", "train.epochs=1", "--set", "train.batch_per_rank=12")
        result = self.run_program("train", self.path, *words, ranks=13)
        self.assert_fails(result, USAGE, "has 12 shards, fewer than the 13 ranks",
                          "at most 12 ranks", "data.shards to 13 with --force-config")
        self.train(self.path, *words[1:], "--set", "data.shards=13", "--force-config", ranks=13)

    def test_other_ranks_with_a_batch_per_rank(self):
        """The same command on other ranks is another batch, on the same shards."""
        result = self.go_on("train.epochs=1", "train.batch_per_rank=12", ranks=4)
        self.assertIn("train.batch: 24 -> 48", result.out)
        self.assertIn("(batch_per_rank 12 x 4 ranks) over 12 shards", result.out)
        self.assertEqual(checkpoints(self.run_dir)[-1], 15)


if __name__ == "__main__":
    support.main()

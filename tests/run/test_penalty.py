"""Gradient penalties as a user has them: what is written, the same run stopped or not, on other ranks, in
pieces; and the configs that are refused."""
import support
from support import (OK, SOURCE, TINY, USAGE, Case, all_settings, checkpoint, edit, h5_differences,
                     metrics, needs_h5_tools, samples, untimed)

SMOOTH = (SOURCE / "tests/penalty.yaml").read_text()
TYPES = ("r1", "r2", "wgan_gp", "dragan")
STEPS = 24

# Linear in pieces, so that half of the way back is left out; one update of four has the penalty.
PIECES = edit(TINY, ("  log_every: 5", "  log_every: 1\n  penalty: {type: r1, every: 4}"))


def of_penalty(run_dir):
    return [(r["d_penalty"], r["d_penalty_norm"]) for r in metrics(run_dir)]


def unranked(run_dir):
    return [{k: v for k, v in r.items() if k != "ranks"} for r in untimed(metrics(run_dir))]


@needs_h5_tools
class Penalty(Case):
    def run_of(self, config, name, *settings, ranks=None):
        run_dir = self.folder / name
        self.train(config, run_dir, *all_settings(*settings), ranks=ranks)
        return run_dir

    def assert_same_bits(self, a, b, step):
        parts = ("/generator", "/discriminator", "/data")
        self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), *parts), "")
        self.assertEqual(h5_differences(samples(a, step), samples(b, step), "/images"), "")

    def test_lazy(self):
        """The metrics are those of the last update that had it; the start says what is paid."""
        config = self.config(PIECES)
        result = self.train(config, "run")
        self.assertIn("it pays for its gradient: r1, weight 10, in one update of 4, times 4",
                      result.out)
        values = of_penalty(self.folder / "run")
        for k in range(0, len(values), 4):
            self.assertEqual(len(set(values[k:k + 4])), 1, values)
            self.assertGreater(values[k][0], 0)
        self.assertEqual(len(set(values)), len(values) // 4)
        for penalty, norm in values:  # 10 / 2 E |g|^2 is at least 5 (E |g|)^2
            self.assertGreaterEqual(penalty * (1 + 1e-6), 5 * norm ** 2)

    def test_stopped_and_resumed(self):
        """To the bit, metrics too, wherever the stop falls among the updates."""
        for config, steps in ((self.config(PIECES, name="pieces.yaml"), (5, 14, 20)),
                              (self.config(SMOOTH, name="smooth.yaml"), (4, 17, STEPS))):
            for ranks in (None, 3):
                name = f"{config.stem}-{ranks}"
                straight = self.run_of(config, f"straight-{name}", f"train.steps={steps[-1]}",
                                       "samples.every_steps=0", ranks=ranks)
                for end in steps:
                    run = self.run_of(config, name, f"train.steps={end}", "samples.every_steps=0",
                                      ranks=ranks)
                self.assertEqual(untimed(metrics(straight)) and of_penalty(straight),
                                 of_penalty(run))
                self.assert_same_bits(straight, run, steps[-1])

    def test_types_differ(self):
        """Each, and each of its keys, changes what is learned."""
        config = self.config(SMOOTH)
        runs = [self.run_of(config, "none", "train.penalty.type=none", "train.penalty.weight=10",
                            "train.penalty.every=1")]
        runs += [self.run_of(config, kind, f"train.penalty.type={kind}") for kind in TYPES]
        runs += [self.run_of(config, "weight", "train.penalty.weight=4"),
                 self.run_of(config, "every", "train.penalty.every=2"),
                 self.run_of(config, "noise", "train.penalty.type=dragan",
                             "train.penalty.noise=0.3")]
        for i, one in enumerate(runs):
            for other in runs[:i]:
                self.assertNotEqual(h5_differences(checkpoint(one, STEPS), checkpoint(other, STEPS),
                                                   "/discriminator/param"), "", (one, other))

    def test_reproducible(self):
        """The same bits on other ranks and threads, and in pieces."""
        exact = "compute.reproducible=true"
        for kind in TYPES:
            settings = (exact, f"train.penalty.type={kind}")
            config = self.config(SMOOTH)
            alone = self.run_of(config, f"{kind}-alone", *settings)
            others = [("on-3", 3, ()), ("pieces", 2, ("train.microbatch=8",)),
                      ("on-5", 5, ()), ("threads", 2, ("compute.threads=2",))]
            for name, ranks, more in others if kind == "wgan_gp" else others[:2]:
                other = self.run_of(config, f"{kind}-{name}", *settings, *more, ranks=ranks)
                self.assertEqual(unranked(alone), unranked(other))
                self.assert_same_bits(alone, other, STEPS)

    def test_overlap(self):
        """Sums that begin in the backward pass wait for the penalty's."""
        config = self.config(SMOOTH)
        plain = self.run_of(config, "plain", ranks=2)
        overlap = self.run_of(config, "overlap", "comm.overlap=true", "comm.bucket_mb=0.001",
                              ranks=2)
        self.assert_same_bits(plain, overlap, STEPS)

    def test_bad_configs(self):
        """What cannot be is said at the start: where, why, and what to do."""
        batchnorm = self.config(PIECES, ("    - linear: {units: 1}\n",
                                         "    - batchnorm: {}\n    - linear: {units: 1}\n"))
        plain = self.config(TINY, name="plain.yaml")
        for config, settings, parts in (
                (batchnorm, (), ("config.yaml:", "(batchnorm) of the discriminator",
                                 "train.penalty.type", "would depend on all the others",
                                 "layernorm")),
                (plain, ("train.penalty.weight=3",), ("train.penalty.weight", "has no effect",
                                                      "train.penalty.type is none")),
                (plain, ("train.penalty.every=3",), ("train.penalty.every", "has no effect")),
                (plain, ("train.penalty.type=r1", "train.penalty.noise=3"),
                 ("train.penalty.noise", "dragan")),
                (plain, ("train.penalty.type=r3",), ("train.penalty.type", "r1, r2, wgan_gp")),
                (plain, ("train.penalty.type=r1", "train.penalty.weight=0"),
                 ("train.penalty.weight", "0 (not included)"))):
            result = self.run_program("train", config, "--run-dir", self.folder / "bad",
                                      *all_settings(*settings))
            self.assert_fails(result, USAGE, *parts)

    def test_begins_in_a_run_that_had_none(self):
        """By --force-config: its counters begin at nothing."""
        config = self.config(TINY)
        self.run_of(config, "run", "train.steps=10")
        more = all_settings("train.penalty.type=r1", "train.log_every=1")
        result = self.run_program("train", config, "--run-dir", self.folder / "run", *more)
        self.assert_fails(result, USAGE, "train.penalty.type: none -> r1")
        self.train(config, "run", "--force-config", *more)
        self.assertGreater(metrics(self.folder / "run")[-1]["d_penalty"], 0)


if __name__ == "__main__":
    support.main()

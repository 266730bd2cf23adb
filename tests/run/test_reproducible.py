"""compute.reproducible: any number of ranks and threads gives the same bits, and so does a run that
changes its ranks while it goes on."""
import support
from support import (SOURCE, TINY, Case, all_settings, checkpoint, edit, h5_differences, metrics,
                     needs_h5_tools, samples, untimed)

STEPS = 200
EVERYTHING = ("/generator", "/discriminator", "/data")

# Ghost statistics, dropout and two updates of the discriminator a step, uneven shards.
GHOSTS = edit(TINY, ("batchnorm: {}", "batchnorm: {stats: ghost, ghost_size: 2}"),
              ("    - leaky_relu: {slope: 0.2}\n",
               "    - leaky_relu: {slope: 0.2}\n    - dropout: {p: 0.3}\n    - batchnorm: {}\n"),
              ("batch: 24", "batch: 44"), ("builtin:digits", "builtin:digits\n  shards: 11"),
              ("steps: 20\n", f"steps: {STEPS}\n  d_steps: 2\n"),
              ("every_steps: 10, keep", f"every_steps: {STEPS}, keep"),
              ("every_steps: 10, count", f"every_steps: {STEPS}, count"))

# Networks for images and classes: what works on pixels, spectral norms, attention, augmentation.
IMAGES = (SOURCE / "tests/images.yaml").read_text()
IMAGES_STEPS = 40

# Packs, a layer that compares them, noise, simultaneous updates, a moving average.
PACKED = SOURCE / "tests/packed.yaml"


REPRODUCIBLE = all_settings("compute.reproducible=true", "train.log_every=20")


@needs_h5_tools
class Reproducible(Case):
    def run_of(self, config, name, *more, ranks=1):
        run_dir = self.folder / name
        self.train(config, run_dir, *REPRODUCIBLE, *more, ranks=ranks)
        return run_dir

    def assert_same_bits(self, a, b, step=STEPS):
        self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), *EVERYTHING), "")
        self.assertEqual(h5_differences(samples(a, step), samples(b, step), "/images", "/latent"),
                         "")

    def worlds(self, config, *length, step=STEPS):
        alone = self.run_of(config, "alone", *length)
        unranked = [{k: v for k, v in r.items() if k != "ranks"} for r in untimed(metrics(alone))]
        for ranks in (2, 3, 4, 5, 8):
            other = self.run_of(config, f"on-{ranks}", *length, ranks=ranks)
            self.assert_same_bits(alone, other, step)
            self.assertEqual(unranked, [{k: v for k, v in r.items() if k != "ranks"}
                                        for r in untimed(metrics(other))])
        for ranks in (1, 3):
            threads = self.run_of(config, f"threads-{ranks}", *length,
                                  *all_settings("compute.threads=2"), ranks=ranks)
            self.assert_same_bits(alone, threads, step)

    LENGTH = all_settings("train.epochs=null", f"train.steps={STEPS}")

    def test_worlds_and_threads(self):
        """The shipped config at its learning rates: batch statistics of the global batch."""
        self.worlds(SOURCE / "configs/digits.yaml", *self.LENGTH)

    def test_worlds_and_threads_with_ghosts(self):
        self.worlds(self.config(GHOSTS))

    def images(self, label):
        config = self.config(IMAGES, ("discriminator: projection", f"discriminator: {label}"))
        self.worlds(config, *all_settings(f"train.steps={IMAGES_STEPS}"), step=IMAGES_STEPS)

    def test_worlds_and_threads_of_images(self):
        self.images("projection")

    def test_worlds_and_threads_of_told_images(self):
        self.images("auxiliary")

    def test_worlds_and_threads_of_labelled_images(self):
        self.images("channels")

    def test_worlds_and_threads_of_packs(self):
        self.worlds(PACKED, *all_settings(f"train.steps={IMAGES_STEPS}"), step=IMAGES_STEPS)
        for name in ("on-3", "threads-3"):
            self.assertEqual(h5_differences(checkpoint(self.folder / "alone", IMAGES_STEPS),
                                            checkpoint(self.folder / name, IMAGES_STEPS),
                                            "/generator_ema"), "")

    def test_changing_ranks(self):
        """Started on 4 ranks, stopped at step 67, on 3 to step 131, on 1 to the end: the run that
        one rank did in one go, byte for byte."""
        config = self.config(GHOSTS)
        straight = self.run_of(config, "straight")
        for ranks, steps in ((4, 67), (3, 131), (1, STEPS)):
            moved = self.run_of(config, "moved", *all_settings(f"train.steps={steps}"), ranks=ranks)
        self.assertEqual([(r["step"], r["ranks"]) for r in metrics(moved)],
                         [(20, 4), (40, 4), (60, 4), (67, 4), (80, 3), (100, 3), (120, 3), (131, 3),
                          (140, 1), (160, 1), (180, 1), (200, 1)])
        self.assert_same_bits(straight, moved)
        self.assert_same_bytes(checkpoint(straight, STEPS), checkpoint(moved, STEPS))
        # and one that ends on another number of ranks differs in that number alone
        other = self.run_of(config, "other", ranks=2)
        self.assert_same_bytes(checkpoint(straight, STEPS), checkpoint(other, STEPS))

    def test_without_it_ranks_differ(self):
        """So that the comparisons above mean something; and what it computes is the same."""
        config = SOURCE / "configs/digits.yaml"
        plain = all_settings("train.epochs=null", "train.steps=20", "train.log_every=1",
                             "samples.every_steps=20")
        for ranks in (1, 3):
            self.train(config, self.folder / f"plain-{ranks}", *plain, ranks=ranks)
        self.assertNotEqual(h5_differences(checkpoint(self.folder / "plain-1", 20),
                                           checkpoint(self.folder / "plain-3", 20),
                                           "/generator/param"), "")
        exact = self.run_of(config, "exact", *plain)
        for name in ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm"):
            a, b = metrics(self.folder / "plain-1")[0][name], metrics(exact)[0][name]
            self.assertLess(abs(a / b - 1), 1e-5, name)  # one step: rounding of float products

    def pieces(self, config):
        """Pieces of a quarter of the batch, on one rank and on two: the bits of the whole."""
        whole = self.run_of(config, "whole")
        for ranks in (1, 2):
            pieces = self.run_of(config, f"pieces-{ranks}", *all_settings("train.microbatch=12"),
                                 ranks=ranks)
            self.assert_same_bits(whole, pieces, 30)

    def test_pieces(self):
        self.pieces(self.config(edit(GHOSTS, ("    - batchnorm: {}\n", ""), ("batch: 44", "batch: 48"),
                                     ("shards: 11", "shards: 12"),
                                     (f"steps: {STEPS}\n", "steps: 30\n"))))

    def test_pieces_of_images(self):
        self.pieces(self.config(edit(IMAGES, ("steps: 24", "steps: 30"))
                                .replace("batchnorm: {}", "batchnorm: {stats: ghost}")))


if __name__ == "__main__":
    support.main()

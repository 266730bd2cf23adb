"""Objectives, optimizers and what goes with them, as a user has them: the same run stopped or not, the
same bits on any number of ranks where that is promised, on shared weights; and each key has its effect."""
import support
from support import (TINY, USAGE, Case, all_settings, checkpoint, edit, h5_attribute, h5_differences, metrics,
                     needs_h5_tools, untimed)

CONFIG = edit(TINY, ("log_every: 5", "log_every: 1"))
PARTS = ("/generator", "/discriminator")

# Each with what the others have not.
WAYS = {
    "hinge": ("train.objective=hinge", "train.clip_norm=0.05",
              "train.optimizer={type: adamw, weight_decay: 0.1, lr_d: 1e-3, lr_g: 1e-3}"),
    "least_squares": ("train.objective=least_squares", "train.label_real=0.9",
                      "train.label_fake=0.05", "train.label_flip=0.1", "train.instance_noise=0.2",
                      "train.instance_noise_steps=15",
                      "train.optimizer={type: sgd, momentum: 0.5, weight_decay: 0.01, lr_d: 0.05, lr_g: 0.1}"),
    "wasserstein": ("train.objective=wasserstein", "train.weight_clip=0.05", "train.d_steps=2",
                    "train.optimizer={type: rmsprop, lr_d: 1e-3, lr_g: 1e-3}"),
    "relativistic": ("train.objective=relativistic", "train.g_steps=2", "train.instance_noise=0.1",
                     "train.optimizer={lr_d: 1e-3, lr_g: 1e-3}"),
}
# A key of a way with another value: it must matter.
OTHERS = {
    "hinge": ("train.clip_norm=0.01", "train.optimizer.weight_decay=0.5", "train.objective=minimax"),
    "least_squares": ("train.label_real=1", "train.label_fake=0", "train.label_flip=0",
                      "train.instance_noise=0.1", "train.instance_noise_steps=10",
                      "train.optimizer.weight_decay=0", "train.objective=non_saturating"),
    "wasserstein": ("train.weight_clip=0.01", "train.optimizer.alpha=0.9",
                    "train.optimizer.momentum=0.5", "train.weight_clip=null"),
    "relativistic": ("train.objective=non_saturating", "train.instance_noise=0"),
}
REPRODUCIBLE = "compute.reproducible=true"


@needs_h5_tools
class Objectives(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def run_of(self, way, name, *more, ranks=None):
        return self.train(self.path, name, *all_settings(*WAYS[way], *more), ranks=ranks)

    def assert_same_learning(self, a, b, step=20):
        """To the bit; and in every record but what names ranks and times."""
        records = [[{k: v for k, v in r.items() if k != "ranks"}
                    for r in untimed(metrics(self.folder / name))] for name in (a, b)]
        self.assertEqual(records[0], records[1])
        self.assertEqual(h5_differences(checkpoint(self.folder / a, step),
                                        checkpoint(self.folder / b, step), *PARTS), "")

    def test_stopped_and_resumed(self):
        for way in WAYS:
            for ranks in (None, 3):
                straight, run = f"{way}-straight-{ranks}", f"{way}-{ranks}"
                self.run_of(way, straight, ranks=ranks)
                for steps in (7, 20):
                    self.run_of(way, run, f"train.steps={steps}", ranks=ranks)
                self.assert_same_learning(straight, run)

    def test_reproducible(self):
        """One rank, three and five, and two threads."""
        for way in WAYS:
            self.run_of(way, f"{way}-alone", REPRODUCIBLE)
            for ranks, threads in ((3, 1), (5, 1), (1, 2)):
                name = f"{way}-{ranks}-{threads}"
                self.run_of(way, name, REPRODUCIBLE, f"compute.threads={threads}", ranks=ranks)
                self.assert_same_learning(f"{way}-alone", name)

    def test_shared_weights(self):
        for way in WAYS:
            self.run_of(way, f"{way}-own", "comm.sum=window", ranks=3)
            self.run_of(way, f"{way}-shared", "comm.share_weights=true", ranks=3)
            self.assert_same_learning(f"{way}-own", f"{way}-shared")

    def test_each_key_counts(self):
        for way, others in OTHERS.items():
            self.run_of(way, way)
            for other in others:
                name = f"{way}-{other}"
                self.run_of(way, name, other)
                self.assertNotEqual(h5_differences(checkpoint(self.folder / name, 20),
                                                   checkpoint(self.folder / way, 20),
                                                   "/discriminator/param"), "", name)

    def test_what_relativistic_wants(self):
        """The whole batch of a rank in one pass, data and generated samples together."""
        relative = all_settings("train.objective=relativistic")
        pieces = self.run_program("train", self.path, *relative, *all_settings("train.microbatch=4"))
        self.assert_fails(pieces, USAGE, "train.microbatch", "is 4", "train.objective", "one piece")
        self.train(self.path, "whole", *relative, *all_settings("train.microbatch=24"))
        mixed = self.config(CONFIG, ("    - leaky_relu: {slope: 0.2}\n",
                                     "    - batchnorm: {}\n    - leaky_relu: {slope: 0.2}\n"))
        result = self.run_program("train", mixed, *relative)
        self.assert_fails(result, USAGE, "train.objective", "layer 1 (batchnorm) of the discriminator",
                          "layernorm")

    def test_one_batch_in_pieces(self):
        """Targets, flips and noise hang on the sample: pieces are the whole, to the bit where sums are
        exact."""
        self.path = self.config(CONFIG, ("batchnorm: {}", "batchnorm: {stats: ghost, ghost_size: 2}"))
        for name, size in (("whole", 24), ("pieces", 4)):
            self.run_of("least_squares", name, REPRODUCIBLE, f"train.microbatch={size}")
        self.assert_same_learning("whole", "pieces")

    def test_names_in_the_checkpoint(self):
        """PyTorch's."""
        for way, kind, moments in (("hinge", "adamw", ("exp_avg", "exp_avg_sq")),
                                   ("wasserstein", "rmsprop", ("square_avg", "momentum_buffer"))):
            self.run_of(way, way)
            saved = checkpoint(self.folder / way, 20)
            self.assertEqual(h5_attribute(saved, "/generator/optimizer/type").strip('"'), kind)
            for moment in moments:
                self.assertEqual(h5_differences(saved, saved, f"/generator/optimizer/{moment}"), "")

    def test_norms_are_those_before_clipping(self):
        """One step that is clipped to nearly nothing reports what the free one does."""
        for name, most in (("free", "null"), ("clipped", "1e-6")):
            self.run_of("hinge", name, "train.steps=1", f"train.clip_norm={most}")
        free, clipped = (metrics(self.folder / name)[0] for name in ("free", "clipped"))
        self.assertEqual(free["d_grad_norm"], clipped["d_grad_norm"])
        self.assertGreater(clipped["d_grad_norm"], 1e-3)


if __name__ == "__main__":
    support.main()

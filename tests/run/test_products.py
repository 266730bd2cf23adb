"""What multiplies is a choice: with each library and precision a run gives the same bits again,
stopped or not, and with compute.reproducible on any number of ranks and threads."""
import itertools
import re

import support
from support import Case, all_settings, checkpoint, h5_differences, metrics, needs_h5_tools, untimed

STEPS = 24

# All that oneDNN takes: products of few rows and of many, convolutions and transposed ones; and what
# it leaves alone: a single logit, a picture of one channel.
CONFIG = f"""\
name: products
seed: 3
task: gan
data:
  path: builtin:digits
model:
  latent: 24
  generator:
    - linear: {{units: 256, bias: false}}
    - batchnorm: {{}}
    - relu: {{}}
    - reshape: {{shape: [16, 4, 4]}}
    - conv_transpose2d: {{channels: 16, kernel: 4, stride: 2, padding: 1}}
    - relu: {{}}
    - conv2d: {{channels: 1, kernel: 3, padding: 1}}
    - tanh: {{}}
  discriminator:
    - conv2d: {{channels: 16, kernel: 3, padding: 1}}
    - leaky_relu: {{slope: 0.2}}
    - conv2d: {{channels: 32, kernel: 4, stride: 2, padding: 1, spectral_norm: true}}
    - leaky_relu: {{slope: 0.2}}
    - flatten: {{}}
    - linear: {{units: 64}}
    - leaky_relu: {{slope: 0.2}}
    - linear: {{units: 1}}
train:
  batch: 48
  steps: {STEPS}
  log_every: 6
checkpoint: {{every_steps: 12, keep_last: 2}}
samples: {{every_steps: {STEPS}, count: 9}}
"""

CHOICES = {"OpenBLAS": ("compute.library=openblas",),
           "oneDNN": ("compute.library=onednn",),
           "bf16": ("compute.precision=bf16", "compute.emulate_bf16=true")}


@needs_h5_tools
class Products(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)
        version = self.run_program("--version").out
        self.choices = dict(CHOICES)
        if "oneDNN 2" not in version and "oneDNN 3" not in version:
            print("only OpenBLAS: " + re.search("products: .*", version)[0])
            self.choices = {"OpenBLAS": CHOICES["OpenBLAS"]}

    def trained(self, name, words, **options):
        run_dir = self.folder / name.replace(" ", "-")
        self.train(self.path, run_dir, *all_settings(*words), **options)
        return run_dir

    def assert_same_state(self, a, b):
        """But for the number of ranks, and a line at a stop."""
        a_lines, b_lines = ([{**r, "ranks": 0} for r in untimed(metrics(run_dir))
                             if r["step"] % 6 == 0] for run_dir in (a, b))
        self.assertEqual(a_lines, b_lines)
        self.assertEqual(h5_differences(checkpoint(a, STEPS), checkpoint(b, STEPS), "/generator",
                                        "/discriminator"), "")

    def test_again_and_resumed(self):
        for name, words in self.choices.items():
            with self.subTest(name):
                once = self.trained(f"{name} once", words, ranks=2)
                self.assert_same_state(once, self.trained(f"{name} again", words, ranks=2))
                self.trained(f"{name} in two", (*words, "train.steps=13"), ranks=2)
                self.assert_same_state(once, self.trained(f"{name} in two", words, ranks=2))

    def test_worlds_and_threads(self):
        for name, words in self.choices.items():
            words = (*words, "compute.reproducible=true")
            with self.subTest(name):
                alone = self.trained(f"{name} alone", words)
                for ranks in (2, 3):
                    self.assert_same_state(alone, self.trained(f"{name} on {ranks}", words,
                                                               ranks=ranks))
                threads = (*words, "compute.threads=2")
                self.assert_same_state(alone, self.trained(f"{name} threads", threads))

    def test_they_differ(self):
        """So that the comparisons above mean something; and all compute the same step, nearly."""
        first = {}
        for name, words in self.choices.items():
            run_dir = self.trained(f"{name} short", (*words, "train.steps=1", "train.log_every=1"))
            first[name] = metrics(run_dir)[0]
        for a, b in itertools.combinations(first, 2):
            self.assertNotEqual(first[a]["d_grad_norm"], first[b]["d_grad_norm"], (a, b))
            tolerance = 2e-2 if "bf16" in (a, b) else 1e-5  # a few roundings of each
            for key in ("d_loss", "g_loss", "d_grad_norm", "g_grad_norm"):
                self.assertLess(abs(first[a][key] / first[b][key] - 1), tolerance, (a, b, key))

    def test_what_is_not_there(self):
        """bf16 where nothing multiplies it: one line, and fp32."""
        result = self.train(self.path, self.folder / "none", *all_settings(
            "compute.library=openblas", "compute.precision=bf16", "train.steps=1"), ranks=2)
        self.assertEqual(result.out.count("OpenBLAS has no bf16; it computes in fp32"), 1)


if __name__ == "__main__":
    support.main()

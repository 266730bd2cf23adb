"""Checkpoints are written beside training: they come when they are due, change nothing of the run,
and cost it little."""
import os

import support
from support import (SOURCE, TINY, Case, checkpoint, checkpoints, metrics, snapshot,
                     write_idx_folder)

# Steps that a checkpoint may slow: from the one that takes the copy to the end of the writing.
AROUND = 25

# The 95th percentile of the steps around a checkpoint is at most this many times that of the others.
MOST = 1.3


def percentile(values, part):
    """By linear interpolation between the neighbours in rank."""
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


class Saving(Case):
    def test_minutes(self):
        """By rank 0's clock, and the run is the one without."""
        path = self.config(TINY, ("every_steps: 10, keep_last: 10", "every_steps: 0, keep_last: 1000"),
                           ("steps: 20", "steps: 20000"), ("log_every: 5", "log_every: 1000"),
                           ("{every_steps: 10, count", "{every_steps: 0, count"))
        straight, timed = self.folder / "straight", self.folder / "timed"
        self.train(path, straight, ranks=2)
        self.assertEqual(checkpoints(straight), [20000])
        result = self.train(path, timed, "--set", "checkpoint.every_minutes=0.002", ranks=2)
        steps = checkpoints(timed)
        self.assertGreater(len(steps), 2, str(result))
        self.assertEqual(snapshot(straight / "samples").keys(), snapshot(timed / "samples").keys())
        self.assertEqual(support.untimed(metrics(straight)), support.untimed(metrics(timed)))
        self.assertEqual(support.h5_differences(checkpoint(straight, 20000), checkpoint(timed, 20000),
                                                "/generator", "/discriminator"), "")
        for step in steps[:-1]:
            self.assertRegex(result.out, rf"checkpoint of step {step}: .*iB in .* s .*, beside training")
        resumed = self.train(path, timed, "--set", "train.steps=20001", ranks=2)
        self.assertIn("resuming from step 20000", resumed.out)

    def test_each_is_the_state_of_its_step(self):
        """Written while later steps change the weights, each equals that of a run that ends there."""
        path = self.config(TINY, ("every_steps: 10, keep_last: 10", "every_steps: 1, keep_last: 100"))
        self.train(path, "run", ranks=2)
        self.assertEqual(checkpoints(self.folder / "run"), list(range(1, 21)))
        for step in (1, 7, 19):
            self.train(path, f"to-{step}", "--set", f"train.steps={step}", ranks=2)
            self.assertEqual(
                support.h5_differences(checkpoint(self.folder / "run", step),
                                       checkpoint(self.folder / f"to-{step}", step),
                                       "/generator", "/discriminator"), "")


@support.unittest.skipUnless(os.environ.get("MPIGAN_COST"),
                             "a measurement, for an idle machine: ctest -R run_saving_cost")
class Cost(Case):
    def test_steps_around_a_checkpoint(self):
        """The digit GAN on two ranks, on data of MNIST's shape."""
        write_idx_folder(self.folder / "mnist", 12800)
        self.train(SOURCE / "configs/mnist-mlp.yaml", "run", "--set", "data.path=mnist",
                   "--set", "train.epochs=null", "--set", "train.steps=4000",
                   "--set", "train.log_every=1", "--set", "checkpoint.every_steps=100",
                   "--set", "samples.every_steps=0", ranks=2, timeout=1200)
        times = [r["wall_s"] for r in metrics(self.folder / "run")]
        around, others = [], []
        for step in range(101, 4000):
            took = times[step] - times[step - 1]  # of step + 1: 101, 201, ... pay for the copy
            (around if step % 100 < AROUND else others).append(took)
        ratio = percentile(around, 0.95) / percentile(others, 0.95)
        print(f"95th percentile: {1e3 * percentile(around, 0.95):.2f} ms in {AROUND} steps from a "
              f"checkpoint on, {1e3 * percentile(others, 0.95):.2f} ms in the others: {ratio:.3f} "
              f"times; medians {1e3 * percentile(around, 0.5):.2f} and "
              f"{1e3 * percentile(others, 0.5):.2f} ms")
        self.assertLessEqual(ratio, MOST)


if __name__ == "__main__":
    support.main()

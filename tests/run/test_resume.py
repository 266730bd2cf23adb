"""A run that was stopped and goes on is the run that was never stopped: same weights, moments and
statistics to the bit, same metrics but for times, same samples, same config."""
import os
import random
import signal

import support
from support import (OK, TEMPORARY, Case, checkpoint, checkpoints, h5_differences, last_step, lines,
                     metrics, needs_h5_tools, samples, snapshot, untimed, wait_for)

# Steps take some milliseconds, so that a signal can hit any of them; an epoch is 18.7 steps.
CONFIG = """\
name: stopped
seed: 3
data: {path: "builtin:digits", shards: 12}
model:
  latent: 16
  generator:
    - linear: {units: 512, bias: false}
    - batchnorm: {}
    - relu: {}
    - linear: {units: 64}
    - sigmoid: {}
  discriminator:
    - linear: {units: 512}
    - leaky_relu: {slope: 0.2}
    - dropout: {p: 0.2}
    - linear: {units: 256}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 1}
train:
  batch: 48
  steps: 240
  d_steps: 2
  log_every: 1
checkpoint: {every_steps: 25, keep_last: 2}
samples: {every_steps: 30, count: 9}
"""
# Stops are asked for in the first half: the signal takes its time on a busy machine.
STEPS, SAMPLES_EVERY, STOPS = 240, 30, 3

EVERYTHING = ("/generator", "/discriminator", "/data")


@needs_h5_tools
class Resume(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)
        self.seed = random.randrange(10**6)
        self.draw = random.Random(self.seed)
        print(f"seed of the stops: {self.seed}", flush=True)

    def stop_and_go(self, ranks, number):
        """Starts, stops at random steps, starts again, until finished; gives where it stopped."""
        stops, run_dir = [], self.folder / "stopped"
        for at in sorted(self.draw.sample(range(1, STEPS // 2), STOPS)):
            at = max([at] + stops) + 1
            job = self.start("train", self.path, "--run-dir", run_dir, ranks=ranks)
            wait_for(lambda: last_step(run_dir) >= at or job.process.poll() is not None,
                     f"step {at}")
            job.signal(number)
            result = job.result()
            self.assertEqual(result.status, TEMPORARY, str(result))
            self.assertEqual(len(result.complaints), 1, str(result))
            self.assertIn(signal.Signals(number).name, result.complaints[0])
            stops.append(checkpoints(run_dir)[-1])
            self.assertEqual(metrics(run_dir)[-1]["step"], stops[-1])
        self.train(self.path, run_dir, ranks=ranks)
        return stops

    def check(self, ranks, number):
        straight, run_dir = self.folder / "straight", self.folder / "stopped"
        self.train(self.path, straight, ranks=ranks)
        stops = self.stop_and_go(ranks, number)
        print(f"on {ranks or 1} ranks, stopped at {stops}", flush=True)
        self.assertEqual(sorted(set(stops)), stops)
        self.assert_same_run(straight, run_dir, STEPS, EVERYTHING)
        self.assertEqual([r["step"] for r in metrics(run_dir)], list(range(1, STEPS + 1)))
        self.assertEqual(len(list((run_dir / "samples").glob("*.h5"))), STEPS // SAMPLES_EVERY)

        events = lines(run_dir / "run.jsonl")
        self.assertEqual([e["event"] for e in events], ["start", "stop"] * (STOPS + 1))
        self.assertEqual([e["start"] for e in events[::2]], [1, 2, 3, 4])
        self.assertEqual([e["step"] for e in events], [0] + [s for s in stops for _ in (0, 1)]
                         + [STEPS])
        self.assertEqual([e["status"] for e in events[1::2]], [TEMPORARY] * STOPS + [OK])
        self.assertTrue(all(signal.Signals(number).name in e["reason"] for e in events[1:-1:2]))
        self.assertEqual({e["ranks"] for e in events[::2]}, {ranks or 1})
        times = [record["wall_s"] for record in metrics(run_dir)]
        self.assertEqual(sorted(times), times)

    def test_alone_by_sigterm(self):
        self.check(None, signal.SIGTERM)

    def test_alone_by_sigint(self):
        self.check(None, signal.SIGINT)

    def test_two_ranks_by_sigusr1(self):
        self.check(2, signal.SIGUSR1)

    def test_three_ranks_by_sigusr1(self):
        self.check(3, signal.SIGUSR1)

    def test_signal_to_one_rank_only(self):
        """Whichever rank hears it, all stop at the same step and save."""
        run_dir = self.folder / "run"
        job = self.start("train", self.path, "--run-dir", run_dir, ranks=3)
        wait_for(lambda: last_step(run_dir) >= 20, "step 20")
        os.kill(job.ranks()[2], signal.SIGTERM)
        result = job.result()
        self.assertEqual(result.status, TEMPORARY, str(result))
        self.assertEqual(len(result.complaints), 1, str(result))
        self.assertEqual(checkpoints(run_dir)[-1], metrics(run_dir)[-1]["step"])
        self.assertLess(checkpoints(run_dir)[-1], STEPS)

    def test_early_signal(self):
        """A signal that comes before the first step is not lost: the run saves and says 75."""
        for moment in range(4):
            run_dir = self.folder / f"run-{moment}"
            job = self.start("train", self.path, "--run-dir", run_dir, ranks=2)
            if moment == 0:
                wait_for(lambda: (run_dir / "run.lock").exists(), "the lock")
            elif moment == 1:
                wait_for(lambda: (run_dir / "config.yaml").exists(), "the config")
            else:
                wait_for(lambda: (run_dir / "run.jsonl").exists(), "the first record")
            job.signal(signal.SIGUSR1)
            result = job.result()
            self.assertEqual(result.status, TEMPORARY, str(result))
            self.assertLess(checkpoints(run_dir)[-1], STEPS)

    def test_same_config_twice(self):
        for ranks in (None, 3):
            a, b = self.folder / f"a{ranks}", self.folder / f"b{ranks}"
            for run_dir in (a, b):
                self.train(self.path, run_dir, ranks=ranks)
            self.assert_same_run(a, b, STEPS, EVERYTHING)

    def test_another_seed_is_another_run(self):
        """So that the comparisons above mean something."""
        a, b = self.folder / "a", self.folder / "b"
        short = ("--set", "train.steps=20", "--set", "samples.every_steps=20")
        self.train(self.path, a, *short)
        self.train(self.path, b, *short, "--set", "seed=4")
        for name in ("/generator/param", "/generator/buffer", "/discriminator/param",
                     "/generator/optimizer"):
            self.assertNotEqual(h5_differences(checkpoint(a, 20), checkpoint(b, 20), name), "")
        self.assertNotEqual(h5_differences(samples(a, 20), samples(b, 20), "/images"), "")
        self.assertNotEqual(untimed(metrics(a)), untimed(metrics(b)))
        self.assertNotEqual(snapshot(a / "samples"), snapshot(b / "samples"))

    def test_other_world_size_goes_on(self):
        """The state is global: 3 ranks save, 2 go on, 1 finishes."""
        run_dir = self.folder / "run"
        for ranks, steps in ((3, 40), (2, 80), (None, STEPS)):
            self.train(self.path, run_dir, "--set", f"train.steps={steps}", ranks=ranks)
        records = metrics(run_dir)
        self.assertEqual([r["step"] for r in records], list(range(1, STEPS + 1)))
        self.assertEqual([records[i]["ranks"] for i in (0, 39, 40, 79, 80)], [3, 3, 2, 2, 1])


if __name__ == "__main__":
    support.main()

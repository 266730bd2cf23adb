"""SIGKILL at any moment: of rank 0, of another rank, of all, or of mpirun itself, whose ranks then
live on for seconds.  The same command is given again at once, until the run is finished; then it is
the run that nobody disturbed."""
import json
import os
import random
import signal
import time

import support
from support import (OK, TINY, Case, checkpoint, checkpoints, edit, last_step, metrics,
                     needs_h5_tools, run, wait_for)

# A kill is never aimed at the last steps: it takes some steps to strike.
RANKS, STEPS = 3, 260

# The digit GAN's generator at half its width, on made-up images of 28x28.
CONFIG = f"""\
name: killed
seed: 5
data: {{path: images, shards: 12}}
model:
  latent: 64
  generator:
    - linear: {{units: 256, bias: false}}
    - batchnorm: {{}}
    - relu: {{}}
    - linear: {{units: 512, bias: false}}
    - batchnorm: {{}}
    - relu: {{}}
    - linear: {{units: 784}}
    - sigmoid: {{}}
  discriminator:
    - linear: {{units: 256}}
    - leaky_relu: {{slope: 0.2}}
    - linear: {{units: 1}}
train: {{batch: 48, steps: {STEPS}, log_every: 1}}
checkpoint: {{every_steps: 10, keep_last: 2}}
samples: {{every_steps: 50, count: 4}}
"""

# A checkpoint of 14 MB after every step, all of them kept.
LARGE = edit(TINY, ("units: 32, bias", "units: 8192, bias"), ("units: 32}", "units: 8192}"),
             ("batch: 24", "batch: 4"), ("steps: 20\n", "steps: 100000\n"),
             ("every_steps: 10, keep_last: 10", "every_steps: 1, keep_last: 1000"),
             ("every_steps: 10, count: 8", "every_steps: 0, count: 1"))

# Who is killed, in this order; the victims by rank, "launcher" for mpirun.
ROUNDS = [[0], ["launcher"], [1], [0, 1, 2], ["launcher"], [2], [0], ["launcher", 0], [1, 2],
          ["launcher"]]


@needs_h5_tools
class Kill(Case):
    def setUp(self):
        super().setUp()
        support.write_idx(self.folder / "images", (500, 28, 28))
        self.path = self.config(CONFIG)
        self.run_dir = self.folder / "killed"
        self.command = ("train", self.path, "--run-dir", self.run_dir)
        seed = random.randrange(10**6)
        self.draw = random.Random(seed)
        print(f"seed of the kills: {seed}", flush=True)

    def starts(self):
        """The records of starts; a line that is being written is not yet one."""
        text = (self.run_dir / "run.jsonl").read_text()
        records = map(json.loads, text[:text.rfind("\n") + 1].splitlines())
        return [record for record in records if record["event"] == "start"]

    def strike(self, job, victims):
        """Kills them, each as soon as it runs: on a busy machine mpirun takes its time to start its
        ranks, and a job that was not struck would run on beside the next.  One that has ended is
        left out."""
        for victim in victims:
            pid = job.pid
            if victim != "launcher":
                wait_for(lambda victim=victim: victim in job.ranks() or not job.members()
                         or job.process.poll() is not None, f"rank {victim} to begin")
                pid = job.ranks().get(victim)
            try:
                if pid:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def check_what_is_left(self, jobs):
        """Where nobody writes any more, every checkpoint that has its name is whole."""
        wait_for(lambda: 0 not in jobs[-1].ranks(), "the end of rank 0")
        if checkpoints(self.run_dir) and not any(0 in job.ranks() for job in jobs):
            result = run("inspect", self.run_dir, "--verify")
            self.assertEqual(result.status, OK, str(result))

    def test_until_it_is_finished(self):
        straight = self.folder / "straight"
        self.train(self.path, straight, ranks=RANKS)
        jobs = []
        for victims in ROUNDS:
            before = last_step(self.run_dir)
            job = self.start(*self.command, ranks=RANKS)
            jobs.append(job)
            # Mostly at a random step of this start, some steps away; now and then while it starts.
            if self.draw.random() < 0.75:
                begun = time.monotonic()
                moment = self.draw.randrange(1, 25)
                target = min(max(checkpoints(self.run_dir) or [0]) + moment, STEPS - 60)
                wait_for(lambda: before != last_step(self.run_dir) >= target
                         or job.process.poll() is not None
                         or time.monotonic() - begun > 40, "a step")
            else:
                time.sleep(self.draw.uniform(0.05, 1.5))
            self.assertIsNone(job.process.poll(), "finished too soon: nothing left to kill")
            print(f"kill {victims} at step {last_step(self.run_dir)}, checkpoints "
                  f"{checkpoints(self.run_dir)}", flush=True)
            self.strike(job, victims)
            if 0 in victims:
                self.check_what_is_left(jobs)
        last = self.start(*self.command, ranks=RANKS)
        result = last.result()
        self.assertEqual(result.status, OK, str(result))

        self.assertEqual([r["step"] for r in metrics(self.run_dir)], list(range(1, STEPS + 1)))
        self.assert_same_run(straight, self.run_dir, STEPS)
        self.assertEqual(checkpoints(self.run_dir), checkpoints(straight))
        self.assertEqual(list(self.run_dir.rglob("*.tmp")), [])
        starts = [e["start"] for e in self.starts()]
        self.assertEqual(starts, list(range(1, len(starts) + 1)))
        for job in jobs:
            wait_for(job.ended, "the end of the killed job's ranks", 20)
            job.kill()

    def test_peers_of_a_dead_rank_end(self):
        """No rank waits for ever for one that is gone."""
        job = self.start(*self.command, "--set", "train.steps=100000", ranks=RANKS)
        wait_for(lambda: last_step(self.run_dir) >= 3, "step 3")
        ranks = job.ranks()
        self.assertEqual(sorted(ranks), list(range(RANKS)))
        os.kill(ranks[1], signal.SIGKILL)
        wait_for(job.ended, "the end of its peers", 20)
        job.kill()
        self.assertNotEqual(job.result().status, OK)

    def test_lock_outlives_mpirun(self):
        """mpirun is killed, its rank 0 lives on (and is held up here): a start at once says that it
        waits, and begins only when that rank is gone."""
        job = self.start(*self.command, ranks=RANKS)
        wait_for(lambda: checkpoints(self.run_dir), "a checkpoint")
        orphan = job.ranks()[0]
        os.kill(job.pid, signal.SIGKILL)
        job.process.wait()
        os.kill(orphan, signal.SIGSTOP)  # before mpirun's end it would be woken by a SIGHUP
        second = self.start(*self.command, ranks=RANKS)
        wait_for(lambda: "waiting for the run folder" in second.output()
                 or len(self.starts()) > 1, "the second start to wait")
        self.assertEqual(len(self.starts()), 1)
        os.kill(orphan, signal.SIGCONT)
        wait_for(lambda: len(self.starts()) == 2 or second.process.poll() is not None,
                 "the second start's record")
        self.assertNotIn(orphan, job.members())
        result = second.result()
        self.assertEqual(result.status, OK, str(result))
        records = metrics(self.run_dir)
        self.assertEqual([r["step"] for r in records], list(range(1, STEPS + 1)))
        self.assertEqual(sorted(r["start"] for r in records), [r["start"] for r in records])
        self.assertEqual(self.starts()[0]["pid"], orphan)

    def test_no_half_checkpoint_is_ever_seen(self):
        """A run that does little but write checkpoints: whoever looks, and whenever it is killed,
        each file that has its name is whole."""
        path = self.config(LARGE, name="large.yaml")
        run_dir, looks = self.folder / "large", 0
        for _ in range(4):
            job = self.start("train", path, "--run-dir", run_dir)
            before = checkpoints(run_dir)
            wait_for(lambda: checkpoints(run_dir) != before or job.process.poll() is not None,
                     "a checkpoint")
            self.assertIsNone(job.process.poll())
            end = time.monotonic() + self.draw.uniform(0.3, 0.6)
            while time.monotonic() < end:
                newest = checkpoint(run_dir, checkpoints(run_dir)[-1])
                with open(newest, "rb") as file:
                    promised = int(file.read(512).split(b"bytes ", 1)[1].split(b"\n")[0])
                    self.assertEqual(file.seek(0, os.SEEK_END), 512 + promised, newest)
                looks += 1
            job.kill()
            result = run("inspect", run_dir, "--verify")
            self.assertEqual(result.status, OK, str(result))
        self.assertGreater(looks, 100)


if __name__ == "__main__":
    support.main()

"""SIGKILL at many random moments of one run, MPIGAN_KILLS of them: of rank 0, of another rank, of
all, of mpirun alone (whose ranks live on for seconds), of everything. The same command is given
again at once. Nothing hangs, nothing is torn, and the end is the run that nobody disturbed."""
import json
import os
import random
import signal
import time

import support
from support import (OK, TINY, Case, checkpoint, checkpoints, edit, h5_differences, lines, metrics,
                     needs_h5_tools, run, samples, snapshot, untimed, wait_for)

KILLS = int(os.environ.get("MPIGAN_KILLS", "20"))

# The time in which the job and what it leaves behind are gone.
GONE_S = 30

# So many files are written that a kill often strikes in the middle of one.
CONFIG = edit(TINY, ("log_every: 5", "log_every: 2"),
              ("every_steps: 10, keep_last: 10", "every_steps: 10, keep_last: 3"),
              ("every_steps: 10, count: 8", "every_steps: 100, count: 8"))

# The run has no end while it is killed; its last start is told one.
ENDLESS = ("--set", "train.steps=100000000")

LAUNCHER = "mpirun"
VICTIMS = {
    "rank 0": (0,),
    "rank 1": (1,),
    "both ranks": (0, 1),
    "mpirun alone": (LAUNCHER,),
    "mpirun and rank 0": (LAUNCHER, 0),
    "everything": (LAUNCHER, 0, 1),
}


@needs_h5_tools
class Kills(Case):
    def setUp(self):
        super().setUp()
        self.path, self.run_dir = self.config(CONFIG), self.folder / "killed"
        seed = int(os.environ.get("MPIGAN_SEED", random.randrange(10**6)))
        self.draw = random.Random(seed)
        self.struck, self.old = {}, []  # how often whom; (job, when) of those killed
        print(f"{KILLS} kills, MPIGAN_SEED={seed}", flush=True)

    def starts(self):
        """How many starts are recorded; a line that is being written is not yet one."""
        try:
            text = (self.run_dir / "run.jsonl").read_text()
        except FileNotFoundError:
            return 0
        whole = text[:text.rfind("\n") + 1].splitlines()
        return sum(json.loads(line)["event"] == "start" for line in whole)

    def wait_for_moment(self, job, starts):
        """Mostly while it trains and writes; now and then while it starts."""
        if self.draw.random() < 0.25:
            time.sleep(self.draw.uniform(0, 1.5))
            return
        wait_for(lambda: self.starts() > starts or job.process.poll() is not None, "its start")
        self.assertIsNone(job.process.poll(), "it ended by itself")
        time.sleep(self.draw.uniform(0, 0.6))

    def strike(self, job, name):
        """Kills them all at once; where none of them is there yet, everything."""
        ranks = job.ranks()
        found = [job.pid if victim == LAUNCHER else ranks.get(victim) for victim in VICTIMS[name]]
        if not any(found):
            name, found = "everything", [job.pid, *ranks.values()]
        for pid in filter(None, found):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.struck[name] = self.struck.get(name, 0) + 1
        self.old.append((job, time.monotonic()))

    def check_gone(self, but=0):
        """The killed jobs, without the last `but`, are gone in time."""
        for job, when in self.old[:len(self.old) - but]:
            wait_for(job.ended, f"the end of a killed job's ranks {job.ranks()}",
                     max(0.01, GONE_S - (time.monotonic() - when)))
            job.kill()
            self.assertNotEqual(job.result().status, OK)
        del self.old[:len(self.old) - but]

    def check_files(self):
        """Nobody writes: every file that has its final name is whole."""
        if not checkpoints(self.run_dir):
            return
        result = run("inspect", self.run_dir, "--verify")
        self.assertEqual(result.status, OK, str(result))
        self.assertLessEqual(len(checkpoints(self.run_dir)), 4)
        text = (self.run_dir / "metrics.jsonl").read_text()
        steps = [json.loads(line)["step"] for line in text[:text.rfind("\n") + 1].splitlines()]
        self.assertEqual(steps, list(range(2, 2 * len(steps) + 1, 2)))
        self.assertGreaterEqual(steps[-1], checkpoints(self.run_dir)[-1])

    def assert_same(self, a, b, steps):
        """The two are one run. Sample files hold the config of their start, whose train.steps is
        not the same: of those the pictures are compared, and the numbers of five."""
        self.assertTrue(untimed(metrics(a)) == untimed(metrics(b)), "metrics.jsonl differs")
        self.assertEqual((a / "config.yaml").read_text(), (b / "config.yaml").read_text())
        self.assertEqual(checkpoints(a), checkpoints(b))
        self.assertEqual(h5_differences(checkpoint(a, steps), checkpoint(b, steps), "/generator",
                                        "/discriminator", "/data"), "")
        files, others = snapshot(a / "samples"), snapshot(b / "samples")
        self.assertEqual(list(files), list(others))
        self.assertEqual([n for n in files if n.endswith(".png") and files[n] != others[n]], [])
        numbers = [int(name[5:13]) for name in files if name.endswith(".h5")]
        for step in self.draw.sample(numbers, min(5, len(numbers))):
            self.assertEqual(h5_differences(samples(a, step), samples(b, step), "/images",
                                            "/latent"), "")

    def test_the_end_is_the_same(self):
        for kill in range(KILLS):
            starts = self.starts()
            job = self.start("train", self.path, "--run-dir", self.run_dir, *ENDLESS, ranks=2)
            self.wait_for_moment(job, starts)
            self.check_gone()
            name = self.draw.choice(list(VICTIMS))
            self.strike(job, name)
            if self.draw.random() < 0.3:  # else the next start comes at once
                self.check_gone()
                self.check_files()
            if kill % 20 == 19:
                print(f"{kill + 1} kills, checkpoints {checkpoints(self.run_dir)}", flush=True)
        self.check_gone()
        self.check_files()
        print(self.struck, flush=True)

        steps = max(checkpoints(self.run_dir) or [0]) + 25
        last = ("--set", f"train.steps={steps}")
        self.train(self.path, self.run_dir, *last, ranks=2, timeout=300)
        straight = self.folder / "straight"
        self.train(self.path, straight, *last, ranks=2, timeout=3000)
        self.assert_same(straight, self.run_dir, steps)
        self.assertEqual(list(self.run_dir.rglob("*.tmp")), [])
        numbers = [e["start"] for e in lines(self.run_dir / "run.jsonl") if e["event"] == "start"]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        shown = [record["start"] for record in metrics(self.run_dir)]
        self.assertEqual(sorted(shown), shown)
        print(f"{steps} steps in {len(numbers)} recorded starts, "
              f"{checkpoint(self.run_dir, steps).name} is the same", flush=True)


if __name__ == "__main__":
    support.main()

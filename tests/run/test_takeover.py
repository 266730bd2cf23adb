"""A requeued Slurm job takes its run folder over from its own earlier start; that one learns it and
ends without another word in the folder."""
import signal
import time

import support
from support import (OUTPUT, TEMPORARY, TINY, Case, checkpoints, last_step, lines, metrics, snapshot,
                     wait_for)

LOG_EVERY = 100

# Steps without end: whether a start goes on is then never a matter of speed.  Samples hold the
# config, with its number of steps, so only those of the end can be compared.
ENDLESS = support.edit(TINY, ("  steps: 20\n", "  steps: 90000000\n"),
                       ("log_every: 5", f"log_every: {LOG_EVERY}"),
                       ("{every_steps: 10, keep_last: 10}", "{every_steps: 500, keep_last: 2}"),
                       ("every_steps: 10, count", "every_steps: 0, count"))


def restart(count, job=7):
    return {"SLURM_JOB_ID": str(job), "SLURM_RESTART_COUNT": str(count)}


class TakeOver(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(ENDLESS)
        self.run_dir = self.folder / "run"
        self.command = ("train", self.path, "--run-dir", "run")

    def start_first(self, ranks):
        job = self.start(*self.command, ranks=ranks, env=restart(0))
        wait_for(lambda: last_step(self.run_dir) >= 1000, "step 1000")
        return job

    def assert_taken_over(self, job):
        result = job.result()
        self.assert_fails(result, OUTPUT, "run was taken over", "job 7 restart 1)",
                          "nothing more is written")
        self.assertNotIn("earlier checkpoints", result.err)
        self.assertIn("was taken over", (self.run_dir / "log.txt").read_text())

    def check(self, ranks):
        first = self.start_first(ranks)
        began = time.monotonic()
        second = self.start(*self.command, ranks=ranks, env=restart(1))
        self.assert_taken_over(first)
        print(f"on {ranks or 1} ranks: given up after {time.monotonic() - began:.1f} s")
        wait_for(lambda: len(lines(self.run_dir / "run.jsonl")) == 2, "the second's start")
        began_at = lines(self.run_dir / "run.jsonl")[1]["step"]
        self.assertGreaterEqual(began_at, 1000)
        wait_for(lambda: last_step(self.run_dir) > began_at + 1000, "the second to go on")
        second.signal(signal.SIGUSR1)
        result = second.result()
        self.assertEqual(result.status, TEMPORARY, str(result))
        self.assertIn("an earlier start of this job", result.out)

        end = ("--set", f"train.steps={checkpoints(self.run_dir)[-1] + 50}")
        self.train(self.path, "run", *end, ranks=ranks)
        self.train(self.path, "straight", *end, ranks=ranks)
        last = checkpoints(self.run_dir)[-1]
        self.assert_same_run(self.run_dir, self.folder / "straight", last)
        self.assertEqual([r["step"] for r in metrics(self.run_dir)],
                         list(range(LOG_EVERY, last, LOG_EVERY)) + [last])
        events = [(e["event"], e["start"]) for e in lines(self.run_dir / "run.jsonl")]
        self.assertEqual(events, [("start", 1), ("start", 2), ("stop", 2), ("start", 3), ("stop", 3)])

    def test_alone(self):
        self.check(None)

    def test_two_ranks(self):
        self.check(2)

    def test_others_wait(self):
        """The same restart count (a second srun of the job), and another job."""
        first = self.start_first(None)
        for env in (restart(0), restart(1, job=8)):
            result = self.run_program(*self.command, "--set", "train.lock_wait_s=1", env=env)
            self.assert_fails(result, OUTPUT, f"pid {first.pid} job 7 restart 0", "in use")
        step = last_step(self.run_dir)
        wait_for(lambda: last_step(self.run_dir) > step, "the first run to go on")
        first.signal(signal.SIGTERM)
        self.assertEqual(first.result().status, TEMPORARY)

    def test_suspended_start(self):
        """It sleeps while its successor does all the work, and wakes to change nothing."""
        self.command += ("--set", "checkpoint.every_steps=5")  # it is caught while it writes one
        first = self.start_first(None)
        first.signal(signal.SIGSTOP)
        step = checkpoints(self.run_dir)[-1]
        self.train(self.path, "run", "--set", f"train.steps={step + 700}", env=restart(1))
        before = snapshot(self.run_dir, but=("log.txt",))
        first.signal(signal.SIGCONT)
        result = first.result()
        self.assert_fails(result, OUTPUT, "was taken over", "a run that has ended since")
        self.assertEqual(snapshot(self.run_dir, but=("log.txt",)), before)


if __name__ == "__main__":
    support.main()

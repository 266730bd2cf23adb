"""Ranks that are stopped (SIGSTOP), at any place: the job ends by itself within its limit, says who
is missing in what, and goes on afterwards as if nothing had been.  A job that is suspended as a whole,
and a rank that is only slow, are left in peace."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time

import support
from support import (OK, TEMPORARY, TINY, Case, edit, last_step, lines, needs_h5_tools, snapshot,
                     wait_for)

RANKS, STEPS, LIMIT = 3, 3000, 3

# Beyond the limit: ticks, the stagger of ranks 1 and 2, MPI_Abort, and a busy machine.
SLACK_S = 15

CONFIG = edit(TINY, ("steps: 20\n", f"steps: {STEPS}\n  watchdog_s: {LIMIT}\n"),
              ("log_every: 5", "log_every: 10"),
              ("every_steps: 10, keep_last: 10", "every_steps: 50, keep_last: 1000"),
              ("every_steps: 10, count", "every_steps: 100, count"))

# MPI as it is where only one thread may call it: a library that the program is started with.
ONE_THREAD = """\
int PMPI_Init_thread(int *argc, char ***argv, int required, int *provided);
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided);
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
  (void)required;
  return PMPI_Init_thread(argc, argv, 1, provided); /* MPI_THREAD_FUNNELED */
}
"""


@needs_h5_tools
class Watchdog(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)
        self.run_dir = self.folder / "stopped"
        self.command = ("train", self.path, "--run-dir", self.run_dir)

    def straight(self):
        folder = self.folder / "straight"
        if not folder.exists():
            self.train(self.path, folder, ranks=RANKS)
        return folder

    def begin(self, *words, step=60, **options):
        """A job that has done some steps, and its ranks' processes."""
        step += max(last_step(self.run_dir), 0)
        job = self.start(*self.command, *words, ranks=RANKS, **options)
        wait_for(lambda: last_step(self.run_dir) >= step or job.process.poll() is not None, "a step")
        self.assertIsNone(job.process.poll(), "finished too soon: nothing left to stop")
        ranks = job.ranks()
        self.assertEqual(sorted(ranks), list(range(RANKS)))
        return job, ranks

    def ends(self, job, since):
        """The message of a job that ended by the watchdog, within its limit."""
        result = job.result()
        took = time.monotonic() - since
        print(f"ended after {took:.1f} s", flush=True)
        self.assert_fails(result, TEMPORARY, "no progress for", "the same command goes on")
        self.assertLess(took, LIMIT + SLACK_S)
        self.assertGreater(took, LIMIT - 1)
        wait_for(lambda: not job.members(), "the end of all its processes", 20)
        return result.complaints[0], result.out

    def assert_goes_on(self, kept):
        """What was there is as it was, and the same command ends as the straight run."""
        now = snapshot(self.run_dir / "checkpoints")
        for name, content in kept.items():
            if name.endswith(".h5"):  # what rank 0 was writing when it was stopped is none yet
                self.assertEqual(now.get(name), content, name)
        self.assertEqual(support.run("inspect", self.run_dir, "--verify").status, OK)
        result = support.run(*self.command, ranks=RANKS)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("resuming from step", result.out)
        self.assert_same_run(self.straight(), self.run_dir, STEPS)

    def stop_one(self, victim, waits):
        job, ranks = self.begin()
        os.kill(ranks[victim], signal.SIGSTOP)
        since = time.monotonic()
        time.sleep(1)  # rank 0's writer may be at work beside training
        kept = snapshot(self.run_dir / "checkpoints")
        message, _ = self.ends(job, since)
        step = int(re.search(r"at step (\d+)", message)[1])
        host = socket.gethostname()
        self.assertIn(f"rank {victim} ({host}) has not finished ", message)
        self.assertRegex(message, r"has not finished (the sum of the (generator|discriminator)'s "
                                  r"(gradients|batch statistics)|the sum of the step's losses|"
                                  r"agreeing whether|the replica check)")
        self.assertIn(f"where {waits.format(host=host)} waited for ", message)
        self.assertIn("it does not answer: its process is stopped, or its node or link is gone",
                      message)
        self.assertGreaterEqual(step, last_step(self.run_dir))
        self.assertLessEqual(step, last_step(self.run_dir) + 12)
        return message, step, kept

    def test_rank_in_the_middle(self):
        message, step, kept = self.stop_one(1, "rank 0 ({host}) and rank 2 ({host}) have")
        stop = lines(self.run_dir / "run.jsonl")[-1]
        self.assertEqual((stop["event"], stop["status"]), ("stop", TEMPORARY))
        self.assertIn(stop["step"], (step - 1, step))  # in a step, or in what follows it
        self.assertEqual("mpigan: " + stop["reason"], message)
        self.assertIn(stop["reason"], (self.run_dir / "log.txt").read_text())
        self.assert_goes_on(kept)

    def test_last_rank(self):
        self.assert_goes_on(self.stop_one(2, "rank 0 ({host}) and rank 1 ({host}) have")[2])

    def test_rank_0(self):
        self.assert_goes_on(self.stop_one(0, "rank 1 ({host}) has")[2])

    def test_all_but_one(self):
        """Who is left ends the job, whichever it is."""
        for left in range(RANKS):
            job, ranks = self.begin()
            since = time.monotonic()
            for rank in set(range(RANKS)) - {left}:
                os.kill(ranks[rank], signal.SIGSTOP)
            message, _ = self.ends(job, since)
            self.assertIn(f"rank {left} (", message)
            self.assertIn("answer", message)

    def test_while_the_data_is_read(self):
        """Rank 0 reads from a pipe that nobody fills: it is alive, and named as busy."""
        os.mkfifo(self.folder / "images")
        path = self.config(edit(CONFIG, ("builtin:digits", "images")), name="pipe.yaml")
        job = self.start("train", path, "--run-dir", self.run_dir, ranks=RANKS)
        message, _ = self.ends(job, time.monotonic() + 0.5)
        self.assertRegex(message, r"rank 0 \(\S+\) has not joined in agreeing whether the data ")
        self.assertIn("it answers: computing, reading or writing", message)
        self.assertRegex(message, r"rank 1 \(\S+\) and rank 2 \(\S+\) have waited for")
        self.assertNotIn("at step", message)

    def test_suspended_as_a_whole(self):
        """Longer than the limit, one process after the other; then it goes on to the same end."""
        job, ranks = self.begin()
        for pid in ranks.values():
            os.kill(pid, signal.SIGSTOP)
        time.sleep(LIMIT + 4)
        step = last_step(self.run_dir)
        self.assertIsNone(job.process.poll())
        for pid in ranks.values():
            os.kill(pid, signal.SIGCONT)
        result = job.result()
        self.assertEqual(result.status, OK, str(result))
        self.assertLess(step, STEPS)
        self.assert_same_run(self.straight(), self.run_dir, STEPS)

    def test_slow_is_not_stuck(self):
        """A rank that is stopped for most of the limit, again and again, is waited for."""
        job, ranks = self.begin()
        for victim in (1, 0, 2):
            os.kill(ranks[victim], signal.SIGSTOP)
            time.sleep(LIMIT - 1.5)
            os.kill(ranks[victim], signal.SIGCONT)
            step = last_step(self.run_dir)
            wait_for(lambda step=step: last_step(self.run_dir) > step
                     or job.process.poll() is not None, "another step")
        result = job.result()
        self.assertEqual(result.status, OK, str(result))
        self.assert_same_run(self.straight(), self.run_dir, STEPS)

    def test_switched_off(self):
        job, ranks = self.begin("--set", "train.watchdog_s=0")
        os.kill(ranks[1], signal.SIGSTOP)
        time.sleep(LIMIT + 5)
        self.assertIsNone(job.process.poll())
        os.kill(ranks[1], signal.SIGCONT)
        self.assertEqual(job.result().status, OK)

    def test_mpi_without_threads(self):
        """Nobody is named then, but the job ends all the same."""
        with tempfile.TemporaryDirectory() as folder:
            source, library = pathlib.Path(folder, "one.c"), pathlib.Path(folder, "one.so")
            source.write_text(ONE_THREAD)
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source],
                           check=True)
            job, ranks = self.begin(env={"LD_PRELOAD": str(library)})
            os.kill(ranks[1], signal.SIGSTOP)
            since = time.monotonic()
            message, output = self.ends(job, since)
        self.assertEqual(output.count("no MPI_THREAD_MULTIPLE"), 1)
        self.assertRegex(message, r"rank 0 \(\S+\) has waited in .* at step \d+ for \d s; which rank "
                                  "is missing is not known")
        self.assertEqual(lines(self.run_dir / "run.jsonl")[-1]["status"], TEMPORARY)


if __name__ == "__main__":
    support.main()

"""The scripts of slurm/ on a real Slurm: every run that is stopped, moved or bereft of a node ends
as the run that nobody disturbed.

The tests go side by side, as they mostly wait.  One rank a node: all nodes are this machine, and Open
MPI takes two ranks of one node for neighbours that share memory.
"""
import concurrent.futures
import os
import pathlib
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "run"))

import support  # noqa: E402
from cluster import Cluster, missing  # noqa: E402
from support import (MPIGAN, OK, SOURCE, TEMPORARY, TINY, USAGE, Case, checkpoint, checkpoints, edit,
                     last_step, lines, metrics, needs_h5_tools, run, wait_for)

SKIPPED = 77
STEPS = 120
# MPI sums, since the runs that are compared have other placements: ranks of one host add up gradients
# in memory that they share, in another order than ranks of several nodes.
CONFIG = edit(TINY, ("steps: 20\n", f"steps: {STEPS}\n"), ("every_steps: 10, keep", "every_steps: 5, keep")) + """
comm: {sum: allreduce}
"""
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "OUT_OF_MEMORY",
         "DEADLINE")

# What a job takes from the test's environment.  TCP alone, as between nodes.
MPI = {"OMPI_MCA_btl": "tcp,self", "OMPI_MCA_btl_tcp_if_include": "lo"}

# Slow for a number of starts, so that it can be disturbed while it runs; then at its own pace.
# `then` may stand for the program after `starts` starts.
WRAPPER = """\
#!/bin/sh
if [ "${{SLURM_RESTART_COUNT:-0}}" -lt {starts} ]; then
  export LD_PRELOAD={library} MPIGAN_TEST_SLEEP_MS=120
  exec {program} "$@"
fi
{then}
"""

# Ends with 75 and nothing done. The rank that ends first makes srun send SIGTERM to the others.
NO_USE = "trap '' TERM; sleep 1; exit 75"

cluster = None


@needs_h5_tools
class Slurm(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)
        self.run_dir = self.folder / "runs/tiny"
        self.jobs = []
        self.addCleanup(self.cancel)

    def cancel(self):
        for job in self.jobs:
            cluster.call("scancel", job, check=False)

    # ---- jobs ----

    def slow(self, starts, then=f'exec {MPIGAN} "$@"'):
        """A program that is mpigan, but slow during the first starts of a job."""
        path = self.folder / "slow"
        path.write_text(WRAPPER.format(starts=starts, library=os.environ["MPIGAN_SLOW"],
                                       program=MPIGAN, then=then))
        path.chmod(0o755)
        return path

    def submit(self, script, *words, program=MPIGAN, nodes=4, options=(), env=None):
        environment = dict(cluster.environment, MPIGAN=str(program), **MPI, **(env or {}))
        environment = {name: value for name, value in environment.items() if value is not None}
        job = cluster.call("sbatch", "--parsable", f"--nodes={nodes}", "--ntasks-per-node=1",
                           "--output=job-%A_%a.out" if "array" in script else "--output=job-%j.out",
                           *options, SOURCE / "slurm" / script, *words,
                           cwd=self.folder, env=environment)
        self.jobs.append(job)
        return job

    def output(self):
        return "".join(path.read_text() for path in sorted(self.folder.glob("job-*.out")))

    def wait_end(self, job, timeout=300):
        """The job's fields once it has ended for good."""
        def ended():
            fields = cluster.show(job)
            return fields if fields["JobState"] in ENDED else None
        try:
            return wait_for(ended, f"the end of job {job}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cluster.show(job)}\n{self.output()}\n"
                                 f"{cluster.logs()}") from None

    def wait_step(self, step, run_dir=None):
        try:
            wait_for(lambda: last_step(run_dir or self.run_dir) >= step, f"step {step}", 120)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()}\n{cluster.logs()}") from None

    # ---- what is true of all ----

    def stops(self, run_dir=None):
        return [(r["status"], r["reason"]) for r in lines((run_dir or self.run_dir) / "run.jsonl")
                if r["event"] == "stop"]

    def assert_ended(self, job, status, restarts):
        fields = self.wait_end(job)
        what = f"{fields}\n{self.output()}\n{cluster.logs()}"
        self.assertEqual(fields["ExitCode"], f"{status}:0", what)
        self.assertEqual(int(fields["Restarts"]), restarts, what)
        self.assertEqual(fields["JobState"], "FAILED" if status else "COMPLETED", what)

    def assert_undisturbed(self, ranks, run_dir=None):
        """The run is the one that mpirun made on as many ranks without a break."""
        run_dir = run_dir or self.run_dir
        self.assert_same_run(STRAIGHT[ranks], run_dir, STEPS)
        self.assertEqual(checkpoints(run_dir)[-1], STEPS)
        self.assertEqual(list(run_dir.rglob("*.tmp")), [])
        self.assertEqual({r["job"] for r in lines(run_dir / "run.jsonl") if r["event"] == "start"},
                         set(self.jobs))

    # ---- the tests ----

    def test_to_the_end(self):
        job = self.submit("train.sbatch", self.path)
        self.assert_ended(job, OK, restarts=0)
        self.assertEqual([status for status, _ in self.stops()], [OK])
        self.assertEqual(metrics(self.run_dir)[-1]["ranks"], 4)
        self.assert_undisturbed(4)

    def test_time_limits(self):
        """Twice the time limit comes first: warned, saved, put back, gone on."""
        job = self.submit("train.sbatch", self.path, program=self.slow(2),
                          options=["--time=1", "--signal=USR1@20"])
        self.assert_ended(job, OK, restarts=2)
        stops = self.stops()
        self.assertEqual([status for status, _ in stops], [TEMPORARY, TEMPORARY, OK])
        self.assertTrue(all("SIGUSR1" in reason for _, reason in stops[:2]), stops)
        self.assert_undisturbed(4)

    def test_signal_by_a_person(self):
        job = self.submit("train.sbatch", self.path, program=self.slow(1))
        self.wait_step(10)
        cluster.call("scancel", "--signal=USR1", job)
        self.assert_ended(job, OK, restarts=1)
        self.assertEqual([status for status, _ in self.stops()], [TEMPORARY, OK])
        self.assert_undisturbed(4)

    def test_mpirun(self):
        """Started by mpirun, warned through the script."""
        job = self.submit("train.sbatch", self.path, program=self.slow(1), nodes=2,
                          options=["--signal=B:USR1@120"], env={"MPIGAN_MPIRUN": ""})
        self.wait_step(10)
        cluster.call("scancel", "--batch", "--signal=USR1", job)
        self.assert_ended(job, OK, restarts=1)
        self.assertEqual([status for status, _ in self.stops()], [TEMPORARY, OK])
        self.assert_undisturbed(2)

    def test_threads(self):
        """As many threads as Slurm gives cores to a rank, unless the user says otherwise."""
        for words, count in (((), 2), (("--set", "compute.threads=1"), 1)):
            job = self.submit("train.sbatch", self.path, "--dry-run", *words, nodes=2,
                              options=["--cpus-per-task=2"], env={"OMP_NUM_THREADS": None})
            self.assert_ended(job, OK, restarts=0)
            self.assertIn(f"ranks: 2, {count} thread", (self.folder / f"job-{job}.out").read_text())
        self.assertFalse(self.run_dir.exists())

    def test_requeue_by_a_person(self):
        job = self.submit("train.sbatch", self.path, program=self.slow(1))
        self.wait_step(10)
        cluster.call("scontrol", "requeue", job)
        self.assert_ended(job, OK, restarts=1)
        self.assertEqual([status for status, _ in self.stops()], [TEMPORARY, OK])
        self.assertIn("SIGTERM", self.stops()[0][1])
        self.assert_undisturbed(4)

    def test_preempted(self):
        """A job of more right takes the nodes away for a while."""
        job = self.submit("train.sbatch", self.path, program=self.slow(1), nodes=2,
                          options=["--partition=spot", "--exclusive"])
        self.wait_step(10)
        urgent = cluster.call("sbatch", "--parsable", "--partition=urgent", "--nodes=2",
                              "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
        self.assertEqual(self.wait_end(urgent)["JobState"], "COMPLETED")
        self.assert_ended(job, OK, restarts=1)
        self.assertEqual([status for status, _ in self.stops()], [TEMPORARY, OK])
        self.assert_undisturbed(2)

    def test_node_dies(self):
        """The node of the script and of rank 0 loses power; a spare one takes over."""
        self.bereave("frail", "node4", signal.SIGKILL)

    def test_node_hangs(self):
        """A node answers nobody any more, and its connections stay open."""
        self.bereave("frozen", "node8", signal.SIGSTOP)

    def bereave(self, partition, node, number):
        job = self.submit("train.sbatch", self.path, program=self.slow(1), nodes=2,
                          options=[f"--partition={partition}"])
        self.wait_step(10)
        cluster.kill_node(node, number)
        kept = checkpoints(self.run_dir)
        self.assertTrue(kept)
        self.assert_ended(job, OK, restarts=1)
        self.assertNotIn(cluster.node_states()[node].rstrip("*"), ("idle", "allocated"))
        starts = [r for r in lines(self.run_dir / "run.jsonl") if r["event"] == "start"]
        self.assertEqual(len(starts), 2)
        self.assertGreaterEqual(starts[1]["step"], kept[-2 if len(kept) > 1 else -1])
        self.assert_undisturbed(2)

    def test_peer_killed(self):
        """One rank alone is killed, as by the kernel when memory is short: the others end with it,
        and nothing starts again by itself."""
        job = self.submit("train.sbatch", self.path, program=self.slow(9), nodes=2)
        self.wait_step(10)
        kill_rank(job, 1)
        fields = self.wait_end(job, 60)
        self.assertEqual((fields["JobState"], fields["ExitCode"]), ("FAILED", "137:0"),
                         self.output())
        kept = checkpoints(self.run_dir)
        again = self.submit("train.sbatch", self.path, nodes=2)
        self.assert_ended(again, OK, restarts=0)
        self.assertIn("resuming from step", (self.run_dir / "log.txt").read_text())
        self.assertGreaterEqual(kept[-1], 5)
        self.assert_undisturbed(2)

    def test_array(self):
        """A sweep of three; the second is stopped, and it alone starts again."""
        layers = "model.discriminator=[linear: {units: 16}, relu, linear: {units: 1}]"
        points = {"seed=1,train.optimizer.lr_g=1e-4": ["seed=1", "train.optimizer.lr_g=1e-4"],
                  "seed=2,model.discriminator=_linear___units__16___relu__linear___units__1__":
                  ["seed=2", layers],
                  "seed=3": ["seed=3"]}
        texts = [" ".join(f"'{word}'" if " " in word else word for word in words)
                 for words in points.values()]
        listed = self.folder / "sweep.txt"
        listed.write_text("# three runs\n\n" + "\n".join(texts) + "\n")
        slow = self.slow(1)
        slow.write_text(slow.read_text().replace("if [", "if [ $SLURM_ARRAY_TASK_ID = 2 ] && [", 1))
        array = self.submit("array.sbatch", self.path, listed, "--set", "train.log_every=1",
                            program=slow, nodes=2, options=["--array=1-3"])
        folders = [self.folder / "runs/sweep" / name for name in points]
        self.wait_step(10, folders[1])
        cluster.call("scancel", "--signal=USR1", f"{array}_2")
        for task, restarts in ((1, 0), (2, 1), (3, 0)):
            self.assert_ended(f"{array}_{task}", OK, restarts)
        for words, folder in zip(points.values(), folders):
            straight = self.folder / "straight" / folder.name
            self.train(self.path, straight, *(f"--set={word}" for word in words),
                       "--set=train.log_every=1", ranks=2)
            self.assert_same_run(straight, folder, STEPS)
        self.assertEqual([status for status, _ in self.stops(folders[1])], [TEMPORARY, OK])
        self.assertEqual(sorted(p.name for p in (self.folder / "runs/sweep").iterdir()),
                         sorted(p.name for p in folders))

    def test_gives_up(self):
        """One start that gets on, then two that end with 75 and get nowhere: no third such."""
        job = self.submit("train.sbatch", self.path, program=self.slow(1, then=NO_USE), nodes=2)
        self.wait_step(10)
        cluster.call("scancel", "--signal=USR1", job)
        self.assert_ended(job, TEMPORARY, restarts=2)
        self.assertIn("giving up: 2 starts in a row", self.output())
        self.assertEqual(self.output().count("back into the queue"), 2)
        self.assertEqual([status for status, _ in self.stops()], [TEMPORARY])
        again = self.submit("train.sbatch", self.path, nodes=2)
        self.assert_ended(again, OK, restarts=0)
        self.assert_undisturbed(2)

    def test_gives_up_before_the_first_checkpoint(self):
        job = self.submit("train.sbatch", self.path, program=self.slow(0, then=NO_USE), nodes=2)
        self.assert_ended(job, TEMPORARY, restarts=1)
        self.assertEqual([p.name for p in self.run_dir.rglob("*")], ["slurm.progress"])

    def test_bad_config(self):
        """A mistake is told once, ends the job with its status, and leaves nothing."""
        job = self.submit("train.sbatch", self.path, "--set", "train.batsh=1")
        self.assert_ended(job, USAGE, restarts=0)
        self.assertEqual(self.output().count("mpigan: "), 1, self.output())
        self.assertIn("train.batsh", self.output())
        self.assertIn("ended with status 2; not started again", self.output())
        self.assertFalse(self.run_dir.exists())

    def test_srun_without_pmix(self):
        """Four programs that each believe to be alone must not train four times."""
        words = ("srun", "--mpi=none", "-N4", "-n4", MPIGAN, "train", self.path, "--run-dir",
                 self.run_dir)
        done = cluster.call(*words, check=False, cwd=self.folder,
                            env=dict(cluster.environment, **MPI))
        complaints = [line for line in done.stderr.splitlines() if line.startswith("mpigan:")]
        self.assertEqual(done.returncode, USAGE, done.stdout + done.stderr)
        self.assertEqual(len(complaints), 1, done.stderr)
        self.assertIn("--mpi=pmix", complaints[0])
        self.assertFalse(self.run_dir.exists())

    def test_eval(self):
        """What eval.sbatch finds on two nodes and draws is what the program finds and draws alone."""
        run_dir = self.folder / "run"
        shutil.copytree(STRAIGHT[2], run_dir, symlinks=True)
        words = ("--count", "100", "--metrics", "frechet,cover")
        job = self.submit("eval.sbatch", run_dir, *words, nodes=2, options=["--ntasks=2"])
        self.assert_ended(job, OK, restarts=0)
        self.assertIn("verified", self.output())
        alone = run("eval", run_dir, *words)
        self.assertEqual(alone.status, OK, str(alone))
        shared, own = lines(run_dir / "eval.jsonl")
        self.assertEqual((shared["ranks"], own["ranks"]), (2, 1))
        for name in ("frechet_distance", "precision", "recall", "density", "coverage"):
            self.assertAlmostEqual(shared[name], own[name], delta=1e-6 * own["frechet_distance"])
        result = run("sample", run_dir, "--output", self.folder / "own.h5")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual((run_dir / "eval.h5").read_bytes(),
                         (self.folder / "own.h5").read_bytes())


def kill_rank(job, rank):
    pids = [pid for pid, words in cluster.members().items()
            if (words.get("SLURM_JOB_ID"), words.get("PMIX_RANK")) == (job, str(rank))
            and os.readlink(f"/proc/{pid}/exe") == os.path.realpath(MPIGAN)]
    assert len(pids) == 1, pids
    os.kill(pids[0], signal.SIGKILL)


# ---- side by side ----

STRAIGHT = {}  # ranks to the folder of the run that nobody disturbed


class SideBySide(unittest.TestSuite):
    def run(self, result, debug=False):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda test: test(result), self))
        return result


class Result(unittest.TextTestResult):
    """One line a test, when it has ended."""

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        test.begun = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        bad = [text for other, text in self.failures + self.errors if other is test]
        self.stream.writeln(f"{'FAILED' if bad else 'done'} {test.id()} "
                            f"({time.monotonic() - test.begun:.0f} s)")
        self.stream.flush()


def main():
    global cluster
    if missing():
        print(f"skipped: {', '.join(missing())} not here (Debian: slurmctld slurmd slurm-client munge)")
        sys.exit(SKIPPED)
    tests = unittest.defaultTestLoader.getTestCaseNames(Slurm)
    chosen = [name for name in tests if not sys.argv[1:] or name in sys.argv[1:]]
    with Cluster() as cluster:
        folder = cluster.folder / "straight"
        folder.mkdir()
        path = folder / "config.yaml"
        path.write_text(CONFIG)
        for ranks in (2, 4):
            STRAIGHT[ranks] = folder / str(ranks)
            result = run("train", path, "--run-dir", STRAIGHT[ranks], ranks=ranks)
            assert result.status == OK, str(result)
        runner = unittest.TextTestRunner(resultclass=Result, verbosity=0)
        passed = runner.run(SideBySide(map(Slurm, chosen))).wasSuccessful()
    sys.exit(not passed)


if __name__ == "__main__":
    main()

"""A signal that asks for a stop, in every phase: before the first step, between any two sums of a
step, in the middle of a checkpoint, a sample file, a line of metrics; on one rank or on all; twice
in a row. The run saves, says 75, and goes on to the same bits."""
import shutil
import signal

import support
from support import (OK, TEMPORARY, TINY, Case, checkpoints, edit, lines, metrics, needs_h5_tools,
                     run_all)

STEPS = 30
CONFIG = edit(TINY, ("steps: 20\n", f"steps: {STEPS}\n"), ("log_every: 5", "log_every: 1"))

# Calls of MPI_Allreduce: the first stand before the first step, and one step has about seven.
FIRST_STEPS = range(10, 70, 5)

# The phase, the call at which the signal comes, and the steps where it may stop: a checkpoint is
# written beside later steps.
PHASES = [
    ("start of MPI", "calls=MPI_Init_thread at=1", 1, 1),
    ("the config is read", "calls=MPI_Bcast at=1", 1, 1),
    ("the config is shared", "calls=MPI_Bcast at=3", 1, 1),
    ("the data is loaded", "calls=MPI_Bcast at=7", 1, 1),
    ("the lock is taken", "calls=open path=run.lock at=1", 1, 1),
    ("the config is saved", "calls=fsync path=config.yaml at=1", 1, 1),
    ("the start is recorded", "calls=write path=run.jsonl at=1", 1, 1),
    ("a line of metrics", "calls=write path=metrics.jsonl at=5", 6, 6),
    ("a sample file", "calls=write path=samples/step-00000010 at=1", 11, 11),
    ("a checkpoint is opened", "calls=open path=checkpoints/step-00000010 at=1", 11, STEPS - 1),
    ("a checkpoint is written", "calls=write path=checkpoints/step-00000010 at=2", 11, STEPS - 1),
    ("a checkpoint is synced", "calls=fsync path=checkpoints/step-00000010 at=1", 11, STEPS - 1),
    ("a checkpoint gets a name", "calls=rename path=checkpoints/step-00000010 at=1", 11, STEPS - 1),
    ("the link is replaced", "calls=rename path=checkpoints/latest at=1", 11, STEPS - 1),
]
NAMES = ("TERM", "INT", "USR1")


@needs_h5_tools
class Signals(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)
        self.straight = self.folder / "straight"
        self.train(self.path, self.straight, ranks=2)

    def check_all(self, rows):
        """Rows: what, words of FAULTS, signal, first and last step where it may stop. All are
        stopped, then all go on, side by side."""
        folders = [self.folder / f"run-{i}" for i in range(len(rows))]
        command = [("train", self.path, "--run-dir", folder) for folder in folders]
        stopped = run_all(
            [(words, {"ranks": 2, "faults": f"{row[1]} do={row[2]} trace={folder}.trace"})
             for words, row, folder in zip(command, rows, folders)], at_once=2)
        for row, folder, result in zip(rows, folders, stopped):
            what, _, name, low, high = row
            with self.subTest(what, signal=name):
                trace = (self.folder / f"{folder.name}.trace").read_text()
                self.assertIn("! ", trace, f"nothing was struck: {result}")
                self.assertEqual(result.status, TEMPORARY, str(result))
                self.assertEqual(len(result.complaints), 1, str(result))
                step = checkpoints(folder)[-1]
                self.assertTrue(low <= step <= high, f"stopped at {step}: {result}")
                self.assertEqual(metrics(folder)[-1]["step"], step)
                stop = lines(folder / "run.jsonl")[-1]
                self.assertEqual((stop["event"], stop["status"], stop["step"]),
                                 ("stop", TEMPORARY, step))
        again = run_all([(words, {"ranks": 2}) for words in command], at_once=2)
        for row, folder, result in zip(rows, folders, again):
            with self.subTest(row[0], signal=row[2]):
                self.assertEqual(result.status, OK, str(result))
                self.assert_same_run(self.straight, folder, STEPS)
            shutil.rmtree(folder)

    def test_phases(self):
        """On rank 0 alone, which is the one that writes."""
        self.check_all([(what, f"{at} rank=0", NAMES[i % 3], low, high)
                        for i, (what, at, low, high) in enumerate(PHASES)])

    def test_sums_of_a_step(self):
        """Between any two sums over the ranks: on rank 0, on rank 1, on both."""
        ranks = ("rank=0", "rank=1", "")
        self.check_all([(f"sum {at}", f"calls=MPI_Allreduce at={at} {ranks[i % 3]}",
                         NAMES[i // 3 % 3], 1, STEPS - 1) for i, at in enumerate(FIRST_STEPS)])

    def test_twice_in_a_row(self):
        """The second comes while the first is being obeyed."""
        rows = [("two at once", "calls=write path=checkpoints/step-00000010 at=1 last=2 rank=0",
                 "TERM", 11, STEPS - 1),
                ("many", "calls=MPI_Allreduce at=30 last=0", "INT", 1, STEPS - 1),
                ("again while it saves", "calls=write,fsync,rename path=checkpoints/ at=1 last=0 "
                 "rank=0", "USR1", 11, STEPS - 1)]
        self.check_all(rows)

    def test_in_the_last_step(self):
        """There is nothing left to go on with: the run is finished."""
        for name in NAMES:
            run_dir = self.folder / name
            self.train(self.path, run_dir, ranks=2, faults="calls=write rank=0 at=1 path="
                       f"checkpoints/step-{STEPS:08d} do={name}")
            self.assert_same_run(self.straight, run_dir, STEPS)

    def test_mpirun_passes_it_on(self):
        """SIGUSR1 to mpirun twice in a row, as a batch script would."""
        run_dir = self.folder / "run"
        job = self.start("train", self.path, "--run-dir", run_dir, "--set", "train.steps=100000000",
                         "--set", "checkpoint.every_steps=0", ranks=2)
        support.wait_for(lambda: support.last_step(run_dir) > 5, "step 5")
        job.signal(signal.SIGUSR1)
        job.signal(signal.SIGUSR1)
        result = job.result()
        self.assertEqual(result.status, TEMPORARY, str(result))
        self.assertEqual(metrics(run_dir)[-1]["step"], checkpoints(run_dir)[-1])


if __name__ == "__main__":
    support.main()

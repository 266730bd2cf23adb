"""The command line: mistakes are status 2 with the nearest right word; places that cannot be
written to are status 4; nothing is harmed by either."""
import os
import resource
import signal

import support
from support import (MPIGAN, OK, OUTPUT, START_FILES, TINY, USAGE, Case, checkpoint, run_all,
                     snapshot)

# Words, and what the message must hold.
MISTAKES = [
    ([], "no command", "mpigan help"),
    (["trian", "config.yaml"], "trian", "'train'"),
    (["--train"], "--train"),
    (["train"], "CONFIG.yaml is missing", "usage: mpigan train"),
    (["train", "config.yaml", "more.yaml"], "more.yaml", "usage: mpigan train"),
    (["train", "config.yaml", "--rundir", "x"], "--rundir", "--run-dir"),
    (["train", "config.yaml", "--run-dir"], "--run-dir wants a value"),
    (["train", "config.yaml", "--dry-run=yes"], "--dry-run takes no value"),
    (["train", "config.yaml", "-x"], "-x", "usage: mpigan train"),
    (["sample"], "CHECKPOINT or RUN_DIR is missing", "usage: mpigan sample"),
    (["sample", "c.h5", "--count", "0"], "--count", "'0'", "1 to"),
    (["sample", "c.h5", "--count", "-5"], "--count", "'-5'", "1 to"),
    (["sample", "c.h5", "--count", "12x"], "--count", "'12x'", "integer"),
    (["sample", "c.h5", "--count", "99999999999999999999"], "--count", "99999999999999999999"),
    (["sample", "c.h5", "--seed", "abc"], "--seed", "'abc'", "integer"),
    (["sample", "c.h5", "--seed=-1"], "--seed", "'-1'", "0 to"),
    (["sample", "c.h5", "--seed="], "--seed", "''"),
    (["sample", "c.h5", "--sede", "1"], "--sede", "--seed"),
    (["inspect"], "CHECKPOINT or RUN_DIR is missing", "usage: mpigan inspect"),
    (["inspect", "c.h5", "--verfiy"], "--verfiy", "--verify"),
    (["bench"], "missing", "usage: mpigan bench"),
    (["bench", "stpe", "config.yaml"], "stpe", "step"),
    (["bench", "step", "config.yaml", "--repeat", "0"], "--repeat", "'0'", "1 to"),
    (["help", "train.bacth"], "train.bacth", "train.batch"),
    (["help", "config", "more"], "more", "usage: mpigan help"),
]

# Run folders that no user can make, root neither, and what of them the message must hold.
UNWRITABLE = {"/proc/nope": "/proc/nope", "/proc/nope/deeper": "/proc/nope:",
              "file/below": "file", "file": "file"}

# Open MPI makes files of up to 4 MiB for itself, which the limit must leave room for.
MPI_FILES = 4 << 20


class Usage(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()
        (self.folder / "file").write_text("in the way\n")

    def test_mistakes(self):
        before = snapshot(self.folder)
        jobs = [(words, {"cwd": self.folder}) for words, *_ in MISTAKES]
        for (words, *parts), result in zip(MISTAKES, run_all(jobs)):
            with self.subTest(" ".join(words)):
                self.assert_fails(result, USAGE, *parts)
        self.assertEqual(snapshot(self.folder), before)

    def test_mistakes_on_three_ranks(self):
        """Said once for the job, whether the command starts MPI or not, or is none."""
        rows = [row for row in MISTAKES if row[0] and row[0][0] not in ("sample", "help")]
        before = snapshot(self.folder)
        jobs = [(words, {"cwd": self.folder, "ranks": 3}) for words, *_ in rows]
        for (words, *parts), result in zip(rows, run_all(jobs)):
            with self.subTest(" ".join(words)):
                self.assert_fails(result, USAGE, *parts)
        self.assertEqual(snapshot(self.folder), before)

    def test_run_folder_cannot_be_made(self):
        before = snapshot(self.folder)
        jobs = [(("train", self.path, "--run-dir", name), {"cwd": self.folder, "ranks": ranks})
                for name in UNWRITABLE for ranks in (None, 3)]
        for (words, options), result in zip(jobs, run_all(jobs)):
            with self.subTest(words[-1], ranks=options["ranks"]):
                self.assert_fails(result, OUTPUT, UNWRITABLE[words[-1]])
        self.assertEqual(snapshot(self.folder), before)

    def test_something_in_the_way_inside_the_run_folder(self):
        """A folder where a file belongs, or the other way round: status 4, and it names which."""
        for name in ("log.txt", "run.lock", "metrics.jsonl", "config.yaml", "checkpoints",
                     "samples"):
            for ranks in (None, 3):
                with self.subTest(name, ranks=ranks):
                    run_dir = self.folder / f"{name}-{ranks}"
                    run_dir.mkdir()
                    if name in ("checkpoints", "samples"):
                        (run_dir / name).write_text("in the way\n")
                    else:
                        (run_dir / name).mkdir()
                    result = self.run_program("train", self.path, "--run-dir", run_dir, ranks=ranks)
                    self.assert_fails(result, OUTPUT, run_dir / name)

    def test_disk_full(self):
        """A limit on the size of files stands for a full disk: status 4 and why; what was there
        stays, no half file is left, and with room again the run goes on."""
        self.config(TINY, ("units: 32, bias", "units: 8192, bias"), ("units: 32}", "units: 8192}"))
        self.train(self.path, "run")
        before = snapshot(self.folder / "run", but=START_FILES)
        size = checkpoint(self.folder / "run", 20).stat().st_size
        self.assertGreater(size, 2 * MPI_FILES)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1))

        longer = ("train", self.path, "--run-dir", "run", "--set", "train.steps=30")
        result = self.run_program(*longer, before=limit)
        self.assert_fails(result, OUTPUT, "step-00000030.h5", "File too large")
        after = snapshot(self.folder / "run", but=START_FILES)
        for name, content in before.items():
            if name.startswith("checkpoints"):
                self.assertEqual(after[name], content)
        self.assertEqual([name for name in after if name.endswith(".tmp")], [])
        self.assertEqual(self.run_program(*longer).status, OK)

    def test_sample_cannot_write(self):
        self.train(self.path, "run")
        good = checkpoint(self.folder / "run", 20)
        before = snapshot(self.folder)
        for option in ("--output", "--png"):
            for name in ("/proc/nope.h5", "file/below.h5", "nowhere/x.h5", "run"):
                with self.subTest(option, name=name):
                    result = self.run_program("sample", good, option, name)
                    self.assert_fails(result, OUTPUT, name)
                    self.assertEqual(snapshot(self.folder), before)

    def test_console_that_went_away(self):
        """A closed standard output ends no run."""
        job = self.start("train", self.path, "--run-dir", "run", before=lambda: os.close(1))
        self.assertEqual(job.result().status, OK)
        self.assertTrue(checkpoint(self.folder / "run", 20).exists())

    def test_launcher_of_another_mpi(self):
        """Processes that each believe to be alone must not train one by one in the same folder."""
        before = snapshot(self.folder)
        for size, rank in (("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"), ("PMI_SIZE", "PMI_RANK"),
                           ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")):
            with self.subTest(size):
                result = self.run_program("train", self.path, "--run-dir", "run",
                                          env={size: "4", rank: "0"})
                self.assert_fails(result, USAGE, size, "4 processes", "--mpi=pmix")
                result = self.run_program("train", self.path, "--run-dir", "run",
                                          env={size: "4", rank: "2"})
                self.assertEqual((result.status, result.complaints), (USAGE, []), str(result))
                self.assertEqual(snapshot(self.folder), before)

    def test_numbers_of_a_batch_shell(self):
        """SLURM_NTASKS is set there though no step runs."""
        result = self.train(self.path, "run", env={"SLURM_NTASKS": "4", "SLURM_PROCID": "0"})
        self.assertIn("finished at step 20", result.out)

    def test_no_redrawn_line_in_a_file(self):
        """Escape sequences are for terminals; mpirun's output goes to a file here."""
        for ranks in (None, 2):
            with self.subTest(ranks=ranks):
                result = self.train(self.path, f"run-{ranks}", ranks=ranks)
                self.assertNotIn("\x1b", result.out)
                self.assertNotIn("\r", result.out.replace("\r\n", "\n"))

    def test_program_by_another_name(self):
        """Started through a symlink, from another folder."""
        os.symlink(MPIGAN, self.folder / "gan")
        result = os.popen(f"{self.folder}/gan help").read()
        self.assertIn("mpigan train CONFIG.yaml", result)


if __name__ == "__main__":
    support.main()

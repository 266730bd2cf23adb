"""Surroundings that are not as usual: no TMPDIR, no HOME, no standard output, locks that the file
system refuses, a clock set by a day while the run goes on. The run's files do not differ."""
import signal
import subprocess

import support
from support import (MPIGAN, OK, OUTPUT, TEMPORARY, TINY, Case, last_step, lines,
                     needs_h5_tools, wait_for, write_h5)

STEPS = 20

# A shell's words behind the command, and what they make of its standard streams.
STREAMS = [
    (">&-", "standard output is closed"),
    (">&- 2>&-", "standard error too"),
    ("<&- >&- 2>&-", "all three are closed"),
    (">/dev/full", "standard output is full"),
    (">/dev/full 2>/dev/full", "standard error too"),
    ("2>&1 | head -n 1", "a pipe whose reader goes away"),
    ("2>&1 | true", "a pipe that nobody reads"),
]

DAY = 86400


@needs_h5_tools
class Environment(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()
        self.straight = self.folder / "straight"

    def check(self, name, ranks, result):
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(result.complaints, [], str(result))
        if not self.straight.exists():
            self.train(self.path, self.straight, ranks=ranks)
        self.assert_same_run(self.straight, self.folder / name, STEPS)

    def test_folders(self):
        """Without the folders that everybody has."""
        missing = f"TMPDIR={self.folder}/nowhere/at/all"  # Open MPI makes it where it can
        rows = {"tmpdir": ["env", missing], "home": ["env", "-u", "HOME"],
                "both": ["env", "-u", "HOME", "-u", "USER", missing]}
        for name, words in rows.items():
            with self.subTest(name):
                done = subprocess.run(words + [MPIGAN, "train", self.path, "--run-dir", name],
                                      cwd=self.folder, capture_output=True, text=True, timeout=60)
                self.check(name, None, support.Result(words, done.returncode, done.stdout,
                                                      done.stderr))

    def test_streams(self):
        """Nothing that was meant for the console gets into a file, and no line is missing there."""
        self.train(self.path, self.straight)
        wanted = self.log_of("straight")
        for i, (words, what) in enumerate(STREAMS):
            with self.subTest(what):
                name = f"run-{i}"
                command = f'"{MPIGAN}" train config.yaml --run-dir {name} {words}'
                done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=self.folder,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
                self.assertEqual(done.returncode, OK, done)
                self.assert_same_run(self.straight, self.folder / name, STEPS)
                self.assertEqual(self.log_of(name), wanted)
                lines(self.folder / name / "run.jsonl")
                lock = (self.folder / name / "run.lock").read_bytes()
                self.assertEqual(len(lock), 512)

    def test_streams_of_sample(self):
        """A file that it opens must not take the place of a closed stream."""
        self.train(self.path, "run")
        for i, (words, what) in enumerate([("", "usual"), *STREAMS]):
            with self.subTest(what):
                command = f'"{MPIGAN}" sample run --count 4 --output out-{i}.h5 {words}'
                subprocess.run(["bash", "-c", command], cwd=self.folder, capture_output=True,
                               timeout=60)
                self.assertEqual((self.folder / f"out-{i}.h5").read_bytes(),
                                 (self.folder / "out-0.h5").read_bytes())

    def log_of(self, name):
        """log.txt without what differs from run to run."""
        text = (self.folder / name / "log.txt").read_text()
        text = text.replace(f"{self.folder}/", "").replace(name, "RUN")
        kept = [line.split(" ", 1)[-1] for line in text.splitlines()]
        return [line for line in kept if not any(word in line for word in (
            " ms", "step ", "finished at", "peak memory", "memory of rank 0", "rank 0 took"))]

    def test_locks_are_refused(self):
        """As on file systems without locks: the lease alone tells runs apart."""
        images = support.noise(60 * 64, 3)
        write_h5(self.folder / "data.h5", images=("uint8", (60, 8, 8), images))
        self.config(TINY, ('builtin:digits', "data.h5"))
        for name in ("ENOLCK", "ENOSYS"):
            for ranks in (None, 2):
                with self.subTest(name, ranks=ranks):
                    trace = self.folder / "trace"
                    trace.unlink(missing_ok=True)
                    run_dir = f"{name}-{ranks}"
                    faults = f"calls=lock at=1 last=0 do={name} trace={trace}"
                    result = self.train(self.path, run_dir, ranks=ranks, faults=faults)
                    self.assertIn("run.lock", trace.read_text())
                    straight = self.folder / f"straight-{ranks}"
                    if not straight.exists():
                        self.train(self.path, straight, ranks=ranks)
                    self.assert_same_run(straight, self.folder / run_dir, STEPS)
                    result = self.run_program("sample", run_dir, "--output", f"{run_dir}.h5",
                                              faults=faults)
                    self.assertEqual(result.status, OK, str(result))

    def test_lease_alone(self):
        """Without locks a second start is held off as well."""
        faults = "calls=lock at=1 last=0 do=ENOLCK"
        first = self.start("train", self.path, "--run-dir", "run", "--set", "train.steps=100000000",
                           "--set", "checkpoint.every_steps=0", "--set", "samples.every_steps=0",
                           faults=faults)
        wait_for(lambda: last_step(self.folder / "run") > 0, "the first line")
        second = self.run_program("train", self.path, "--run-dir", "run", "--set",
                                  "train.lock_wait_s=1", faults=faults)
        self.assert_fails(second, OUTPUT, "in use", f"pid {first.pid}")
        first.signal(signal.SIGTERM)
        self.assertEqual(first.result().status, TEMPORARY)
        self.assertEqual(len(lines(self.folder / "run/run.jsonl")), 2)

    def test_clock_is_set(self):
        """By a day, forth and back, at the first, a middle and a late line of metrics."""
        for ranks in (None, 2):
            straight = self.folder / f"straight-{ranks}"
            self.train(self.path, straight, ranks=ranks)
            for sign in ("+", "-"):
                name = f"run{sign}{ranks}"
                result = self.train(self.path, name, ranks=ranks, timeout=30, faults="calls=write "
                                    f"path=metrics.jsonl at=2 do=clock{sign}{DAY}")
                self.assert_same_run(straight, self.folder / name, STEPS)
                records = support.metrics(self.folder / name)
                self.assertNotEqual(records[0]["time"][:10], records[2]["time"][:10], str(result))
                walls = [record["wall_s"] for record in records]
                self.assertEqual(sorted(walls), walls)
                self.assertLess(walls[-1], 30)

    def test_lock_while_the_clock_is_set(self):
        """The lease goes on moving, and a second start is held off."""
        for sign in ("+", "-"):
            run_dir = self.folder / f"run{sign}"
            first = self.start("train", self.path, "--run-dir", run_dir, "--set",
                               "train.steps=100000000", "--set", "checkpoint.every_steps=0",
                               "--set", "samples.every_steps=0", faults="calls=write "
                               f"path=metrics.jsonl at=2 do=clock{sign}{DAY}")
            wait_for(lambda: last_step(run_dir) > 10, "step 10")
            lease = self.lease(run_dir)
            wait_for(lambda: self.lease(run_dir) >= lease + 3, "three seconds of the lease", 15)
            second = self.run_program("train", self.path, "--run-dir", run_dir, "--set",
                                      "train.lock_wait_s=1")
            self.assert_fails(second, OUTPUT, "in use", f"pid {first.pid}")
            first.signal(signal.SIGTERM)
            self.assertEqual(first.result(timeout=30).status, TEMPORARY)

    def lease(self, run_dir):
        return int((run_dir / "run.lock").read_text().split()[1])


if __name__ == "__main__":
    support.main()

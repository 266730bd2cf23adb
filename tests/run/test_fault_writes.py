"""Calls that write the run folder fail, or the process dies in them, in the whole program on two
ranks: one message and status 4, or a dead job; the same command then comes to the same bits."""
import shutil

import support
from support import OK, OUTPUT, TINY, Case, checkpoints, edit, lines, needs_h5_tools

STEPS = 30
CONFIG = edit(TINY, ("steps: 20\n", f"steps: {STEPS}\n"), ("log_every: 5", "log_every: 2"))

# What strikes, which errno's words the message has (None: the process is killed), and which
# checkpoints are left. Counted are the calls of rank 0 whose path holds that; a checkpoint is
# written at steps 10, 20 and 30, a line of metrics every second step.
FAULTS = [
    ("calls=write path=checkpoints/step- at=2 do=ENOSPC", "No space left", []),
    ("calls=write path=checkpoints/step-00000020 at=1 last=0 do=EIO", "Input/output error", [10]),
    ("calls=fsync path=checkpoints/step-00000020 at=1 do=EDQUOT", "quota exceeded", [10]),
    ("calls=rename path=checkpoints/step-00000030 at=1 do=EROFS", "Read-only", [10, 20]),
    ("calls=close path=checkpoints/step-00000020 at=1 do=ENOSPC", "No space left", [10]),
    ("calls=write path=metrics.jsonl at=7 do=short then=ENOSPC last=0", "No space left", [10]),
    ("calls=fsync path=metrics.jsonl at=2 do=EIO", "Input/output error", [10]),
    ("calls=write path=checkpoints/step-00000020 at=1 do=KILL-AFTER", None, [10]),
    ("calls=rename path=checkpoints/step-00000020 at=1 do=KILL", None, [10]),
    ("calls=rename path=checkpoints/step-00000020 at=1 do=KILL-AFTER", None, [10, 20]),
    ("calls=write path=metrics.jsonl at=13 do=KILL", None, [10]),
]

# Failures that a run goes on through.
SURVIVED = [
    "calls=write path=checkpoints/ at=1 last=0 do=short",
    "calls=write,fsync,open,close path=checkpoints/ at=2 last=4 do=EINTR",
    "calls=symlink,unlink path=checkpoints/ at=1 last=0 do=EACCES",
    "calls=write path=log.txt at=3 last=0 do=ENOSPC",
    "calls=pwrite path=run.lock at=2 last=0 do=ENOSPC",
]


@needs_h5_tools
class Writes(Case):
    @classmethod
    def setUpClass(cls):
        """The undisturbed run."""
        cls.home = support.tempfile.TemporaryDirectory(prefix="mpigan-run-")
        cls.addClassCleanup(cls.home.cleanup)
        cls.straight = support.pathlib.Path(cls.home.name) / "straight"
        config = cls.straight.parent / "config.yaml"
        config.write_text(CONFIG)
        result = support.run("train", config, "--run-dir", cls.straight, ranks=2)
        assert result.status == OK, str(result)

    def setUp(self):
        super().setUp()
        self.path, self.run_dir = self.config(CONFIG), self.folder / "run"
        self.command = ("train", self.path, "--run-dir", self.run_dir)

    def strike(self, fault):
        """Gives the result and what was struck."""
        trace = self.folder / "trace"
        trace.unlink(missing_ok=True)
        result = self.run_program(*self.command, ranks=2, timeout=60,
                                  faults=f"{fault} rank=0 trace={trace}")
        hit = [line for line in trace.read_text().splitlines() if line.startswith("! ")]
        self.assertTrue(hit, f"nothing was struck: {result}")
        return result

    def check_left(self, left):
        """Whole checkpoints, and no line but the last that is half."""
        self.assertEqual(checkpoints(self.run_dir), left)
        if left:
            result = support.run("inspect", self.run_dir, "--verify")
            self.assertEqual(result.status, OK, str(result))

    def check_goes_on(self, left):
        result = self.train(self.path, self.run_dir, ranks=2)
        if left:
            self.assertIn(f"from step {left[-1]}", result.out)
        self.assert_same_run(self.straight, self.run_dir, STEPS)
        self.assertEqual(checkpoints(self.run_dir), checkpoints(self.straight))
        self.assertEqual(list(self.run_dir.rglob("*.tmp")), [])

    def test_struck(self):
        for fault, words, left in FAULTS:
            with self.subTest(fault):
                shutil.rmtree(self.run_dir, ignore_errors=True)
                result = self.strike(fault)
                if words:
                    self.assert_fails(result, OUTPUT, self.run_dir.name, words,
                                      "earlier checkpoints are whole")
                    stop = lines(self.run_dir / "run.jsonl")[-1]
                    self.assertEqual((stop["event"], stop["status"]), ("stop", OUTPUT))
                    self.assertIn(words, stop["reason"])
                    lines(self.run_dir / "metrics.jsonl")
                else:
                    self.assertNotIn(result.status, (OK, support.TEMPORARY), str(result))
                if "metrics" in fault and not words and 20 in checkpoints(self.run_dir):
                    left = [10, 20]  # it was being written when the process was killed at step 26
                self.check_left(left)
                self.check_goes_on(left)

    def test_survived(self):
        for fault in SURVIVED:
            with self.subTest(fault):
                shutil.rmtree(self.run_dir, ignore_errors=True)
                result = self.strike(fault)
                self.assertEqual(result.status, OK, str(result))
                self.assert_same_run(self.straight, self.run_dir, STEPS)
                self.assertEqual(checkpoints(self.run_dir), checkpoints(self.straight))

    def test_start_is_struck(self):
        """The second start fails before its first step: nothing of the first is lost."""
        self.strike("calls=write path=checkpoints/step-00000030 at=1 do=KILL")
        before = support.whole_checkpoints(self.run_dir)
        for fault in ("calls=open path=run.lock at=1 do=EACCES",
                      "calls=open path=log.txt at=1 do=EROFS",
                      "calls=rename path=config.yaml at=1 do=ENOSPC",
                      "calls=write path=run.jsonl at=1 do=ENOSPC",
                      "calls=open path=metrics.jsonl at=1 do=EIO"):
            with self.subTest(fault):
                result = self.strike(fault)
                self.assert_fails(result, OUTPUT, fault.split("path=")[1].split()[0])
                self.assertEqual(support.whole_checkpoints(self.run_dir), before)
                lines(self.run_dir / "run.jsonl")
        self.check_goes_on([20])


if __name__ == "__main__":
    support.main()

"""No room: a full disk in the middle of a checkpoint and of a line of metrics, a limit of a file's
size, a folder that cannot be written. Status 4, one message, nothing of before lost; once there is
room the same command comes to the end of the undisturbed run."""
import ctypes
import os
import resource
import shutil
import subprocess

import support
from support import (OK, OUTPUT, TINY, Case, checkpoint, checkpoints, edit, last_step, lines,
                     needs_h5_tools, snapshot, wait_for)

# Checkpoints of 1.7 MB, all of them kept.
LARGE = edit(TINY, ("units: 32, bias", "units: 1024, bias"), ("units: 32}", "units: 1024}"),
             ("steps: 20\n", "steps: 30\n"))

# A line a step, and seldom anything else.
TALKING = edit(TINY, ("steps: 20\n", "steps: 6000\n"), ("log_every: 5", "log_every: 1"),
               ("every_steps: 10, keep_last: 10", "every_steps: 2000, keep_last: 10"),
               ("every_steps: 10, count: 8", "every_steps: 3000, count: 8"))

CLONE_NEWNS = 0x20000


def own_mounts():
    """A mount namespace for this process and its children; why not, where that is refused."""
    if os.geteuid() != 0:
        return "only root may mount"
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        return f"no mount namespace: {os.strerror(ctypes.get_errno())}"
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


WHY_NOT = own_mounts()
needs_mounts = support.unittest.skipIf(WHY_NOT, f"{WHY_NOT}; the tests of single "
                                                       "calls (test_fault_writes.py) stand in")


def mount(folder, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


@needs_h5_tools
class Space(Case):
    def begin(self, config, ranks=None):
        """A config, its undisturbed run, and the folder of another."""
        self.path = self.config(config)
        self.ranks = ranks
        self.train(self.path, "straight", ranks=ranks)
        self.straight = self.folder / "straight"
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.run_dir = self.disk / "run"

    def disk_of(self, size):
        mount(self.disk, f"size={size}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)])

    def check_failed(self, result, words, left):
        self.assert_fails(result, OUTPUT, "run", words, "earlier checkpoints are whole")
        self.assertEqual(checkpoints(self.run_dir), left)
        for step in left:
            result = support.run("inspect", checkpoint(self.run_dir, step), "--verify")
            self.assertEqual(result.status, OK, str(result))
        lines(self.run_dir / "metrics.jsonl")

    def check_goes_on(self, steps):
        """With the same command; what was whole stays as it was."""
        before = support.whole_checkpoints(self.run_dir)
        self.train(self.path, self.run_dir, ranks=self.ranks)
        self.assertLessEqual(before.items(), support.whole_checkpoints(self.run_dir).items())
        self.assert_same_run(self.straight, self.run_dir, steps)
        self.assertEqual(list(self.run_dir.rglob("*.tmp")), [])

    @needs_mounts
    def test_full_in_a_checkpoint(self):
        self.begin(LARGE, ranks=2)
        size = checkpoint(self.straight, 10).stat().st_size
        self.disk_of(5 * size // 2 + 200000)
        result = self.run_program("train", self.path, "--run-dir", self.run_dir, ranks=2)
        self.check_failed(result, "No space left", [10, 20])
        again = self.run_program("train", self.path, "--run-dir", self.run_dir, ranks=2)
        self.check_failed(again, "No space left", [10, 20])
        subprocess.run(["mount", "-o", f"remount,size={9 * size}", str(self.disk)], check=True)
        self.check_goes_on(30)

    @needs_mounts
    def test_full_in_a_line(self):
        """Somebody else fills the disk; the last line is written in part and taken back."""
        self.begin(TALKING)
        self.disk_of("16m")
        job = self.start("train", self.path, "--run-dir", self.run_dir)
        wait_for(lambda: last_step(self.run_dir) >= 2100 or job.process.poll() is not None, "step")
        with open(self.disk / "other", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        result = job.result()
        self.check_failed(result, "metrics.jsonl: cannot write: No space left", [2000])
        (self.disk / "other").unlink()
        self.check_goes_on(6000)

    @needs_mounts
    def test_read_only_folder(self):
        """Before the start: nothing is begun, and nothing changes."""
        self.begin(TINY)
        self.disk_of("4m")
        shutil.copytree(self.straight, self.run_dir, symlinks=True)
        before = snapshot(self.disk)
        subprocess.run(["mount", "-o", "remount,ro", str(self.disk)], check=True)
        more = ("--set", "train.steps=30")
        for ranks in (None, 2):
            result = self.run_program("train", self.path, "--run-dir", self.run_dir, *more,
                                      ranks=ranks)
            self.assert_fails(result, OUTPUT, "run.lock", "Read-only file system")
            self.assertEqual(snapshot(self.disk), before)
        subprocess.run(["mount", "-o", "remount,rw", str(self.disk)], check=True)
        self.train(self.path, self.run_dir, *more)
        self.train(self.path, self.straight, *more)
        self.assert_same_run(self.straight, self.run_dir, 30)

    def test_folder_becomes_read_only(self):
        """After an error of its disk: while samples are written, or a checkpoint."""
        self.begin(TINY, ranks=2)
        for at in (16, 26, 40):
            shutil.rmtree(self.run_dir, ignore_errors=True)
            result = self.run_program(
                "train", self.path, "--run-dir", self.run_dir, ranks=2,
                faults="calls=open,rename,fsync,unlink,symlink "
                f"path={self.run_dir}/ at={at} last=0 do=EROFS rank=0")
            self.check_failed(result, "Read-only file system", checkpoints(self.run_dir))
            self.check_goes_on(20)

    def run_limited(self, size, ranks):
        """No file of rank 0 may have more bytes, once MPI runs: its own files are larger."""
        return self.run_program("train", self.path, "--run-dir", self.run_dir, ranks=ranks,
                                faults=f"calls=open path=run.lock at=1 do=limit+{size}"
                                + (" rank=0" if ranks else ""))

    def test_limit_of_a_file(self):
        """A checkpoint is larger than any file may be."""
        self.begin(LARGE, ranks=2)
        size = checkpoint(self.straight, 10).stat().st_size
        result = self.run_limited(size // 2, 2)
        self.check_failed(result, "File too large", [])
        self.check_goes_on(30)
        result = self.run_program(
            "sample", self.run_dir, "--output", "out.h5", "--count", "100",
            before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
        self.assert_fails(result, OUTPUT, "out.h5", "File too large")
        self.assertEqual(list(self.folder.glob("out.h5*")), [])

    def test_limit_of_a_line(self):
        self.begin(TALKING)
        result = self.run_limited(700001, None)
        self.check_failed(result, "metrics.jsonl: cannot write: File too large", [2000])
        self.check_goes_on(6000)


if __name__ == "__main__":
    support.main()

"""A bit that flips in the memory of one rank: the run sees it, names the rank, and writes no
checkpoint on top of good ones."""
import os
import pathlib
import unittest

import support
from support import (TINY, Case, checkpoint, checkpoints, edit, h5_numbers, last_step, lines,
                     needs_h5_tools, wait_for)

INTERNAL = 6

# Learning rates of 0: weights stay what the first checkpoint has, so they can be found in memory.
STILL = edit(TINY, ("  steps: 20\n", "  steps: 2\n  optimizer: {lr_d: 0, lr_g: 0}\n"),
             ("samples: {every_steps: 10, count: 8}", "samples: {every_steps: 0, count: 8}"))


def find_in_memory(pid, needle):
    """Where it stands in the private memory of a process, on 64-byte boundaries as slabs do."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if rights != "rw-p":
                continue
            begin, end = (int(x, 16) for x in span.split("-"))
            try:
                content = os.pread(memory.fileno(), end - begin, begin)
            except OSError:
                continue
            at = content.find(needle)
            while at >= 0:
                if (begin + at) % 64 == 0:
                    found.append(begin + at)
                at = content.find(needle, at + 1)
    return found


def flip(pid, address):
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        byte = os.pread(memory.fileno(), 1, address)[0]
        os.pwrite(memory.fileno(), bytes([byte ^ 1]), address)


@needs_h5_tools
@unittest.skipUnless(os.path.exists("/proc/self/mem"), "no /proc/PID/mem here")
class Replicas(Case):
    def setUp(self):
        super().setUp()
        self.path, self.run_dir = self.config(STILL), self.folder / "run"

    def broken_run(self, ranks, who, tensor, *settings):
        """Trains on, flips one bit of that tensor on that rank, and gives the result."""
        self.train(self.path, "run", ranks=ranks)
        network, name = tensor.split()
        weights = h5_numbers(checkpoint(self.run_dir, 2), f"/{network}/param/{name}").tobytes()
        words = [word for text in ("train.steps=10000000", "train.log_every=100",
                                   "checkpoint.every_steps=0", *settings)
                 for word in ("--set", text)]
        job = self.start("train", self.path, "--run-dir", "run", *words, ranks=ranks)
        wait_for(lambda: last_step(self.run_dir) >= 100, "step 100")
        pid = job.ranks()[who]
        try:
            places = find_in_memory(pid, weights)
        except PermissionError:
            job.kill()
            self.skipTest("this user may not look into another process's memory")
        self.assertGreaterEqual(len(places), 1)
        for place in places:
            flip(pid, place + len(weights) - 4)
        return job.result()

    def assert_seen(self, result, *parts):
        self.assertEqual(result.status, INTERNAL, str(result))
        self.assertEqual(len(result.complaints), 1, str(result))
        for part in parts:
            self.assertIn(part, result.complaints[0])
        stop = lines(self.run_dir / "run.jsonl")[-1]
        self.assertEqual((stop["event"], stop["status"]), ("stop", INTERNAL))
        self.assertEqual(f"mpigan: {stop['reason']}", result.complaints[0])
        return stop["step"]

    def test_one_rank_of_three(self):
        host = os.uname().nodename
        result = self.broken_run(3, 1, "generator 3.weight", "train.check_every=50")
        step = self.assert_seen(result, f"rank 1 ({host}) holds another state than all others",
                                "first difference is in generator 3.weight;", "no checkpoint",
                                "goes on from the newest checkpoint")
        self.assertEqual(step % 50, 0)
        self.assertIn(f"step {step}: ", result.complaints[0])
        self.assertNotIn("rank 0", result.complaints[0])
        self.assertEqual(checkpoints(self.run_dir), [2])
        # it was no good to anyone: the same command goes on, with whole memory now
        self.train(self.path, "run", "--set", "train.steps=300", ranks=3)

    def test_two_ranks_have_no_majority(self):
        result = self.broken_run(2, 0, "discriminator 0.weight", "train.check_every=50")
        self.assert_seen(result, "rank 0 (", "rank 1 (", "no majority",
                         "discriminator 0.weight;")
        self.assertEqual(checkpoints(self.run_dir), [2])

    def test_before_a_checkpoint(self):
        """check_every 0: seen when a checkpoint is due, and none is written."""
        result = self.broken_run(3, 2, "discriminator 2.weight", "train.check_every=0",
                                 "checkpoint.every_steps=20000")
        step = self.assert_seen(result, "rank 2 (", "discriminator 2.weight;")
        self.assertEqual(step % 20000, 0)
        self.assertEqual(checkpoints(self.run_dir)[-1], step - 20000 or 2)


if __name__ == "__main__":
    support.main()

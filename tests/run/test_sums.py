"""The ways in which gradients are summed over ranks: each gives the same run again, stopped or not,
none of them depends on timing, and those that add up alike give the same bits."""
import shutil
import signal
import subprocess

import support
from support import (OK, TEMPORARY, TINY, USAGE, Case, all_settings, checkpoint, checkpoints, edit,
                     h5_differences, last_step, metrics, needs_h5_tools, run, untimed, wait_for)

RANKS, STEPS = 3, 60

# Wide enough for several buckets of 64 KiB.
CONFIG = edit(TINY, ("units: 32, bias: false}\n    - batchnorm: {}\n    - relu: {}",
                      "units: 256, bias: false}\n    - batchnorm: {}\n    - relu: {}\n"
                      "    - linear: {units: 256}\n    - relu: {}"),
              ("steps: 20\n", f"steps: {STEPS}\n"), ("log_every: 5", "log_every: 1"),
              ("units: 32}", "units: 256}\n    - leaky_relu: {}\n    - linear: {units: 128}"))

BUCKETS = ("comm.overlap=true", "comm.bucket_mb=0.0625")
WAYS = {"window": ("comm.sum=window",),
        "allreduce": ("comm.sum=allreduce",),
        "window in buckets": ("comm.sum=window", *BUCKETS),
        "allreduce in buckets": ("comm.sum=allreduce", *BUCKETS),
        "one copy": ("comm.share_weights=true",),
        "half the bytes": ("comm.sum=allreduce", "comm.wire=bf16")}


@needs_h5_tools
class Sums(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def trained(self, name, words, **options):
        run_dir = self.folder / name
        result = self.train(self.path, run_dir, *all_settings(*words), ranks=RANKS, **options)
        return run_dir, result

    def assert_same_state(self, a, b):
        """But for the config that says how it sums."""
        self.assertEqual(untimed(metrics(a)), untimed(metrics(b)))
        self.assertEqual(h5_differences(checkpoint(a, STEPS), checkpoint(b, STEPS), "/generator",
                                        "/discriminator"), "")

    def stop_and_go(self, name, words):
        """Stopped once on its way, then on to the end."""
        run_dir = self.folder / name
        command = ("train", self.path, "--run-dir", run_dir, *all_settings(*words))
        job = self.start(*command, ranks=RANKS)
        wait_for(lambda: last_step(run_dir) >= 10 or job.process.poll() is not None, "step 10")
        job.signal(signal.SIGUSR1)
        self.assertEqual(job.result().status, TEMPORARY)
        stopped = checkpoints(run_dir)[-1]
        self.assertLess(stopped, STEPS)
        result = run(*command, ranks=RANKS)
        self.assertEqual(result.status, OK, str(result))
        return run_dir

    def test_each_gives_the_same_run_again(self):
        for name, words in WAYS.items():
            with self.subTest(name):
                one, result = self.trained(f"{name}, straight", words)
                two = self.stop_and_go(f"{name}, stopped", words)
                self.assert_same_run(one, two, STEPS)
                self.assertIn("sums of gradients: ", result.out)

    def test_buckets_in_order_of_rank_are_the_sum_in_order_of_rank(self):
        whole, said = self.trained("whole", WAYS["window"])
        cut, said_cut = self.trained("cut", WAYS["window in buckets"])
        self.assertIn("in memory that 3 ranks share\n", said.out)
        self.assertRegex(said_cut.out, r"in memory that 3 ranks share; \S+ KiB in 3 buckets, the "
                                       r"first of \S+ KiB, begun while backward goes on\n")
        self.assertRegex(said_cut.out, r"sums that were hidden +\d")
        self.assertNotIn("sums that were hidden", said.out)
        self.assert_same_state(whole, cut)

    def test_a_window_where_there_is_one(self):
        auto, said = self.trained("auto", ())
        window, _ = self.trained("window", WAYS["window"])
        self.assertIn("in memory that 3 ranks share\n", said.out)
        self.assert_same_state(auto, window)

    def test_one_copy_of_weights_is_what_each_would_have(self):
        normal = ("model.init=normal",)  # first weights that are drawn, then scaled
        apart, _ = self.trained("apart", WAYS["window"] + normal)
        shared, said = self.trained("shared", WAYS["one copy"] + normal)
        self.assertIn("in memory that 3 ranks share, as they do weights and moments\n", said.out)
        self.assert_same_state(apart, shared)

    def test_what_is_rounded_differs(self):
        plain, _ = self.trained("plain", WAYS["allreduce"])
        rounded, said = self.trained("rounded", WAYS["half the bytes"])
        self.assertIn("MPI's allreduce, as bfloat16\n", said.out)
        self.assertNotEqual(metrics(plain)[-1]["d_loss"], metrics(rounded)[-1]["d_loss"])
        first = [metrics(run_dir)[0] for run_dir in (plain, rounded)]
        self.assertEqual(first[0]["d_loss"], first[1]["d_loss"])
        # each of its numbers is off by less than 2^-7: wire.h
        ratio = first[1]["d_grad_norm"] / first[0]["d_grad_norm"]
        self.assertLess(abs(ratio - 1), 2**-7)

    def test_what_does_not_go_together(self):
        for words, parts in (
                (("compute.reproducible=true", "comm.wire=bf16"), ("comm.wire", "reproducible")),
                (("compute.reproducible=true", "comm.overlap=true"), ("comm.overlap", "reproducible")),
                (("compute.reproducible=true", "comm.sum=window"), ("comm.sum", "reproducible")),
                (("comm.overlap=true", "comm.wire=bf16"), ("comm.overlap", "comm.wire bf16"))):
            result = run("train", self.path, "--run-dir", self.folder / "never", *all_settings(*words))
            self.assert_fails(result, USAGE, *parts)
        self.assertFalse((self.folder / "never").exists())


@needs_h5_tools
class SmallSharedMemory(Case):
    """A container's /dev/shm, as small as one."""

    def setUp(self):
        super().setUp()
        self.launcher = ["unshare", "-m", "sh", "-c",
                         'mount -t tmpfs -o size=8m none /dev/shm && exec "$@"', "sh",
                         support.MPIEXEC, "-n", "2"]
        tried = subprocess.run([*self.launcher[:5], "sh", "true"], stderr=subprocess.DEVNULL,
                               check=False) if shutil.which("unshare") else None
        if tried is None or tried.returncode != 0:
            self.skipTest("nothing can be mounted here")
        self.path = self.config(CONFIG)

    def trained(self, *words):
        return run("train", self.path, "--run-dir", self.folder / "small", *all_settings(*words),
                   launcher=self.launcher, cwd=self.folder)

    def test_falls_back_with_a_line(self):
        result = self.trained()
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("the sum of the generator's gradients goes through MPI's allreduce: /dev/shm "
                      "has ", result.out)
        self.assertIn("sums of gradients: MPI's allreduce\n", result.out)

    def test_says_what_is_missing(self):
        self.assert_fails(self.trained("comm.sum=window"), USAGE, "comm.sum is window", "--shm-size",
                          "/dev/shm has ")


if __name__ == "__main__":
    support.main()

"""Data that is streamed from a file: the same steps on any number of ranks, exact resuming, little
memory; `mpigan data convert`, which makes such files; and the mistakes one can make with both."""
import math
import pathlib
import random
import resource
import signal
import time

import support
from support import (INPUT, OK, OUTPUT, START_FILES, TEMPORARY, TINY, USAGE, Case,
                     checkpoints, edit, h5_names, last_step, metrics, needs_h5_tools, run_all,
                     snapshot, untimed, wait_for, write_h5)

# 1,797 rows in 12 shards, about 150 each; two windows of 12 shards fit for 30 rows or so.
BUFFER = 0.05
STREAMED = edit(TINY, ("  path: builtin:digits", f"  path: digits.h5\n  cache: stream\n"
                                                 f"  buffer_mb: {BUFFER}"))

# An epoch is 1797 / 96 = 18.7 steps.  They take less than a millisecond each, and a stop is asked for
# in the first fifth, so that it comes before the end on a busy machine too.
STEPS, STOP_BEFORE = 1500, 300
RESUMED = edit(STREAMED, ("batch: 24", "batch: 48\n  d_steps: 2"), ("steps: 20", f"steps: {STEPS}"),
               ("units: 32, bias", "units: 512, bias"), ("units: 32}", "units: 512}"),
               ("log_every: 5", "log_every: 1"), ("every_steps: 10, keep_last: 10",
                                                  "every_steps: 250, keep_last: 2"),
               ("every_steps: 10, count", "every_steps: 250, count"))

# Step 1 sees the same samples and weights on any number of ranks: sums differ in their last bits.
# Other samples differ by more than 1e-3 (the order of data in memory, below).
SAME_SAMPLES = 1e-6

# The digit GAN's shapes on data too large for what a rank may hold.
ROWS, ROW_BYTES, LARGE_BUFFER_MB = 260_000, 784, 16
LARGE = edit(TINY, ("builtin:digits", f"large.h5\n  buffer_mb: {LARGE_BUFFER_MB}"),
             ("units: 64", "units: 784"), ("steps: 20", "steps: 400"),
             ("every_steps: 10, keep_last: 10", "every_steps: 0"),
             ("every_steps: 10, count", "every_steps: 0, count"))
MIB = 1 << 20

# An idle rank with its libraries holds 25 to 50 MiB; the buffer and some rows come on top.
STREAM_LIMIT = 90 * MIB
CONVERT_LIMIT = 60 * MIB


def peak(pid):
    """The largest resident size of a process so far, 0 when it is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    for line in status.splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def peaks(job, processes):
    """Watches a job until it ends; the peak of each of its `processes()`, a dict by name."""
    found = {}
    while job.process.poll() is None:
        for name, pid in processes().items():
            found[name] = max(found.get(name, 0), peak(pid))
        time.sleep(0.02)
    return found


class Streamed(Case):
    def setUp(self):
        super().setUp()
        result = self.run_program("data", "convert", "builtin:digits", "digits.h5")
        self.assertEqual(result.status, OK, str(result))

    def first_losses(self, ranks, *words):
        run_dir = f"on-{ranks}-{len(list(self.folder.iterdir()))}"
        self.train("config.yaml", run_dir, "--set", "train.log_every=1", *words, ranks=ranks)
        records = metrics(self.folder / run_dir)
        self.assertEqual(len(records), 20)
        return [records[0][name] for name in ("d_loss", "g_loss", "d_real", "d_fake")]

    def apart(self, a, b):
        return max(abs(x - y) / abs(x) for x, y in zip(a, b))

    def test_any_number_of_ranks(self):
        self.config(STREAMED)
        alone = self.first_losses(1)
        for ranks in (2, 3):
            self.assertLess(self.apart(alone, self.first_losses(ranks)), SAME_SAMPLES)
        in_memory = self.first_losses(1, "--set", "data.cache=memory")
        self.assertGreater(self.apart(alone, in_memory), 1000 * SAME_SAMPLES)

    def test_compressed_is_the_same(self):
        self.config(STREAMED)
        result = self.run_program("data", "convert", "digits.h5", "small.h5", "--gzip=9")
        self.assertEqual(result.status, OK, str(result))
        self.train("config.yaml", "plain")
        self.train("config.yaml", "packed", "--set", "data.path=small.h5", ranks=2)
        self.train("config.yaml", "packed-alone", "--set", "data.path=small.h5")
        self.assertEqual(untimed(metrics(self.folder / "plain")),
                         untimed(metrics(self.folder / "packed-alone")))
        self.assertEqual(checkpoints(self.folder / "packed"), [10, 20])

    @needs_h5_tools
    def test_resume(self):
        """Stopped at any step, mostly in the middle of an epoch, and started again: same bits."""
        path = self.config(RESUMED)
        seed = random.randrange(10**6)
        print(f"seed of the stops: {seed}", flush=True)
        draw = random.Random(seed)
        for ranks, number in ((None, signal.SIGTERM), (2, signal.SIGUSR1), (3, signal.SIGUSR1)):
            straight, run_dir = self.folder / f"straight-{ranks}", self.folder / f"stopped-{ranks}"
            self.train(path, straight, ranks=ranks)
            stop = 0
            for at in sorted(draw.sample(range(1, STOP_BEFORE), 2)):
                at = max(at, stop + 1)
                job = self.start("train", path, "--run-dir", run_dir, ranks=ranks)
                wait_for(lambda: last_step(run_dir) >= at or job.process.poll() is not None,
                         f"step {at}")
                job.signal(number)
                result = job.result()
                self.assertEqual(result.status, TEMPORARY, str(result))
                stop = checkpoints(run_dir)[-1]
                print(f"on {ranks or 1} ranks, stopped at {stop}", flush=True)
            self.train(path, run_dir, ranks=ranks)
            self.assert_same_run(straight, run_dir, STEPS)

    def test_continuing_with_another_order(self):
        """cache and buffer_mb decide the order of the samples, so a run keeps them."""
        self.config(STREAMED)
        self.train("config.yaml", "run")
        for change, key in (("data.cache=memory", "data.cache"), ("data.buffer_mb=0.06",
                                                                  "data.buffer_mb")):
            result = self.run_program("train", "config.yaml", "--run-dir", "run", "--set", change,
                                      "--set", "train.steps=30")
            self.assert_fails(result, USAGE, key, "--force-config")

    def test_not_hdf5(self):
        self.config(STREAMED, ("digits.h5", "builtin:digits"))
        for ranks in (None, 3):
            result = self.run_program("train", "config.yaml", "--run-dir", "run", ranks=ranks)
            self.assert_fails(result, INPUT, "config.yaml:5", "data.cache", "builtin:digits",
                              "mpigan data convert builtin:digits OUT.h5")
            self.assertFalse((self.folder / "run").exists())
        result = self.run_program("bench", "step", "config.yaml", "--repeat", 1)
        self.assertEqual(result.status, OK, str(result))  # on what is made up, in memory

    def test_buffer_too_small(self):
        self.config(STREAMED, (f"buffer_mb: {BUFFER}", "buffer_mb: 0.001"))
        for ranks in (None, 3):
            result = self.run_program("train", "config.yaml", "--run-dir", "run", ranks=ranks)
            self.assert_fails(result, USAGE, "config.yaml:6", "data.buffer_mb", "0.001")
            self.assertFalse((self.folder / "run").exists())
        least = result.complaints[0].split("at least ")[-1].split(",")[0]
        self.train("config.yaml", "run", "--set", f"data.buffer_mb={least}")
        below = float(least) * 0.98
        result = self.run_program("train", "config.yaml", "--set", f"data.buffer_mb={below}")
        self.assert_fails(result, USAGE, "data.buffer_mb")

    def test_a_bad_row(self):
        """Met in the middle of a run by the rank that holds it: all say so, none waits for ever,
        and nothing of that step is kept."""
        rows, shard = 1200, 100
        values = [(i % 97) / 97 for i in range(rows * 64)]
        values[(11 * shard + 37) * 64 + 5] = math.nan  # in the last shard
        write_h5(self.folder / "bad.h5", images=("float32", (rows, 8, 8), values))
        path = self.config(edit(STREAMED, ("digits.h5", "bad.h5\n  range: none"),
                                ("steps: 20", "steps: 2000"), ("log_every: 5", "log_every: 1"),
                                ("every_steps: 10, keep_last", "every_steps: 2, keep_last"),
                                (f"buffer_mb: {BUFFER}", "buffer_mb: 0.06")))
        stops = set()
        for ranks in (None, 2, 3):
            run_dir = self.folder / f"run-{ranks}"
            result = self.run_program("train", path, "--run-dir", run_dir, ranks=ranks)
            self.assert_fails(result, INPUT, "bad.h5", "row 1137", "nan", "number 5",
                              *([f"rank {ranks - 1} ("] if ranks else []))
            stop = last_step(run_dir)
            self.assertIn(f"step {stop + 1}:", result.err)
            self.assertLess(stop, shard / 2)  # two samples a step, once an epoch
            stops.add(stop)
            self.assertEqual(max(checkpoints(run_dir), default=0), stop // 2 * 2)
            if stop >= 2:
                result = self.run_program("inspect", run_dir, "--verify")
                self.assertEqual(result.status, OK, str(result))
        self.assertEqual(len(stops), 1)

    def test_damaged_files(self):
        content = (self.folder / "digits.h5").read_bytes()
        (self.folder / "digits.h5").write_bytes(content[:len(content) // 2])
        self.config(STREAMED)
        for ranks in (None, 3):
            result = self.run_program("train", "config.yaml", "--run-dir", "run", ranks=ranks)
            self.assert_fails(result, INPUT, "digits.h5", "truncated")
        write_h5(self.folder / "digits.h5", images=("float32", (60, 8, 8), [0.5] * 3840))
        for ranks in (None, 3):
            result = self.run_program("train", "config.yaml", "--run-dir", "run", ranks=ranks)
            self.assert_fails(result, INPUT, "digits.h5", "minimum and maximum", "data convert",
                              "data.range")
        self.assertLessEqual(set(snapshot(self.folder / "run")),
                             {*START_FILES, "checkpoints", "samples"})


class Memory(Case):
    def test_bounded(self):
        """200 MB of data: converting them and training on them takes little of it."""
        job = self.start("data", "convert", f"synthetic:{ROWS}x28x28x1", "large.h5")
        converting = peaks(job, lambda: {"convert": job.pid})["convert"]
        result = job.result()
        self.assertEqual(result.status, OK, str(result))
        for part in ("large.h5", f"{ROWS} images of 28x28x1 uint8", "MiB on disk", " s"):
            self.assertIn(part, result.out)
        self.assertGreater((self.folder / "large.h5").stat().st_size, ROWS * ROW_BYTES)
        print(f"converting: {converting / MIB:.0f} MiB", flush=True)
        self.assertLess(converting, CONVERT_LIMIT)

        self.config(LARGE)
        found = {}
        for cache in ("memory", "stream"):
            job = self.start("train", "config.yaml", "--run-dir", cache, "--set",
                             f"data.cache={cache}", ranks=2)
            found[cache] = peaks(job, job.ranks)
            result = job.result()
            self.assertEqual(result.status, OK, str(result))
            self.assertIn("waiting for data", result.out)
            self.assertEqual(sorted(found[cache]), [0, 1])
            print(cache, {rank: f"{size / MIB:.0f} MiB" for rank, size in found[cache].items()},
                  flush=True)
        share = ROWS * ROW_BYTES / 2
        for rank in (0, 1):
            self.assertGreater(found["memory"][rank], share)
            self.assertLess(found["stream"][rank], STREAM_LIMIT)
            self.assertLess(found["stream"][rank], found["memory"][rank] - share / 2)
        # nor does looking at some of its rows hold them all
        job = self.start("eval", "stream", "--count", 200, "--metrics", "kernel", ranks=2)
        peak_of = peaks(job, job.ranks)
        result = job.result()
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(f"of {ROWS} rows", result.out)
        for rank in (0, 1):
            self.assertLess(peak_of[rank], found["memory"][rank] - share / 2)


class Convert(Case):
    def convert(self, *words, **options):
        return self.run_program("data", "convert", *words, **options)

    def test_mistakes(self):
        (self.folder / "there.h5").write_text("mine\n")
        (self.folder / "bad.bin").write_bytes(bytes(3072))
        rows = [(("data",), USAGE, "there are: convert, info", "usage: mpigan data convert"),
                (("data", "covnert"), USAGE, "covnert", "there are: convert, info"),
                (("data", "convert"), USAGE, "SRC... OUT.h5 is missing"),
                (("data", "convert", "builtin:digits"), USAGE, "OUT.h5 is missing"),
                (("data", "convert", "builtin:digits", "out"), USAGE, "out", ".h5"),
                (("data", "convert", "builtin:digits", "out.h5", "--gzip", "10"), USAGE, "--gzip",
                 "0 to 9"),
                (("data", "convert", "builtin:digits", "out.h5", "--layout", "hwc"), USAGE,
                 "--layout", "nhwc"),
                (("data", "convert", "builtin:digits", "out.h5", "--stack", "0"), USAGE, "--stack"),
                (("data", "convert", "synthetic:9x8x8x3", "out.h5", "--stack", "5"), USAGE,
                 "synthetic:9x8x8x3", "one channel"),
                (("data", "convert", "doc", "out.h5", "--stack", "5", "--size", "8"), USAGE,
                 "--stack", "folders of pictures"),
                (("data", "convert", "builtin:digits", "there.h5"), USAGE, "there.h5", "exists",
                 "--force"),
                (("data", "convert", "no-such-set", "out.h5"), INPUT, "no-such-set"),
                (("data", "convert", "builtin:digits", "bad.bin", "out.h5"), INPUT, "bad.bin",
                 "3073"),
                (("data", "convert", "builtin:digits", "synthetic:9x8x8x1", "out.h5"), INPUT,
                 "builtin:digits", "synthetic:9x8x8x1", "labels"),
                (("data", "convert", "synthetic:9x8x8x1", "synthetic:9x8x8x3", "out.h5"), INPUT,
                 "8x8x1", "8x8x3", "must be the same"),
                (("data", "convert", "builtin:digits", "/proc/out.h5"), OUTPUT, "/proc/out.h5")]
        before = snapshot(self.folder)
        results = run_all([(words, {"cwd": self.folder}) for words, *_ in rows])
        for (words, status, *parts), result in zip(rows, results):
            with self.subTest(" ".join(words)):
                self.assert_fails(result, status, *parts)
        self.assertEqual(snapshot(self.folder), before)

    def test_full_disk(self):
        """Wherever it ends: status 4, no crash, nothing left, and what was there still is."""
        (self.folder / "out.h5").write_text("mine\n")
        before = snapshot(self.folder)
        for size in (1000, 20_000, 120_000, 128_000):
            for mode in (signal.SIG_IGN, signal.SIG_DFL):
                def limit():
                    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                    signal.signal(signal.SIGXFSZ, mode)
                result = self.convert("builtin:digits", "out.h5", "--force", before=limit)
                self.assert_fails(result, OUTPUT, "out.h5", "File too large", "nothing of it")
                self.assertEqual(snapshot(self.folder), before)

    def test_killed(self):
        """A kill leaves the temporary file at most, and the next start does not mind it."""
        job = self.start("data", "convert", "synthetic:400000x28x28x1", "out.h5")
        temporary = self.folder / "out.h5.tmp"
        wait_for(lambda: temporary.exists() and temporary.stat().st_size > 9 * MIB, "some rows")
        job.kill()
        self.assertEqual(set(snapshot(self.folder)), {"out.h5.tmp"})
        result = self.convert("builtin:digits", "out.h5")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(set(snapshot(self.folder)), {"out.h5"})

    def test_made_up_data(self):
        """It is data for training too, in memory, and a file made of it is the same."""
        self.config(TINY, ("builtin:digits", "synthetic:500x8x8x1"))
        self.train("config.yaml", "by-name", ranks=2)
        self.assertEqual(self.convert("synthetic:500x8x8x1", "out.h5").status, OK)
        self.train("config.yaml", "from-file", "--set", "data.path=out.h5", ranks=2)
        a, b = (untimed(metrics(self.folder / name)) for name in ("by-name", "from-file"))
        self.assertEqual(a, b)
        self.assertEqual(len(a), 4)

    def test_once_for_a_job(self):
        """Under mpirun one rank does it."""
        result = self.convert("builtin:digits", "out.h5", ranks=2)
        self.assertEqual((result.status, result.out.count("1797 images")), (OK, 1), str(result))

    @needs_h5_tools
    def test_what_is_there(self):
        result = self.convert("builtin:digits", "builtin:digits", "out.h5", "--gzip", "4")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(result.out.count("\n"), 1)
        self.assertIn("out.h5: 3594 images of 8x8x1 uint8, with labels", result.out)
        names = h5_names(self.folder / "out.h5")
        self.assertEqual({name: shape for name, shape in names.items() if name != "/"},
                         {"/images": "{3594, 8, 8}", "/labels": "{3594}"})
        for name, value in (("minimum", 0), ("maximum", 255), ("classes", 10)):
            self.assertEqual(float(support.h5_attribute(self.folder / "out.h5", f"images/{name}")),
                             value)
        labels = support.h5_numbers(self.folder / "out.h5", "labels", "i")
        self.assertEqual(labels[:10], labels[1797:1807])
        self.assertEqual(sorted(set(labels)), list(range(10)))


if __name__ == "__main__":
    support.main()

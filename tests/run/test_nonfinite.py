"""Numbers that go bad (train.on_nonfinite): a run stops and says where, leaves the update out without
a trace, or goes back with smaller learning rates; killed and resumed it is still the same run.

One row of the data is far larger than the others.  A batch with it overflows, or its gradients grow
with the weights until Adam cannot hold their squares: the same step on any number of ranks."""
import json
import random
import signal

import support
from support import (INPUT, NUMBERS, OK, TEMPORARY, USAGE, Case, checkpoint, checkpoints, edit,
                     h5_attribute, h5_differences, h5_numbers, last_step, lines, metrics,
                     needs_h5_tools, samples, untimed, wait_for)

ROWS, SIZE, BATCH = 480, 16, 24
EPOCH = ROWS // BATCH  # steps; each sees every row once

CONFIG = """\
name: bad
seed: 7
data: {path: data.h5, range: none}
model:
  latent: 8
  generator:
    - linear: {units: 32, bias: false}
    - batchnorm: {}
    - relu: {}
    - linear: {units: 16}
  discriminator:
    - linear: {units: 32}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 32}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 1}
train:
  batch: 24
  steps: 40
  log_every: 1
  on_nonfinite: stop
checkpoint: {every_steps: 10, keep_last: 100}
samples: {every_steps: 7, count: 4}
"""
# Learning rates that grow the weights until, in step 19, the large row is too much.
RATE, FACTOR = 256, 2.0**-20
FAST = edit(CONFIG, ("on_nonfinite: stop", f"on_nonfinite: stop\n  optimizer: {{lr_d: {RATE}, "
                     f"lr_g: {RATE}}}"))
BACK = edit(FAST, ("on_nonfinite: stop", f"on_nonfinite: rollback\n  rollback_factor: {FACTOR}"))
LARGE, BAD_STEP, BACK_TO = 1e14, 19, 10

# Seven layers' weights of the learning rate's size: too much at once.
EXPLODING = edit(support.TINY, ("    - linear: {units: 32}\n    - leaky_relu: {slope: 0.2}\n",
                                "    - linear: {units: 32}\n    - leaky_relu: {slope: 0.2}\n" * 3),
                 ("  log_every: 5", "  log_every: 1\n  optimizer: {lr_d: 1e6, lr_g: 1e6}"))


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def values(large, bad_rows=(301,)):
    draw = random.Random(1)
    rows = [draw.random() for _ in range(ROWS * SIZE)]
    for row in bad_rows:
        for i in range(SIZE):
            rows[row * SIZE + i] = large * (1 if i % 2 else -0.7)
    return rows


def write_data(path, large, **options):
    support.write_h5(path, images=("float32", (ROWS, 4, 4), values(large, **options)))


class Nonfinite(Case):
    def data(self, large=1e38, **options):
        write_data(self.folder / "data.h5", large, **options)

    def events(self, run_dir, kind):
        return [e for e in lines(self.folder / run_dir / "run.jsonl") if e["event"] == kind]

    def assert_strict(self, run_dir):
        """What Python reads as a number, JSON does not: NaN, Infinity."""
        for name in ("metrics.jsonl", "run.jsonl"):
            for line in (self.folder / run_dir / name).read_text().splitlines():
                json.loads(line, parse_constant=refuse)


@needs_h5_tools
class Stop(Nonfinite):
    def test_stop_is_recorded(self):
        path = self.config(EXPLODING)
        for ranks in (None, 3):
            run_dir = self.folder / f"on-{ranks}"
            result = self.run_program("train", path, "--run-dir", run_dir, ranks=ranks)
            self.assert_fails(result, NUMBERS, "step 2:", "gradient of the", "norm is",
                              "nothing of this step is kept", "train.optimizer.lr_d")
            self.assertEqual(last_step(run_dir), 1)
            stop = lines(run_dir / "run.jsonl")[-1]
            self.assertEqual((stop["event"], stop["status"], stop["step"]), ("stop", NUMBERS, 1))
            self.assertIn("gradient of the", stop["reason"])

    def test_squares_that_overflow(self):
        """A gradient that is finite, but not in Adam's squares, would end a weight's learning."""
        self.data(LARGE)
        result = self.run_program("train", self.config(FAST), "--run-dir", "run")
        self.assert_fails(result, NUMBERS, f"step {BAD_STEP}:", "discriminator is too large",
                          "nothing of this step is kept")
        self.assertEqual(checkpoints(self.folder / "run"), [BACK_TO])
        found = h5_numbers(checkpoint(self.folder / "run", BACK_TO),
                           "/discriminator/optimizer/exp_avg_sq/0.weight")
        self.assertLess(max(found), float("inf"))

    def test_running_statistics(self):
        """Every number of the step is finite but the running variance: it would be kept for good."""
        self.data(1e25)
        path = self.config(edit(CONFIG, ("  discriminator:\n", "  discriminator:\n"
                                         "    - flatten: {}\n    - batchnorm: {}\n")))
        for ranks in (None, 3):
            result = self.run_program("train", path, "--run-dir", f"run-{ranks}", ranks=ranks)
            self.assert_fails(result, NUMBERS, "running statistics of the discriminator are not")

    def test_bad_data_is_no_such_case(self):
        """What the file holds is named as such, whatever on_nonfinite says."""
        rows = values(0.5)
        rows[77 * SIZE + 3] = float("nan")
        support.write_h5(self.folder / "data.h5", pictures=("float32", (ROWS, 4, 4), rows))
        for choice in ("stop", "skip", "rollback"):
            for cache in ("memory", "stream"):
                result = self.run_program(
                    "train", self.config(CONFIG), "--run-dir", f"{choice}-{cache}", "--set",
                    f"train.on_nonfinite={choice}", "--set", f"data.cache={cache}", "--set",
                    "data.images=pictures", ranks=2)
                self.assert_fails(result, INPUT, "data.h5: dataset 'pictures', row 77 holds nan",
                                  "number 3 of the row")

    def test_mistakes(self):
        for key, value, parts in (
                ("on_nonfinite", "retry", ("stop, skip, rollback",)),
                ("skip_max", "3", ("train.on_nonfinite is stop", "train.on_nonfinite to skip")),
                ("rollback_max", "2", ("train.on_nonfinite is stop", "to rollback")),
                ("rollback_factor", "0.1", ("train.on_nonfinite is stop", "to rollback")),
                ("skip_max", "0", ("from 1",)), ("rollback_max", "0", ("from 1",)),
                ("rollback_factor", "0", ("from 0 (not included) to 1",)),
                ("rollback_factor", "1.5", ("from 0 (not included) to 1",))):
            result = self.run_program("train", self.config(), "--dry-run", "--set",
                                      f"train.{key}={value}")
            self.assert_fails(result, USAGE, f"train.{key}", value, *parts)
        result = self.run_program("train", self.config(), "--dry-run", "--set",
                                  "train.on_nonfinite=rollback", "--set", "train.rollback_max=7")
        self.assertEqual(result.status, OK, str(result))
        self.assertRegex(result.out, r"train.rollback_max +7 ")
        result = self.run_program("help", "train.on_nonfinite")
        self.assertIn("same samples in the same order", " ".join(result.out.split()))


# Weights so large that the large row overflows in the first layer, and is infinity minus infinity in
# a later one, whatever the weights' signs.
SKIP = edit(CONFIG, ("on_nonfinite: stop", "on_nonfinite: skip"),
            ("  latent: 8", "  latent: 8\n  init: normal\n  init_std: 0.5"),
            ("every_steps: 10, keep_last", "every_steps: 1, keep_last"))
# A discriminator whose statistics the large row would spoil.
GLOBAL = edit(SKIP, ("    - leaky_relu: {slope: 0.2}\n    - linear: {units: 1}",
                     "    - batchnorm: {}\n    - leaky_relu: {slope: 0.2}\n"
                     "    - linear: {units: 1}"))
GHOST = GLOBAL.replace("batchnorm: {}", "batchnorm: {stats: ghost}")
REPRODUCIBLE = GHOST + "compute: {reproducible: true}\n"
# The first buckets are on their way when the gradient is spoilt to tell all ranks.
BUCKETS = SKIP + "comm: {overlap: true, bucket_mb: 0.001}\n"


@needs_h5_tools
class Skip(Nonfinite):
    def check_skips(self, run_dir):
        """The steps that were skipped; each has left the discriminator as it was, to the bit."""
        self.assert_strict(run_dir)
        folder, found = self.folder / run_dir, self.events(run_dir, "skipped")
        for number, event in enumerate(found, 1):
            step = event["step"]
            self.assertEqual((event["network"], event["updates"], event["in_a_row"],
                              event["skipped"]), ("discriminator", 1, 1, number))
            self.assertIn("discriminator", event["reason"])
            before, at = (checkpoint(folder, s) for s in (step - 1, step))
            self.assertEqual(h5_differences(before, at, "/discriminator/param",
                                            "/discriminator/optimizer"), "")
            self.assertNotEqual(h5_differences(before, at, "/generator/param"), "")
            self.assertNotEqual(h5_differences(at, checkpoint(folder, step + 1),
                                               "/discriminator/param"), "")
        for record in metrics(folder):
            self.assertEqual(record["skipped"], sum(e["step"] <= record["step"] for e in found))
        return [event["step"] for event in found]

    def passes(self, run_dir, network, layer, step):
        name = f"/{network}/buffer/{layer}.num_batches_tracked"
        return h5_numbers(checkpoint(self.folder / run_dir, step), name, "q")[0]

    def test_no_trace(self):
        self.data()
        skipped = set()
        for name, text, ranks in (("plain", SKIP, None), ("three", SKIP, 3), ("buckets", BUCKETS, 3),
                                  ("global", GLOBAL, 3), ("ghost", GHOST, 2),
                                  ("one", REPRODUCIBLE, None), ("two", REPRODUCIBLE, 2)):
            self.train(self.config(text), name, ranks=ranks)
            steps = self.check_skips(name)
            self.assertEqual([(s - 1) // EPOCH for s in steps], [0, 1], name)  # once an epoch
            skipped.add(tuple(steps))
            for step in range(2, 41):
                # Of the skipped update no pass is left, of the generator's all.
                bad = step in steps
                grown = [self.passes(name, "generator", 1, s) for s in (step - 1, step)]
                self.assertEqual(grown[1] - grown[0], 1 if bad else 2)
                if text in (GLOBAL, GHOST, REPRODUCIBLE):
                    grown = [self.passes(name, "discriminator", 3, s) for s in (step - 1, step)]
                    self.assertEqual(grown[1] - grown[0], 1 if bad else 3)
            if text in (GLOBAL, GHOST, REPRODUCIBLE):
                for buffer in ("running_mean", "running_var"):
                    found = h5_numbers(checkpoint(self.folder / name, 40),
                                       f"/discriminator/buffer/3.{buffer}")
                    self.assertLess(max(map(abs, found)), 1e3)  # NaN is not
        self.assertEqual(len(skipped), 1)
        self.assertEqual(h5_differences(*(checkpoint(self.folder / name, 40)
                                          for name in ("one", "two")),
                                        "/generator", "/discriminator"), "")

    def test_statistics_alone(self):
        """Losses and gradients are finite, a variance is not; of ghost groups one rank alone has
        it, and all must know."""
        self.data(1e25)
        skipped = set()
        for number, (stats, ranks) in enumerate((("global", None), ("global", 3), ("ghost", None),
                                                 ("ghost", 3))):
            norm = f"    - batchnorm: {{stats: {stats}}}\n"
            path = self.config(edit(CONFIG, ("stop", "skip"), ("every_steps: 10,", "every_steps: 1,"),
                                    ("discriminator:\n",
                                     "discriminator:\n    - flatten: {}\n" + norm)))
            self.train(path, f"run-{number}", ranks=ranks)
            steps = self.check_skips(f"run-{number}")
            self.assertEqual([(s - 1) // EPOCH for s in steps], [0, 1], stats)
            skipped.add(tuple(steps))
            found = h5_numbers(checkpoint(self.folder / f"run-{number}", 40),
                               "/discriminator/buffer/1.running_var")
            self.assertLess(max(map(abs, found)), 10)
        self.assertEqual(len(skipped), 1)

    def test_as_if_the_rate_were_zero(self):
        """Another way to take a step without a change: a discriminator that never learns gives the
        generator the same run, whether its updates are skipped or have no effect."""
        plain = edit(SKIP, ("    - batchnorm: {}\n", ""))  # its fakes are normalised in D's steps too
        self.data(bad_rows=range(ROWS))
        self.train(self.config(edit(plain, ("skip\n", "skip\n  skip_max: 100\n"))), "skipped")
        self.data(0.5)
        self.train(self.config(edit(plain, ("log_every: 1", "log_every: 1\n"
                                            "  optimizer: {lr_d: 0}"))), "still")
        self.assertEqual(len(self.events("skipped", "skipped")), 40)
        self.assertEqual(h5_differences(*(checkpoint(self.folder / name, 40)
                                          for name in ("skipped", "still")),
                                        "/generator/param", "/generator/optimizer",
                                        "/discriminator/param"), "")

    def test_resumed(self):
        self.data()
        path = self.config(SKIP)
        self.train(path, "straight", ranks=3)
        for steps in (5, 17, 23):
            self.train(path, "stopped", "--set", f"train.steps={steps}", ranks=3)
        self.train(path, "stopped", ranks=3)
        a, b = self.folder / "straight", self.folder / "stopped"
        self.assertEqual(untimed(metrics(a)), untimed(metrics(b)))
        for step in range(1, 41):
            self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), "/generator",
                                            "/discriminator"), "")

    def test_too_many_in_a_row(self):
        """The count goes on where a run goes on."""
        self.data(bad_rows=range(ROWS))
        path = self.config(edit(SKIP, ("skip\n", "skip\n  skip_max: 5\n")))
        for ranks in (None, 3):
            run_dir = f"on-{ranks}"
            self.train(path, run_dir, "--set", "train.steps=3", ranks=ranks)
            result = self.run_program("train", path, "--run-dir", run_dir, ranks=ranks)
            self.assert_fails(result, NUMBERS, "step 6:", "discriminator", "step 6 in a row",
                              "train.skip_max is 5")
            self.assertIn("3 steps so far with a skipped update", result.out)
            self.assertEqual([e["in_a_row"] for e in self.events(run_dir, "skipped")],
                             [1, 2, 3, 4, 5, 6])
            self.assertEqual(checkpoints(self.folder / run_dir), [1, 2, 3, 4, 5])
            self.assertEqual(len(metrics(self.folder / run_dir)), 5)
            self.assert_strict(run_dir)
            self.assertNotIn("-nan", result.out + result.err)
        result = self.run_program("train", path, "--run-dir", run_dir, "--set",
                                  "train.skip_max=1000", ranks=3)
        self.assertEqual(result.status, OK, str(result))


@needs_h5_tools
class Rollback(Nonfinite):
    def assert_rolled_back(self, run_dir, step, to, rate=RATE):
        """One roll-back from `step`; the lines and the learning rates show it."""
        folder = self.folder / run_dir
        (event,) = self.events(run_dir, "rollback")
        self.assertEqual((event["step"], event["to"], event["rollbacks"], event["lr_factor"]),
                         (step, to, 1, float(f"{FACTOR:.9g}")))
        self.assertIn("discriminator", event["reason"])
        records = metrics(folder)
        void = [r for r in records if "void" in r]
        self.assertEqual([r["step"] for r in void], list(range(to + 1, step)))
        self.assertTrue(all(r["void"] is True and r["rollback"] == 1 for r in void))
        self.assertEqual([r["step"] for r in records if "void" not in r], list(range(1, 41)))
        for r in records:
            smaller = "void" not in r and r["step"] > to
            self.assertEqual(r["lr_d"], float(f"{rate * (FACTOR if smaller else 1):.9g}"))
        self.assert_strict(run_dir)

    def test_as_by_hand(self):
        """Stopped, and continued by hand with smaller rates: the same weights."""
        self.data(LARGE)
        path = self.config(FAST, name="by-hand.yaml")
        small = ("--set", f"train.optimizer.lr_d={RATE * FACTOR}", "--set",
                 f"train.optimizer.lr_g={RATE * FACTOR}")
        for ranks in (None, 3):
            hand, back = f"hand-{ranks}", f"back-{ranks}"
            self.train(path, hand, status=NUMBERS, ranks=ranks)
            self.assertEqual(checkpoints(self.folder / hand), [BACK_TO])
            self.train(path, hand, *small, ranks=ranks)
            result = self.train(self.config(BACK), back, ranks=ranks)
            self.assertIn(f"step {BAD_STEP}: the gradient of the discriminator is too large",
                          result.out)
            self.assertIn(f"roll-back 1 of at most 3: back to step {BACK_TO}", result.out)
            self.assert_rolled_back(back, BAD_STEP, BACK_TO)
            for step in (20, 30, 40):
                self.assertEqual(h5_differences(*(checkpoint(self.folder / name, step)
                                                  for name in (hand, back)),
                                                "/generator", "/discriminator", "/data"), "")
            for step in (7, 14, 21, 28, 35, 40):
                self.assertEqual(h5_differences(*(samples(self.folder / name, step)
                                                  for name in (hand, back)), "/images"), "")
            result = self.run_program("inspect", self.folder / back)
            self.assertIn("roll-backs: 1", result.out)

    def test_before_the_first_checkpoint(self):
        """Back to the first weights: the run that had the small rates from the start."""
        self.data(LARGE)
        for ranks in (None, 3):
            small = self.config(edit(FAST, ("lr_d: 256, lr_g: 256", f"lr_d: {RATE * FACTOR}, lr_g: "
                                            f"{RATE * FACTOR}")), name="small.yaml")
            path = self.config(BACK)
            never = ("--set", "checkpoint.every_steps=0")
            self.train(small, f"small-{ranks}", *never, ranks=ranks)
            self.train(path, f"back-{ranks}", *never, ranks=ranks)
            self.assert_rolled_back(f"back-{ranks}", BAD_STEP, 0)
            self.assertEqual(h5_differences(*(checkpoint(self.folder / f"{name}-{ranks}", 40)
                                              for name in ("small", "back")),
                                            "/generator", "/discriminator"), "")

    def test_average_goes_back(self):
        """The moving average too, to a checkpoint's or to the first weights."""
        self.data(LARGE)
        average = ("--set", "train.ema.decay=0.9", "--set", "train.ema.warmup=0")
        never = ("--set", "checkpoint.every_steps=0")
        small = [word for name in "dg"
                 for word in ("--set", f"train.optimizer.lr_{name}={RATE * FACTOR}")]
        fast = self.config(FAST, name="by-hand.yaml")
        self.train(fast, "hand", *average, status=NUMBERS)
        self.train(fast, "hand", *average, *small)
        self.train(self.config(BACK), "back", *average)
        self.train(fast, "small", *average, *small, *never)
        self.train(self.config(BACK), "first", *average, *never)
        for one, other in (("hand", "back"), ("small", "first")):
            self.assertEqual(len(self.events(other, "rollback")), 1)
            files = [checkpoint(self.folder / name, 40) for name in (one, other)]
            self.assertEqual(h5_differences(*files, "/generator", "/generator_ema"), "")

    def test_branch_goes_back_to_its_origin(self):
        """A run that goes on from another run's checkpoint has no first weights of its own."""
        self.data(LARGE)
        self.train(self.config(FAST), "trunk", status=NUMBERS)
        path = self.config(BACK)
        self.train(path, "back")
        never = ("--set", "checkpoint.every_steps=0")
        self.train(path, "branch", *never, "--resume", checkpoint(self.folder / "trunk", BACK_TO))
        (event,) = self.events("branch", "rollback")
        self.assertEqual((event["step"], event["to"]), (BAD_STEP, BACK_TO))
        self.assertEqual(h5_differences(*(checkpoint(self.folder / name, 40)
                                          for name in ("back", "branch")),
                                        "/generator", "/discriminator"), "")

    def damaged(self, run_dir, at, every):
        """Damages the checkpoint of that step as soon as it is there; each step takes so long (rank
        0 makes many samples) that this is before the bad one."""
        job = self.start("train", self.folder / "config.yaml", "--run-dir", run_dir, "--set",
                         f"checkpoint.every_steps={every}", "--set", "samples.every_steps=1",
                         "--set", "samples.count=8000")
        name = checkpoint(self.folder / run_dir, at)
        wait_for(name.exists, "the checkpoint")
        name.write_bytes(name.read_bytes()[:-1])
        self.assertLess(last_step(self.folder / run_dir), BAD_STEP - 1)
        return job.result()

    def test_damaged_checkpoint_is_passed_over(self):
        self.data(LARGE)
        self.train(self.config(BACK), "back")
        result = self.damaged("run", 15, 5)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("skipped checkpoint", result.out)
        self.assert_rolled_back("run", BAD_STEP, BACK_TO)
        self.assertEqual(h5_differences(*(checkpoint(self.folder / name, 40)
                                          for name in ("back", "run")),
                                        "/generator", "/discriminator"), "")

    def test_no_checkpoint_to_go_back_to(self):
        self.data(LARGE)
        self.config(BACK)
        result = self.damaged("run", BACK_TO, 10)
        self.assert_fails(result, NUMBERS, f"step {BAD_STEP}:", "discriminator is too large",
                          "cannot be rolled back", "none of its 1 checkpoints")

    def test_exhausted(self):
        """No rate helps against a row that overflows as it is; nor does any other checkpoint."""
        self.data()
        path = self.config(edit(SKIP, ("on_nonfinite: skip", "on_nonfinite: rollback\n"
                                       "  rollback_factor: 0.25\n  rollback_max: 2")))
        for ranks in (None, 3):
            run_dir = self.folder / f"on-{ranks}"
            result = self.run_program("train", path, "--run-dir", run_dir, ranks=ranks)
            events = self.events(run_dir, "rollback")
            step = events[0]["step"]
            self.assertEqual([(e["step"], e["to"], e["rollbacks"], e["lr_factor"]) for e in events],
                             [(step, step - 1, 1, 0.25), (step, step - 1, 2, 0.0625)])
            self.assert_fails(result, NUMBERS, f"step {step}:", "discriminator",
                              "rolled back 2 times", "train.rollback_max is 2", "0.0625")
            self.assertEqual(lines(run_dir / "run.jsonl")[-1]["status"], NUMBERS)
            self.assertEqual([r["step"] for r in metrics(run_dir)], list(range(1, step)))

    def test_exploding_rate(self):
        """The rates halve and halve; or the first step of a sane size ends it."""
        for ranks in (None, 3):
            path = self.config(edit(EXPLODING, ("  log_every: 1", "  log_every: 1\n"
                                                "  on_nonfinite: rollback")))
            result = self.run_program("train", path, "--run-dir", f"a-{ranks}", ranks=ranks)
            self.assert_fails(result, NUMBERS, "rolled back 3 times", "0.125 of the config's")
            self.train(path, f"b-{ranks}", "--set", "train.rollback_factor=1e-9", ranks=ranks)
            records = metrics(self.folder / f"b-{ranks}")
            self.assertEqual([r.get("void", False) for r in records], [True] + 20 * [False])
            skipping = ("--set", "train.on_nonfinite=skip")
            result = self.run_program("train", path, "--run-dir", f"c-{ranks}", *skipping,
                                      ranks=ranks)
            self.assert_fails(result, NUMBERS, "step 11 in a row", "train.skip_max is 10")

    def check_disturbed(self, number, ranks):
        """Each step takes so long (rank 0 makes many samples) that a signal can hit the few steps
        between the roll-back and the next checkpoint."""
        self.data(LARGE)
        path = self.config(edit(BACK, ("every_steps: 7, count: 4", "every_steps: 1, count: 3000")))
        self.train(path, "straight", ranks=ranks)
        run_dir = self.folder / "disturbed"
        job = self.start("train", path, "--run-dir", run_dir, ranks=ranks)
        wait_for(lambda: (run_dir / "run.jsonl").exists() and
                 "rollback" in (run_dir / "run.jsonl").read_text(), "the roll-back")
        if number == signal.SIGKILL:
            job.kill()
            at = BACK_TO
        else:
            job.signal(number)
            result = job.result()
            self.assertEqual(result.status, TEMPORARY, str(result))
            at = checkpoints(run_dir)[-1]
            self.assertIn("roll-backs: 1", self.run_program("inspect", run_dir).out)
        self.assertLess(last_step(run_dir), BAD_STEP)
        self.assertIn(at, range(BACK_TO, BAD_STEP - 1))  # void lines of later steps are there
        result = self.train(path, run_dir, ranks=ranks)
        self.assertIn(f"resuming from step {at}", result.out)
        self.assert_same_run(self.folder / "straight", run_dir, 40)
        self.assert_rolled_back("straight", BAD_STEP, BACK_TO)
        # What the killed start had not saved was met again; what the stopped one had, was not.
        killed = number == signal.SIGKILL
        self.assertEqual(len(self.events(run_dir, "rollback")), 2 if killed else 1)
        self.assertEqual("1 roll-back so far" in result.out, not killed)

    def test_killed_behind_a_rollback(self):
        self.check_disturbed(signal.SIGKILL, 3)

    def test_stopped_behind_a_rollback(self):
        self.check_disturbed(signal.SIGUSR1, 3)

    def test_stopped_alone(self):
        self.check_disturbed(signal.SIGTERM, None)


if __name__ == "__main__":
    support.main()

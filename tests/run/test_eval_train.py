"""eval.every_steps: what `mpigan eval` says, said while a run trains, which does not feel it; the best
checkpoint, and the early stop."""
import os

import support
import test_nonfinite as nonfinite
from support import INPUT, OK, TEMPORARY, TINY, USAGE, Case, all_settings, edit, lines

# Evaluated at steps 10 and 20.
EVALUATED = edit(TINY, ("samples:", "eval: {every_steps: 10, count: 200, metrics: \"frechet,cover\"}\nsamples:"))

# Nothing is learnt, running statistics neither, so no evaluation betters the first.
STILL = (("log_every: 5", "log_every: 5\n  optimizer: {lr_d: 0, lr_g: 0}"),
         ("    - batchnorm: {}\n", ""))

FIGURES = ("frechet_distance", "frechet_distance_infinite", "precision", "recall", "density", "coverage")

# Sums in double over another division of the rows: the promise of src/eval/rows.h.
RANKS_RELATIVE = 1e-6

# The command makes its samples in passes of another size: products in fp32 of other shapes.
COMMAND_RELATIVE = 1e-4

# What two runs of the same evaluations may differ in.
OF_THE_START = ("seconds", "ranks", "start", "time", "samples")


def evaluations(run_dir, source="train"):
    found = lines(run_dir / "eval.jsonl")
    return [line for line in found if line["source"] == source]


def bare(records):
    return [{k: v for k, v in r.items() if k not in OF_THE_START} for r in records]


def best_of(run_dir):
    return os.readlink(run_dir / "checkpoints/best")


class EvalTrain(Case):
    def assert_near(self, a, b, relative):
        for name in FIGURES:
            self.assertLessEqual(abs(a[name] - b[name]), relative * abs(a[name]), name)

    def test_training_does_not_feel_it(self):
        """The same run to the bit, with evaluations and without; and the command agrees with them."""
        run_dir, without = self.folder / "run", self.folder / "without"
        self.train(self.config(EVALUATED), run_dir, ranks=2)
        self.train(self.config(TINY, name="without.yaml"), without, "--set", "name=tiny", ranks=2)
        self.assertEqual(support.untimed(support.metrics(run_dir)),
                         support.untimed(support.metrics(without)))
        self.assertEqual(support.snapshot(run_dir / "samples", but=("step-00000010.h5",
                                                                     "step-00000020.h5")),
                         support.snapshot(without / "samples", but=("step-00000010.h5",
                                                                     "step-00000020.h5")))
        if support.shutil.which("h5diff"):
            self.assertEqual(support.h5_differences(support.checkpoint(run_dir, 20),
                                                    support.checkpoint(without, 20), "/generator",
                                                    "/discriminator", "/data"), "")
        found = evaluations(run_dir)
        self.assertEqual([line["step"] for line in found], [10, 20])
        self.assertFalse((without / "eval.jsonl").exists())
        for line in found:
            path = support.checkpoint(run_dir, line["step"])
            result = self.run_program("eval", path, "--count", "200", "--metrics", "frechet,cover",
                                      ranks=2)
            self.assertEqual(result.status, OK, str(result))
        commands = evaluations(run_dir, "eval")
        for own, command in zip(found, commands, strict=True):
            self.assertEqual(own["data_digest"], command["data_digest"])
            self.assertEqual(own["step"], command["step"])
            self.assert_near(own, command, COMMAND_RELATIVE)

    def test_any_number_of_ranks(self):
        """Of the same weights: the same figures."""
        path = self.config(EVALUATED, *STILL)
        self.train(path, self.folder / "1")
        alone = evaluations(self.folder / "1")
        self.assertEqual(len(alone), 2)
        for ranks in (2, 3):
            self.train(path, self.folder / str(ranks), ranks=ranks)
            for a, b in zip(alone, evaluations(self.folder / str(ranks)), strict=True):
                self.assertEqual(b["ranks"], ranks)
                self.assert_near(a, b, RANKS_RELATIVE)

    def test_conditional_and_vae(self):
        """Tasks and models that generate: classes are asked for, and a decoder is judged."""
        conditional = edit(EVALUATED, ("  latent: 8\n", "  latent: 8\n  classes: 10\n"))
        self.train(self.config(conditional), self.folder / "run", ranks=2)
        self.assertEqual(len(evaluations(self.folder / "run")), 2)
        vae = edit(EVALUATED, ("data:\n", "task: vae\ndata:\n"))
        start, end = vae.index("model:"), vae.index("train:")
        vae = vae[:start] + """\
model:
  latent: 4
  encoder: [{linear: {units: 8}}]
  decoder: [{linear: {units: 64}}]
""" + vae[end:]
        self.train(self.config(vae, name="vae.yaml"), self.folder / "vae")
        own = evaluations(self.folder / "vae")
        result = self.run_program("eval", self.folder / "vae", "--count", "200", "--metrics",
                                  "frechet,cover")
        self.assertEqual(result.status, OK, str(result))
        self.assert_near(own[-1], evaluations(self.folder / "vae", "eval")[0], COMMAND_RELATIVE)

    def test_best_and_patience(self):
        """The first evaluation stays the best: its checkpoint is kept, and the run ends early."""
        run_dir = self.folder / "run"
        path = self.config(EVALUATED, *STILL, ("steps: 20", "steps: 100"),
                           ("every_steps: 10, keep_last: 10", "every_steps: 15, keep_last: 1"),
                           ("metrics: ", "best: frechet, patience: 2, metrics: "))
        result = self.train(path, run_dir, ranks=2)
        self.assertEqual([line["step"] for line in evaluations(run_dir)], [10, 20, 30])
        self.assertEqual(support.checkpoints(run_dir), [10, 30])
        self.assertEqual(best_of(run_dir), "step-00000010.h5")
        self.assertTrue(support.samples(run_dir, 30).exists())
        self.assertIn("stopped early: frechet_distance", result.out)
        stop = lines(run_dir / "run.jsonl")[-1]
        self.assertEqual((stop["event"], stop["status"], stop["step"]), ("stop", OK, 30))
        self.assertIn("stopped early", stop["reason"])
        before = support.snapshot(run_dir, but=support.START_FILES)
        again = self.train(path, run_dir)
        self.assertIn("stopped early", again.out)
        self.assertIn("eval.patience", again.out)
        self.assertEqual(support.snapshot(run_dir, but=support.START_FILES), before)
        on = self.train(path, run_dir, "--set", "eval.patience=0", "--set", "train.steps=50")
        self.assertIn("resuming from step 30", on.out)
        self.assertIn("finished at step 50", on.out)
        self.assertEqual(best_of(run_dir), "step-00000010.h5")
        self.assertEqual(support.checkpoints(run_dir), [10, 50])
        self.assertEqual([line["step"] for line in evaluations(run_dir)], [10, 20, 30, 40, 50])

    def test_killed(self):
        """Resumed behind a kill: the lines, the best and the bytes of the run that was not killed.
        What `mpigan eval` has added stays."""
        changes = (("steps: 20", "steps: 60"), ("every_steps: 10, keep_last: 10", "every_steps: 25, keep_last: 1"),
                   ("every_steps: 10, count: 200", "every_steps: 5, count: 200, best: frechet"))
        path = self.config(EVALUATED, *changes)
        straight, killed = self.folder / "straight", self.folder / "killed"
        self.train(path, straight)
        job = self.start("train", path, "--run-dir", killed)
        support.wait_for(lambda: (killed / "eval.jsonl").exists() and
                         (killed / "eval.jsonl").read_text().count("\n") >= 4, "four evaluations")
        job.kill()
        steps = support.checkpoints(killed)
        self.assertTrue(steps)
        result = self.run_program("eval", killed, "--count", "100", "--metrics", "frechet")
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(f"resuming from step {steps[-1]}", self.train(path, killed).out)
        self.assertEqual(len(evaluations(killed, "eval")), 1)
        self.assertEqual(bare(evaluations(killed)), bare(evaluations(straight)))
        self.assertEqual(len(evaluations(killed)), 12)
        self.assertEqual(best_of(killed), best_of(straight))
        self.assert_same_run(straight, killed, 60, ("/generator", "/discriminator", "/data"))
        self.assert_same_bytes(support.checkpoint(straight, 60), support.checkpoint(killed, 60))

    def test_stopped_in_an_evaluation(self):
        """A stop is asked for while one is under way, as most of the time here: it is given up or
        finished, the step is saved, and whoever goes on makes up for it."""
        path = self.config(EVALUATED, ("steps: 20", "steps: 40"), ("every_steps: 10, keep_last: 10", "every_steps: 2"),
                           ("every_steps: 10, count: 200", "every_steps: 1, count: 1700, best: frechet"))
        straight, stopped = self.folder / "straight", self.folder / "stopped"
        self.train(path, straight)
        for _ in range(2):
            job = self.start("train", path, "--run-dir", stopped)
            support.wait_for(lambda job=job: "evaluation of step" in job.output()
                             or job.process.poll() is not None, "an evaluation")
            job.signal(support.signal.SIGTERM)
            result = job.result()
            self.assertEqual(result.status, TEMPORARY, str(result))
        self.train(path, stopped)
        self.assertEqual(bare(evaluations(stopped)), bare(evaluations(straight)))
        self.assertEqual(best_of(stopped), best_of(straight))
        self.assert_same_bytes(support.checkpoint(straight, 40), support.checkpoint(stopped, 40))

    def test_rolled_back(self):
        """Evaluations of steps that were rolled back are void, as their metrics are; what
        `mpigan eval` has found is not."""
        nonfinite.write_data(self.folder / "data.h5", nonfinite.LARGE)
        path = self.config(nonfinite.BACK + "eval: {every_steps: 4, count: 100, metrics: frechet, "
                           "best: frechet}\n")
        run_dir = self.folder / "run"
        self.train(path, run_dir, ranks=2)
        found = evaluations(run_dir)
        self.assertEqual([line["step"] for line in found if "void" in line], [12, 16])
        self.assertEqual([line["step"] for line in found if "void" not in line],
                         list(range(4, 41, 4)))
        result = self.run_program("eval", support.checkpoint(run_dir, 40), "--metrics", "frechet",
                                  "--count", "100")
        self.assertEqual(result.status, OK, str(result))
        self.train(path, run_dir, "--set", "train.steps=44")
        self.assertEqual(len(evaluations(run_dir)), 13)
        self.assertEqual(len(evaluations(run_dir, "eval")), 1)

    def test_of_held_out_data(self):
        """A classifier has no samples; its figures of data.test are watched as well."""
        text = """\
name: judged
task: classifier
data: {path: "builtin:digits", test: "builtin:digits"}
model: {classifier: [{linear: {units: 10}}]}
train: {batch: 60, steps: 100, log_every: 10, test_every: 5, optimizer: {lr: 0}}
checkpoint: {every_steps: 50}
eval: {best: test_accuracy, patience: 3}
"""
        result = self.train(self.config(text), self.folder / "run")
        self.assertIn("stopped early: test_accuracy", result.out)
        self.assertEqual(support.checkpoints(self.folder / "run"), [5, 20])
        self.assertEqual(best_of(self.folder / "run"), "step-00000005.h5")
        self.assertTrue((self.folder / "run/confusion.json").exists())
        learns = self.config(text, ("lr: 0", "lr: 1.0e-3"), ("steps: 100", "steps: 20"), name="b.yaml")
        self.train(learns, self.folder / "learns", "--set", "name=learns")
        self.assertEqual(best_of(self.folder / "learns"), "step-00000020.h5")

    def test_mistakes(self):
        run_dir = self.folder / "run"
        for settings, status, parts in (
                (("eval.best=frechte",), USAGE, ("eval.best", "frechte", "frechet")),
                (("eval.best=score",), USAGE, ("score", "eval.metrics (frechet,cover) leaves out")),
                (("eval.best=parzen_sigma",), USAGE, ("parzen_sigma", "neither more nor less")),
                (("eval.metrics=frechet,covr",), USAGE, ("eval.metrics", "covr", "cover")),
                (("eval.patience=3",), USAGE, ("eval.patience", "eval.best")),
                (("eval.every_steps=0",), USAGE, ("eval.metrics", "eval.every_steps is 0")),
                (("eval.best=test_loss",), USAGE, ("test_loss", "train.test_every")),
                (("eval.best=frechet", "compute.reproducible=true"), USAGE, ("eval.best", "1e-6")),
                (("eval.data=missing",), INPUT, ("eval.data", "missing")),
                (("data.cache=stream",), USAGE, ("data.cache", "eval.data")),
                (("eval.metrics=score",), USAGE, ("score", "eval.features")),
                (("eval.metrics=parzen",), USAGE, ("parzen", "--test")),
                (("eval.features=missing",), INPUT, ("eval.features", "missing"))):
            path = self.config(EVALUATED)
            result = self.run_program("train", path, "--run-dir", run_dir, *all_settings(*settings),
                                      ranks=2)
            self.assert_fails(result, status, *parts)


if __name__ == "__main__":
    support.main()

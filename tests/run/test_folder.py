"""The rules of a run folder: what continues, what is refused, what is kept; two runs in one folder
never write side by side."""
import os
import re
import shutil
import signal

import support
from support import (OK, OUTPUT, START_FILES, TINY, USAGE, Case, checkpoint, checkpoints,
                     h5_differences, last_step, lines, metrics, needs_h5_tools, samples, snapshot,
                     untimed, wait_for)

class Folder(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()
        self.run_dir = self.folder / "run"

    def content(self):
        return snapshot(self.run_dir, but=START_FILES)

    def test_layout(self):
        """Without --run-dir the folder is runs/<name>; what is in it is what the help says."""
        for ranks in (None, 2):
            folder = self.folder / f"on-{ranks}"
            folder.mkdir()
            result = support.run("train", self.path, cwd=folder, ranks=ranks)
            self.assertEqual(result.status, OK, str(result))
            names = ["checkpoints/latest", "config.yaml", "log.txt", "metrics.jsonl", "run.jsonl"]
            for step in (10, 20):
                names += [f"checkpoints/step-{step:08d}.h5", f"samples/step-{step:08d}.h5",
                          f"samples/step-{step:08d}.png"]
            found = snapshot(folder / "runs/tiny")
            self.assertLessEqual(set(names), set(found))
            self.assertLessEqual(set(found) - set(names), {"checkpoints", "samples", "run.lock"})
            self.assertEqual(found["checkpoints/latest"], "-> step-00000020.h5")

    def test_metrics(self):
        self.train(self.path, "run", "--set", "train.d_steps=2", ranks=2)
        records = metrics(self.run_dir)
        self.assertEqual([r["step"] for r in records], [5, 10, 15, 20])
        for r in records:
            self.assertLessEqual(
                {"step", "epoch", "start", "time", "wall_s", "images_per_s", "ranks", "d_loss",
                 "g_loss", "d_real", "d_fake", "d_grad_norm", "g_grad_norm", "lr_d", "lr_g"},
                set(r))
            self.assertAlmostEqual(r["epoch"], r["step"] * 2 * 24 / 1797, places=6)
            self.assertEqual((r["start"], r["ranks"], r["lr_d"]), (1, 2, 0.0002))
            self.assertTrue(0 < r["d_real"] < 1 and 0 < r["d_fake"] < 1)
        events = lines(self.run_dir / "run.jsonl")
        self.assertEqual([e["event"] for e in events], ["start", "stop"])
        self.assertEqual((events[0]["ranks"], events[0]["host"]), (2, os.uname().nodename))
        self.assertEqual((events[1]["status"], events[1]["reason"]), (0, "finished"))

    def test_log_is_what_the_console_showed(self):
        result = self.train(self.path, "run")
        log = (self.run_dir / "log.txt").read_text().splitlines()
        self.assertTrue(all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", line) for line in log
                            if line.strip() and not line.startswith(" ")), log[:5])
        text = "\n".join(line.split(" ", 1)[-1] for line in log)
        for line in result.out.splitlines():
            self.assertIn(line.strip(), text)

    def test_finished_run_says_so(self):
        self.train(self.path, "run")
        before = self.content()
        for ranks in (None, 3):
            result = self.train(self.path, "run", ranks=ranks)
            self.assertIn("finished", result.out)
            self.assertIn("step 20 of 20", result.out)
            self.assertEqual(self.content(), before)

    @needs_h5_tools
    def test_more_steps_continue_it(self):
        straight = self.folder / "straight"
        self.train(self.path, straight, "--set", "train.steps=40")
        self.train(self.path, "run")
        self.train(self.path, "run", "--set", "train.steps=40")
        self.assertEqual(untimed(metrics(self.run_dir)), untimed(metrics(straight)))
        self.assertEqual((self.run_dir / "config.yaml").read_text(),
                         (straight / "config.yaml").read_text())
        self.assertEqual(checkpoints(self.run_dir), [10, 20, 30, 40])
        self.assertEqual(h5_differences(checkpoint(self.run_dir, 40), checkpoint(straight, 40),
                                        "/generator", "/discriminator", "/data"), "")

    def test_fewer_steps_are_finished(self):
        self.train(self.path, "run")
        before = self.content()
        result = self.train(self.path, "run", "--set", "train.steps=15")
        self.assertIn("finished", result.out)
        self.assertEqual(self.content(), before)

    def test_epochs_decide_the_length(self):
        self.config(TINY, ("  steps: 20\n", "  epochs: 0.25\n"))
        self.train(self.path, "run")
        self.assertEqual(checkpoints(self.run_dir)[-1], 19)  # 0.25 * 1797 / 24 = 18.7

    def test_resume_never(self):
        self.train(self.path, "run", "--resume", "never")
        before = self.content()
        for ranks in (None, 3):
            result = self.run_program("train", self.path, "--run-dir", "run", "--resume", "never",
                                      ranks=ranks)
            self.assert_fails(result, USAGE, "--resume never", "run", "step 20", "--run-dir")
            self.assertEqual(self.content(), before)

    def test_folder_without_checkpoint_starts_anew(self):
        self.train(self.path, "run")
        shutil.rmtree(self.run_dir / "checkpoints")
        self.train(self.path, "run")
        self.assertEqual(checkpoints(self.run_dir), [10, 20])
        self.assertEqual([r["step"] for r in metrics(self.run_dir)], [5, 10, 15, 20])

    @needs_h5_tools
    def test_resume_from_an_older_checkpoint(self):
        self.train(self.path, "run")
        before = self.content()
        old = checkpoint(self.run_dir, 10)
        for ranks in (None, 3):
            result = self.run_program("train", self.path, "--run-dir", "run", "--resume", old,
                                      ranks=ranks)
            self.assert_fails(result, USAGE, old, "step 10", "step 20", "--run-dir")
            self.assertEqual(self.content(), before)
        branch = self.folder / "branch"
        self.train(self.path, branch, "--resume", old)
        self.assertEqual(self.content(), before)
        self.assertEqual([r["step"] for r in metrics(branch)], [15, 20])
        self.assertEqual(untimed(metrics(branch)), untimed(metrics(self.run_dir))[2:])
        self.assertEqual(h5_differences(checkpoint(branch, 20), checkpoint(self.run_dir, 20),
                                        "/generator", "/discriminator", "/data"), "")
        self.assertEqual(samples(branch, 20).read_bytes(), samples(self.run_dir, 20).read_bytes())

    def test_resume_from_the_newest_by_name(self):
        self.train(self.path, "run")
        self.train(self.path, "run", "--resume", checkpoint(self.run_dir, 20), "--set",
                   "train.steps=30")
        self.assertEqual(checkpoints(self.run_dir), [10, 20, 30])

    def test_latest_is_for_people(self):
        """The symlink may point anywhere: resume looks at the files."""
        self.train(self.path, "run")
        latest = self.run_dir / "checkpoints/latest"
        latest.unlink()
        os.symlink("/nowhere", latest)
        result = self.train(self.path, "run", "--set", "train.steps=30")
        self.assertIn("from step 20", result.out)
        self.assertEqual(os.readlink(latest), "step-00000030.h5")

    def test_pruning(self):
        self.train(self.path, "run", "--set", "train.steps=50", "--set", "checkpoint.every_steps=5",
                   "--set", "checkpoint.keep_last=2", "--set", "checkpoint.keep_every=20")
        self.assertEqual(checkpoints(self.run_dir), [20, 40, 45, 50])
        self.train(self.path, "last", "--set", "checkpoint.every_steps=0", "--set",
                   "samples.every_steps=0", "--set", "checkpoint.keep_last=1")
        self.assertEqual(checkpoints(self.folder / "last"), [20])
        self.assertEqual(len(list((self.folder / "last/samples").iterdir())), 2)

    def test_dry_run_writes_nothing(self):
        self.train(self.path, "run")
        before = snapshot(self.folder)
        for words in (("--run-dir", "run"), ("--run-dir", "new"), ()):
            for ranks in (None, 3):
                result = self.run_program("train", self.path, "--dry-run", *words, ranks=ranks)
                self.assertEqual(result.status, OK, str(result))
                for part in ("train.batch", "generator: 8 -> 8x8x1, 2432 parameters",
                             "discriminator: 8x8x1 -> 1, 2113 parameters",
                             f"ranks: {ranks or 1}", "1797", "20 steps"):
                    self.assertIn(part, result.out)
                self.assertEqual(snapshot(self.folder), before)

    def test_saved_config_gives_the_same_run(self):
        """config.yaml stands alone: another working folder, no --set, the same bits."""
        support.write_idx(self.folder / "data", (60, 8, 8))
        self.config(TINY, ("builtin:digits", "data"))
        self.train(self.path, "run", "--set", "train.optimizer.lr_g=0.00012345678901234567",
                   "--set", "seed=77")
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        result = support.run("train", self.run_dir / "config.yaml", cwd=elsewhere)
        self.assertEqual(result.status, OK, str(result))
        self.assert_same_run(self.run_dir, elsewhere / "runs/tiny", 20)
        self.assertIn(str(self.folder / "data"), (self.run_dir / "config.yaml").read_text())


class Lock(Case):
    def test_second_start(self):
        """It waits as long as the config says, then says who is there; the first is unharmed."""
        path, run_dir = self.config(), self.folder / "run"
        first = self.start("train", path, "--run-dir", "run", "--set", "train.steps=10000000",
                           "--set", "train.log_every=100", "--set", "checkpoint.every_steps=0",
                           "--set", "samples.every_steps=0", ranks=2)
        wait_for(lambda: last_step(run_dir) > 0, "the first run's first line")
        owner = first.ranks()[0]
        config = (run_dir / "config.yaml").read_text()
        for ranks in (None, 3):
            result = self.run_program("train", path, "--run-dir", "run", "--set",
                                      "train.lock_wait_s=1", ranks=ranks)
            self.assert_fails(result, OUTPUT, "run", os.uname().nodename, f"pid {owner}",
                              "train.lock_wait_s")
        step = last_step(run_dir)
        wait_for(lambda: last_step(run_dir) > step, "the first run to go on")
        self.assertEqual((run_dir / "config.yaml").read_text(), config)
        first.signal(signal.SIGUSR1)
        self.assertEqual(first.result().status, support.TEMPORARY)
        self.assertEqual(len(lines(run_dir / "run.jsonl")), 2)
        records = metrics(run_dir)
        self.assertEqual([r["step"] for r in records],
                         list(range(100, 100 * len(records) + 1, 100)))

    def test_second_start_waits_for_the_first(self):
        """A first run that ends in time: the second goes on from its checkpoint."""
        path, run_dir = self.config(), self.folder / "run"
        first = self.start("train", path, "--run-dir", "run", "--set", "train.steps=10000000",
                           "--set", "samples.every_steps=0", "--set", "checkpoint.every_steps=0")
        wait_for(lambda: last_step(run_dir) > 0, "the first run's first line")
        second = self.start("train", path, "--run-dir", "run", "--set", "samples.every_steps=0")
        wait_for(lambda: "waiting for the run folder" in second.output(), "the second to wait")
        first.signal(signal.SIGTERM)
        self.assertEqual(first.result().status, support.TEMPORARY)
        result = second.result()
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("finished", result.out)
        self.assertIn("finished", (run_dir / "log.txt").read_text())


if __name__ == "__main__":
    support.main()

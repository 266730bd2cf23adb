"""inspect shows the history of a run: what happened to it, in order, and nothing left out."""
import os
import signal

import support
from support import (INPUT, OK, TEMPORARY, Case, checkpoint, checkpoints, last_step, lines,
                     wait_for)

EARLY = """\
{"event": "start", "start": 1, "time": "T1", "host": "a", "pid": 11, "job": "", "ranks": 4, \
"version": "0.9", "git": "abc", "step": 0, "nodes": "n[1-4]"}
{"event": "rollback", "start": 1, "time": "T2", "step": 30, "to": 20, "reason": "d_loss is nan", \
"lr_factor": 0.5}
{"event": "skipped", "step": 31, "reason": "a \\"huge\\" \\u00e9 gradient\\n", "at": [1, {"b": 2}]}
not JSON
{"event": "start", "start": 2, "time": "T3", "host": "b", "pid": 12, "job": "77", "ranks": 1, \
"version": "1.0", "git": "def", "step": 20}
{"event": "stop", "start": 2, "time": "T4", "step": 40, "status": 75, "reason": "stopped by X"}
{"time": "T5", "event": "new"}
{"event": "start", "start": 3, "time": "T6", "host": "b", "pid": 13, "job": "77", "ranks": 1, \
"version": "1.0", "git": "def", "step": 40}
{"event": "stop", "star"""

EARLY_SHOWN = """\
history (run/run.jsonl):
  T1 start 1 at step 0 on 4 ranks, host a pid 11, mpigan 0.9 (abc), nodes n[1-4]
  T2 rollback: start 1, step 30, to 20, reason d_loss is nan, lr_factor 0.5
  skipped: step 31, reason a "huge" \u00e9 gradient , at [1, {"b": 2}]
  line 4 cannot be read
  start 1: no stop recorded: killed, or its folder was taken over
  T3 start 2 at step 20 on 1 rank (4 before), host b pid 12, job 77, mpigan 1.0 (def)
  T4 stop 2 at step 40, status 75: stopped by X
  T5 new
  T6 start 3 at step 40 on 1 rank, host b pid 13, job 77, mpigan 1.0 (def)
  start 3: no stop recorded: killed"""


class Inspect(Case):
    def setUp(self):
        super().setUp()
        self.run_dir = self.folder / "run"

    def inspect(self):
        result = self.run_program("inspect", "run")
        self.assertEqual(result.status, OK, str(result))
        return result.out

    def test_stopped_damaged_resumed(self):
        path = self.config()
        job = self.start("train", path, "--run-dir", "run", "--set", "train.steps=90000000", "--set",
                         "train.log_every=100", "--set", "checkpoint.every_steps=100", "--set",
                         "samples.every_steps=0", ranks=2)
        wait_for(lambda: last_step(self.run_dir) >= 300, "step 300")
        running = self.inspect()
        os.kill(job.ranks()[0], signal.SIGTERM)
        result = job.result()
        self.assertEqual(result.status, TEMPORARY, str(result))
        before, stopped = checkpoints(self.run_dir)[-2:]
        damaged = checkpoint(self.run_dir, stopped)
        damaged.write_bytes(damaged.read_bytes()[:-1])
        end = stopped + 10
        # No checkpoint but the last one: one at the damaged step would replace the damaged file.
        self.train(path, "run", "--set", f"train.steps={end}", "--set", "checkpoint.every_steps=0")

        events = lines(self.run_dir / "run.jsonl")
        self.assertEqual([e["event"] for e in events],
                         ["start", "stop", "start", "checkpoint-skipped", "stop"])
        first, stop, second, skipped, finished = events
        self.assertEqual(skipped["checkpoint"], f"run/checkpoints/step-{stopped:08d}.h5")
        self.assertIn("truncated", skipped["reason"])
        self.assertNotIn("step-", skipped["reason"])
        host = os.uname().nodename
        program = f"mpigan {first['version']} ({first['git']})"
        shown = self.inspect()
        self.assertTrue(shown.startswith(f"""\
history (run/run.jsonl):
  {first["time"]} start 1 at step 0 on 2 ranks, host {host} pid {first["pid"]}, {program}
  {stop["time"]} stop 1 at step {stopped}, status 75: {stop["reason"]}
  {second["time"]} start 2 at step {before} on 1 rank (2 before), host {host} \
pid {second["pid"]}, {program}
  {skipped["time"]} skipped checkpoint {skipped["checkpoint"]}: {skipped["reason"]}
  {finished["time"]} stop 2 at step {end}, status 0: finished
run/checkpoints/step-{end:08d}.h5: verified
"""), shown)
        self.assertTrue(running.startswith(f"""\
history (run/run.jsonl):
  {first["time"]} start 1 at step 0 on 2 ranks, host {host} pid {first["pid"]}, {program}
  start 1: no stop recorded: killed, or still running (run.lock: host {host} pid {first["pid"]} \
job none)
"""), running)
        for words, status in ((("run", "--verify"), INPUT), ((checkpoint(self.run_dir, end),), OK)):
            other = self.run_program("inspect", *words)
            self.assertEqual(other.status, status, str(other))
            self.assertNotIn("history", other.out)

    def test_without_checkpoints(self):
        """The history first, then what is missing; half a line is no error."""
        self.run_dir.mkdir()
        (self.run_dir / "run.jsonl").write_text(EARLY)
        result = self.run_program("inspect", "run")
        self.assert_fails(result, INPUT, "run: holds no checkpoint")
        self.assertEqual(result.out, EARLY_SHOWN + "\n")
        (self.run_dir / "run.jsonl").unlink()
        result = self.run_program("inspect", "run")
        self.assert_fails(result, INPUT, "run: holds no checkpoint")
        self.assertEqual(result.out, "")

    def test_unreadable_history(self):
        (self.run_dir / "run.jsonl").mkdir(parents=True)
        self.assert_fails(self.run_program("inspect", "run"), INPUT, "run/run.jsonl")


if __name__ == "__main__":
    support.main()

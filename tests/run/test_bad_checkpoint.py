"""Damaged checkpoints: every reader says status 3 and why, in one message, and changes no file; a
run goes back to the newest one that is whole, and never silently to zero."""
import os
import random
import shutil

import support
from support import (INPUT, OK, START_FILES, Case, checkpoint, checkpoints, h5_differences,
                     metrics, needs_h5_tools, run_all, samples, snapshot, untimed)

BLOCK = 512  # bytes of ASCII before the HDF5 image

LONGER = ("--set", "train.steps=30")


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1:]


def text_after(content, word):
    return content.index(word) + len(word)


# name, how a good file's bytes change (None: a folder is put in its place), parts of the message.
DAMAGES = [
    ("half", lambda c: c[:len(c) // 2], "truncated"),
    ("one byte short", lambda c: c[:-1], "truncated"),
    ("half a user block", lambda c: c[:BLOCK // 2], "truncated"),
    ("only a user block", lambda c: c[:BLOCK], "truncated"),
    ("one byte more", lambda c: c + b"\0", "damaged"),
    ("empty", lambda c: b"", "empty"),
    ("zeros", lambda c: bytes(len(c)), "not an mpigan checkpoint"),
    ("first bit of the image", lambda c: flip(c, BLOCK), "damaged", "XXH3"),
    ("a bit in the middle", lambda c: flip(c, len(c) // 2), "damaged", "XXH3"),
    ("last bit", lambda c: flip(c, len(c) - 1), "damaged", "XXH3"),
    ("a bit of the digest", lambda c: flip(c, text_after(c, b"xxh3-128 ")), "damaged"),
    ("a bit of the byte count", lambda c: c.replace(b"bytes ", b"bytes 1", 1)[:BLOCK] + c[BLOCK:],
     "truncated"),
    ("a bit of the padding", lambda c: flip(c, BLOCK - 9), "damaged"),
    ("newer version", lambda c: c.replace(b"version 2", b"version 3", 1), "version 3",
     "up to version 2", "newer mpigan"),
    ("older version", lambda c: c.replace(b"version 2", b"version 1", 1), "version 1",
     "reads version 2", "the mpigan that wrote it"),
    ("no version", lambda c: c.replace(b"version 2", b"version x", 1), "damaged"),
    ("text", lambda c: b"not a checkpoint\n" * 100, "not an mpigan checkpoint"),
    ("a plain HDF5 file", lambda c: c[BLOCK:], "not an mpigan checkpoint"),
    ("a folder", None, "not a file"),
]

# The commands that read a checkpoint; P is its path.
READERS = [
    (("sample", "P", "--count", "1", "--output", "out.h5"), None),
    (("inspect", "P", "--verify"), None),
    (("inspect", "P"), None),
    (("train", "../config.yaml", "--run-dir", "new", "--resume", "P"), None),
    (("train", "../config.yaml", "--run-dir", "new", "--resume", "P"), 3),
]


class BadCheckpoint(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()
        self.train(self.path, "run")
        self.run_dir = self.folder / "run"
        self.good = checkpoint(self.run_dir, 20).read_bytes()

    def damage(self, path, change):
        if change:
            path.write_bytes(change(self.good))
        else:
            path.unlink(missing_ok=True)
            path.mkdir()

    def test_readers(self):
        for words, ranks in READERS:
            rows, jobs = [], []
            for name, change, *parts in DAMAGES:
                folder = self.folder / f"{words[0]}{len(words)}{ranks} {name}"
                folder.mkdir()
                path = folder / "damaged.h5"
                self.damage(path, change)
                rows.append((name, folder, snapshot(folder), parts))
                jobs.append(([path if word == "P" else word for word in words],
                             {"ranks": ranks, "cwd": folder, "timeout": 60}))
            for (name, folder, before, parts), result in zip(rows, run_all(jobs)):
                if name == "a folder" and words[0] != "train":
                    parts = ["no checkpoint"]  # it is taken for a run folder
                with self.subTest(name, words=words, ranks=ranks):
                    self.assert_fails(result, INPUT, "damaged.h5", *parts)
                    after = snapshot(folder, but=START_FILES)
                    for made in ("new", "new/checkpoints"):
                        after.pop(made, None)
                    self.assertEqual(after, before)

    def test_missing(self):
        for words, ranks in READERS:
            with self.subTest(words=words, ranks=ranks):
                names = {"P": "nowhere.h5", "../config.yaml": "config.yaml"}
                result = self.run_program(*(names.get(word, word) for word in words), ranks=ranks)
                self.assert_fails(result, INPUT, "nowhere.h5", "No such file")

    def test_any_bit(self):
        """Single flipped bits at places drawn at random are all seen."""
        draw = random.Random(20)
        path, jobs = self.folder / "flipped.h5", []
        for _ in range(40):
            at, bit = draw.randrange(len(self.good)), draw.randrange(8)
            path = self.folder / f"flipped-{at}-{bit}.h5"
            path.write_bytes(self.good[:at] + bytes([self.good[at] ^ 1 << bit])
                             + self.good[at + 1:])
            jobs.append((("inspect", path, "--verify"), {}))
        for result in run_all(jobs):
            self.assert_fails(result, INPUT, "flipped-")

    @needs_h5_tools
    def test_newest_is_damaged(self):
        """The one before is used, the log says which was skipped and why, and the run becomes what
        it would have been."""
        straight = self.folder / "straight"
        self.train(self.path, "straight", *LONGER)
        for name, change, *parts in DAMAGES[:1] + DAMAGES[5:6] + DAMAGES[7:8] + DAMAGES[13:14]:
            for ranks in (None, 3):
                with self.subTest(name, ranks=ranks):
                    again = self.folder / "again"
                    shutil.rmtree(again, ignore_errors=True)
                    shutil.copytree(self.run_dir, again, symlinks=True)
                    self.damage(checkpoint(again, 20), change)
                    result = self.train(self.path, "again", *LONGER, ranks=ranks)
                    log = (again / "log.txt").read_text()
                    for text in (result.out, log):
                        skipped = [line for line in text.splitlines() if "skipped" in line]
                        self.assertEqual(len(skipped), 1, text)
                        for part in ["step-00000020.h5", *parts]:
                            self.assertIn(part, skipped[0])
                    self.assertIn("from step 10", result.out)
                    self.assertEqual([r["step"] for r in metrics(again)], [5, 10, 15, 20, 25, 30])
                    if ranks is None:
                        self.assertEqual(untimed(metrics(again)), untimed(metrics(straight)))
                        self.assertEqual(h5_differences(
                            checkpoint(again, 30), checkpoint(straight, 30), "/generator",
                            "/discriminator"), "")
                        for step in (10, 20, 30):
                            self.assertEqual(h5_differences(
                                samples(again, step), samples(straight, step), "/images"), "")

    def test_newest_is_a_folder(self):
        path = checkpoint(self.run_dir, 20)
        self.damage(path, None)
        result = self.run_program("train", self.path, "--run-dir", "run", *LONGER)
        self.assertIn("skipped", result.out)
        self.assertIn("from step 10", result.out)

    def test_something_else_in_its_place(self):
        """Links that lead nowhere or in a circle, and a pipe that nobody writes to."""
        places = [("a dangling link", lambda path: path.symlink_to("nowhere.h5"), "No such file"),
                  ("a link to itself", lambda path: path.symlink_to(path.name), "symbolic links"),
                  ("a pipe", os.mkfifo, "not a file")]
        for name, put, words in places:
            for step in (10, 20):
                checkpoint(self.run_dir, step).unlink()
                put(checkpoint(self.run_dir, step))
            with self.subTest(name):
                before = snapshot(self.run_dir, but=START_FILES)
                result = self.run_program("train", self.path, "--run-dir", "run", timeout=30)
                self.assert_fails(result, INPUT, "none of its 2")
                self.assertEqual(result.out.count("skipped"), 2, str(result))
                self.assertIn(words, result.out)
                self.assertEqual(snapshot(self.run_dir, but=START_FILES), before)
                result = self.run_program("inspect", checkpoint(self.run_dir, 20), timeout=30)
                self.assert_fails(result, INPUT, "step-00000020.h5", words)

    def test_all_are_damaged(self):
        for name, change, *_ in DAMAGES:
            for step in (10, 20):
                self.damage(checkpoint(self.run_dir, step), change)
            before = snapshot(self.run_dir, but=START_FILES)
            for ranks in (None, 3) if name == "half" else (None,):
                with self.subTest(name, ranks=ranks):
                    result = self.run_program("train", self.path, "--run-dir", "run", ranks=ranks)
                    self.assert_fails(result, INPUT, self.run_dir.name, "none of its 2")
                    self.assertEqual(result.out.count("skipped"), 2, str(result))
                    self.assertEqual(snapshot(self.run_dir, but=START_FILES), before)
            if change is None:
                continue
            for words in (("inspect", "run"), ("inspect", "run", "--verify")):
                result = self.run_program(*words)
                self.assert_fails(result, INPUT, "run/checkpoints", "2")

    def test_inspect_names_the_damaged(self):
        checkpoint(self.run_dir, 10).write_bytes(self.good[:1000])
        result = self.run_program("inspect", "run", "--verify")
        self.assert_fails(result, INPUT, "1 of 2")
        self.assertIn("step-00000010.h5: truncated", result.out + result.err)
        self.assertIn("step-00000020.h5: verified", result.out)
        result = self.run_program("inspect", "run")
        self.assertEqual(result.status, OK, str(result))

    @needs_h5_tools
    def test_what_a_kill_left(self):
        """A half-written temporary file is no checkpoint, is in nobody's way, and goes."""
        stump = self.run_dir / "checkpoints/step-00000030.h5.tmp"
        stump.write_bytes(self.good[:2000])
        (self.run_dir / "samples/step-00000030.h5.tmp").write_bytes(b"half")
        with open(self.run_dir / "metrics.jsonl", "a") as file:
            file.write('{"step": 25, "epoch": 0.3')
        self.train(self.path, "run", *LONGER)
        self.assertEqual(list(self.run_dir.rglob("*.tmp")), [])
        self.assertEqual(checkpoints(self.run_dir), [10, 20, 30])
        self.assertEqual([r["step"] for r in metrics(self.run_dir)], [5, 10, 15, 20, 25, 30])
        self.train(self.path, "straight", *LONGER)
        self.assertEqual(h5_differences(checkpoint(self.run_dir, 30),
                                        checkpoint(self.folder / "straight", 30),
                                        "/generator", "/discriminator"), "")


if __name__ == "__main__":
    support.main()

"""Folders of pictures through `mpigan data convert`: which files become which rows, on any number of
ranks the same bytes, and what becomes of files that are damaged or no pictures."""
import hashlib
import os
import pathlib
import random
import struct
import subprocess
import tempfile
import zlib

import support
from support import (INPUT, OUTPUT, USAGE, Case, h5_attribute, h5_names, h5_numbers,
                     needs_h5_tools, noise)

JPEGMAKE = os.environ["JPEGMAKE"]


def png(h, w, c, pixels):
    """A PNG of bytes (H, W, C), by Python's own zlib."""
    def chunk(name, body):
        return (struct.pack(">I", len(body)) + name + body
                + struct.pack(">I", zlib.crc32(name + body)))
    rows = b"".join(b"\0" + pixels[y * w * c:(y + 1) * w * c] for y in range(h))
    header = struct.pack(">IIBBBBB", w, h, 8, {1: 0, 3: 2}[c], 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def jpeg(h, w, c, pixels):
    with tempfile.TemporaryDirectory() as folder:
        raw, out = pathlib.Path(folder) / "raw", pathlib.Path(folder) / "out.jpg"
        raw.write_bytes(pixels)
        subprocess.run([JPEGMAKE, str(out), str(h), str(w), str(c), str(raw)], check=True)
        return out.read_bytes()


def halved(side, pixels):
    """What (2 side, 2 side, 3) becomes: each pixel the mean of four, rounded."""
    def at(y, x, k):
        return pixels[(y * 2 * side + x) * 3 + k]
    return bytes((at(2 * y, 2 * x, k) + at(2 * y, 2 * x + 1, k) + at(2 * y + 1, 2 * x, k)
                  + at(2 * y + 1, 2 * x + 1, k) + 2) // 4
                 for y in range(side) for x in range(side) for k in range(3))


class Pictures(Case):
    SIDE = 6

    def setUp(self):
        super().setUp()
        self.source = self.folder / "pictures"
        self.source.mkdir()
        self.out = self.folder / "out.h5"

    def put(self, name, content):
        path = self.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    def convert(self, *words, out="out.h5", size=SIDE, **options):
        return self.run_program("data", "convert", "pictures", out, f"--size={size}", *words,
                                **options)

    def many(self, classes=("b", "a", "B"), each=23):
        """Pictures of all shapes in folders of classes."""
        state = random.Random(1)
        for label in classes:
            for i in range(each):
                h, w, c = state.randint(1, 20), state.randint(1, 20), state.choice((1, 3))
                make = jpeg if i % 5 == 0 else png
                self.put(f"{label}/{i:03}", make(h, w, c, state.randbytes(h * w * c)))

    def assert_nothing_written(self):
        self.assertEqual([path.name for path in self.folder.glob("out*")], [])

    @needs_h5_tools
    def test_rows_and_labels(self):
        exact, large = noise(6 * 6 * 3, 1), noise(12 * 12 * 3, 2)
        wide = [noise(3, i) for i in range(10)]
        self.put("zebra/2.png", png(6, 6, 3, exact))
        self.put("zebra/10.PNG", png(12, 12, 3, large))
        self.put("Ant/b", png(6, 10, 3, b"".join(wide) * 6))
        self.put("Ant/a.txt", jpeg(9, 6, 1, bytes([77]) * 54))
        self.assertEqual(self.convert().status, 0)
        rows = bytes(h5_numbers(self.out, "images", "B"))
        self.assertEqual(h5_names(self.out)["/images"], "{4, 6, 6, 3}")
        self.assertEqual(list(h5_numbers(self.out, "labels", "i")), [0, 0, 1, 1])
        wanted = [bytes([77]) * 108, b"".join(wide[2:8]) * 6, halved(6, large), exact]
        for i, row in enumerate(wanted):
            self.assertEqual(rows[108 * i:108 * (i + 1)], row, f"row {i}")
        self.assertEqual(h5_attribute(self.out, "images/class_names").strip('"').split(),
                         ["Ant", "zebra"])
        self.assertEqual(h5_attribute(self.out, "images/classes"), "2")

    @needs_h5_tools
    def test_one_folder_without_classes_in_grey(self):
        colour = noise(108, 3)
        self.put("a.png", png(6, 6, 3, colour))
        self.put("b.png", png(6, 6, 1, noise(36, 4)))
        self.assertEqual(self.convert("--channels=1").status, 0)
        names = h5_names(self.out)
        self.assertEqual(names["/images"], "{2, 6, 6}")
        self.assertNotIn("/labels", names)
        rows = bytes(h5_numbers(self.out, "images", "B"))
        self.assertEqual(rows[36:], noise(36, 4))
        for i, grey in enumerate(rows[:36]):
            r, g, b = colour[3 * i:3 * i + 3]
            self.assertAlmostEqual(grey, 0.299 * r + 0.587 * g + 0.114 * b, delta=0.51)

    def test_same_bytes_on_all_numbers_of_ranks(self):
        self.many()
        self.put("a/100.png", png(4, 4, 3, noise(48))[:60])
        self.put("b/005.jpg", jpeg(9, 9, 3, noise(243))[:200])
        self.put("a/readme", b"no picture")
        for words in (["--damaged=skip"], ["--damaged=skip", "--gzip=4", "--channels=1"]):
            digests, logs = set(), set()
            for ranks in (None, 1, 2, 3):
                result = self.convert("--force", *words, ranks=ranks)
                self.assertEqual(result.status, 0, str(result))
                digests.add(hashlib.sha256(self.out.read_bytes()).hexdigest())
                logs.add("\n".join(result.out.splitlines()[:-1]))
            self.assertEqual(len(digests), 1)
            self.assertEqual(len(logs), 1, logs)
            log = logs.pop()
            for part in ("a/100.png: libpng: the file ends too soon", "b/005.jpg: libjpeg:",
                         "2 damaged pictures left out", "1 files passed over"):
                self.assertIn(part, log)

    def test_damaged_stops(self):
        self.many(each=30)
        for name in ("B/000", "a/017", "b/029"):
            path = self.source / name
            whole = path.read_bytes()
            path.write_bytes(png(9, 9, 3, noise(243))[:-30])
            for ranks in (None, 2, 3):
                result = self.convert(ranks=ranks)
                self.assert_fails(result, INPUT, name, "libpng: the file ends too soon",
                                  "--damaged skip")
                self.assert_nothing_written()
            path.write_bytes(whole)
        self.assertEqual(self.convert(ranks=3).status, 0)

    @needs_h5_tools
    def test_what_is_skipped(self):
        picture = png(6, 6, 3, noise(108))
        self.put("a/1.png", picture)
        self.put("a/.hidden.png", picture)
        self.put("a/notes.txt", b"text")
        self.put("a/empty.png", b"")
        (self.source / "a" / "deeper.png").mkdir()
        (self.source / "a" / "link").symlink_to("1.png")
        (self.source / "linked").symlink_to("a")
        self.put(".cache/x.png", picture)
        self.put("beside.png", picture)
        result = self.convert()
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(list(h5_numbers(self.out, "labels", "i")), [0, 0, 1, 1])
        self.assertIn("6 files passed over", result.out)

    def test_a_file_that_cannot_be_opened_ends_it(self):
        """Else a rank that does not see the folder would leave its part out."""
        self.many()
        (self.source / "a" / "020").unlink()
        (self.source / "a" / "020").symlink_to("nothing")
        for ranks in (None, 2):
            result = self.convert("--damaged=skip", ranks=ranks)
            self.assert_fails(result, INPUT, "a/020", "No such file")
            self.assert_nothing_written()

    def test_nothing_to_write(self):
        self.assert_fails(self.convert(), INPUT, "holds no files")
        self.put("a/1.txt", b"text")
        self.assert_fails(self.convert(ranks=2), INPUT, "no pictures are left")
        self.put("a/1.png", png(6, 6, 3, noise(108))[:70])
        self.assert_fails(self.convert("--damaged=skip", ranks=2), INPUT, "no pictures are left")
        (self.source / "b").mkdir()
        self.assert_fails(self.convert(ranks=2), INPUT, "pictures/b", "holds no files")
        self.assert_nothing_written()

    def test_requests_that_are_refused(self):
        self.put("a/1.png", png(6, 6, 3, noise(108)))
        for words, parts in ((["--channels=2"], ("--channels is 2",)),
                             (["--channels=4"], ("--channels is '4'",)),
                             (["--damaged=maybe"], ("--damaged is 'maybe'",)),
                             (["--classes=0"], ("--classes", "pictures"))):
            self.assert_fails(self.convert(*words), USAGE, *parts)
        self.assert_fails(self.convert(size=0), USAGE, "--size is '0'")
        for words in (["--damaged=skip"], ["--channels=1"]):
            result = self.run_program("data", "convert", "builtin:digits", "out.h5", *words)
            self.assert_fails(result, USAGE, "--size")
        result = self.run_program("data", "convert", "pictures", "out.h5")
        self.assert_fails(result, INPUT, "mpigan data convert", "--size 64")
        result = self.run_program("data", "convert", "builtin:digits", "out.h5", "--size=8", ranks=2)
        self.assert_fails(result, USAGE, "is no folder")
        self.assert_fails(self.convert(out="none/out.h5", ranks=3), OUTPUT, "none/out.h5")
        self.assert_fails(self.convert(out="out.png", ranks=3), USAGE, ".h5")
        self.assert_nothing_written()

    @needs_h5_tools
    def test_folders_one_behind_the_other(self):
        self.many(each=3)
        other = self.folder / "other"
        for name in ("B", "a", "b"):
            (other / name).mkdir(parents=True)
            (other / name / "1").write_bytes(png(6, 6, 3, noise(108)))
        result = self.run_program("data", "convert", "pictures", "other", "out.h5", "--size=6",
                                  ranks=2)
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(list(h5_numbers(self.out, "labels", "i")),
                         [0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1, 2])
        (other / "B").rename(other / "C")
        result = self.run_program("data", "convert", "pictures", "other", "new.h5", "--size=6",
                                  ranks=2)
        self.assert_fails(result, INPUT, "their classes have other names")

    def test_trains_on_them(self):
        self.many()
        self.assertEqual(self.convert(size=8, ranks=2).status, 0)
        config = self.config(support.TINY, ("builtin:digits", "out.h5"),
                             ("units: 64", "units: 192"))
        self.train(config, "run", ranks=2)


if __name__ == "__main__":
    support.main()

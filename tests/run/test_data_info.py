"""`mpigan data info`: what it says of a data set, against what was put in, and what it refuses."""
import array
import shutil
import struct
import subprocess

import support
from support import INPUT, OUTPUT, USAGE, Case, noise, write_h5, write_idx, write_idx_folder

ROWS = 500


class Info(Case):
    def info(self, *words, **options):
        return self.run_program("data", "info", *words, **options)

    def fields(self, text):
        return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)

    def test_what_it_says(self):
        images, labels = noise(ROWS * 15), [i * 7 % 4 for i in range(ROWS)]
        write_h5(self.folder / "set.h5", images=("uint8", (ROWS, 5, 3), images),
                 labels=("int32", (ROWS,), labels))
        result = self.info("set.h5")
        self.assertEqual(result.status, 0, str(result))
        lines, fields = result.out.splitlines(), self.fields(result.out)
        self.assertIn("HDF5, 500 images of 5x3x1 uint8, with labels", lines[0])
        self.assertEqual(fields["values"], f"{min(images)} to {max(images)}")
        for label in range(4):
            self.assertIn([str(label), str(labels.count(label))], [line.split() for line in lines])
        whole = b"".join(images[15 * i:15 * i + 15] + struct.pack("<i", labels[i])
                         for i in range(ROWS))
        if shutil.which("xxhsum"):
            found = subprocess.run(["xxhsum", "-H2"], input=whole, capture_output=True, check=True)
            self.assertEqual(fields["digest"], found.stdout.split()[0].decode())
        self.assertIn("KiB", fields["on disk"])

    def test_any_format_of_the_same_rows_has_the_same_digest(self):
        self.run_program("data", "convert", "builtin:digits", "a.h5", "--gzip=5")
        digests = {self.fields(self.info(name).out)["digest"] for name in ("builtin:digits", "a.h5")}
        self.assertEqual(len(digests), 1)
        result = self.info("a.h5", "--verify")
        self.assertEqual(result.status, 0)
        self.assertEqual(len(result.out.splitlines()), 1)
        self.assertIn("verified: 1797 images of 8x8x1 uint8, with labels", result.out)
        self.assertIn(digests.pop(), result.out)

    def test_picture(self):
        self.assertEqual(self.info("builtin:digits", "--png=digits.png").status, 0)
        head = (self.folder / "digits.png").read_bytes()[:24]
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", head[16:])
        self.assertEqual((width, height), (10 * 58 + 2, 10 * 58 + 2))
        self.assert_fails(self.info("builtin:digits", "--png=none/digits.png"), OUTPUT, "none")

    def test_one_rank_speaks_for_a_job(self):
        result = self.info("builtin:digits", ranks=3)
        self.assertEqual(result.status, 0, str(result))
        self.assertEqual(result.out.count("digest"), 1)

    def test_what_it_refuses(self):
        self.assert_fails(self.info(), USAGE, "PATH is missing", "usage: mpigan data info")
        self.assert_fails(self.info("nowhere"), INPUT, "'nowhere' is not found")
        self.assert_fails(self.info("nowhere", ranks=2), INPUT, "'nowhere' is not found")
        self.assert_fails(self.info("builtin:digits", "--layout=x"), USAGE, "data info", "--layout")
        write_idx_folder(self.folder / "idx", 20)
        images = self.folder / "idx" / "train-images-idx3-ubyte.gz"
        self.assertEqual(self.info("idx").status, 0)
        images.write_bytes(images.read_bytes()[:-1])
        self.assert_fails(self.info("idx"), INPUT, images)
        write_h5(self.folder / "points.h5",
                 images=("float32", (4, 3), array.array("f", range(12))))
        self.assertIn("values: 0 to 11", self.info("points.h5").out)
        self.assert_fails(self.info("points.h5", "--png=x.png"), USAGE, "points of 3 numbers")
        numbers = array.array("f", range(12))
        numbers[7] = float("nan")
        write_h5(self.folder / "points.h5", images=("float32", (4, 3), numbers))
        self.assert_fails(self.info("points.h5"), INPUT, "row 2", "nan")


if __name__ == "__main__":
    support.main()

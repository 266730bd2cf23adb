"""Data that cannot be used: status 3, one message that names file, what is wrong and what is
allowed; no memory taken for what a header only claims; nothing of a run is written or changed."""
import array
import gzip
import math
import resource

import support
from support import (INPUT, START_FILES, TINY, Case, checkpoints, edit, idx_bytes, noise, run_all,
                     snapshot, write_h5, write_idx)

ROWS = 40
SIZE = ROWS * 64
IMAGES = ("uint8", (ROWS, 8, 8), noise(SIZE))
MEMORY_LIMIT = 1 << 30  # bytes; an idle rank with its libraries holds some 50 MB


def floats(bad, at=1000):
    values = [i / SIZE for i in range(SIZE)]
    values[at] = bad
    return values


def big_endian(values):
    numbers = array.array("f", values)
    numbers.byteswap()
    return numbers.tobytes()


def raw(content):
    return lambda path: path.write_bytes(content)


def idx(dims, **options):
    return lambda path: write_idx(path, dims, **options)


def h5(**datasets):
    return lambda path: write_h5(path, **datasets)


def cut_h5(path):
    content = write_h5(path, images=IMAGES).read_bytes()
    path.write_bytes(content[:len(content) // 2])


def folder_with(labels, images=(ROWS, 8, 8)):
    def make(path):
        path.mkdir()
        write_idx(path / "train-images-idx3-ubyte", images)
        write_idx(path / "train-labels-idx1-ubyte.gz", labels)
    return make


GZ = gzip.compress(idx_bytes((ROWS, 8, 8), noise(SIZE)), mtime=0)

# What is seen in headers and names, before the run folder is made: file name, how it is made, and
# what the message must hold.
AT_ONCE = [
    ("cut.idx", raw(idx_bytes((ROWS, 8, 8), noise(SIZE - 7))), "truncated", "2576", "2569"),
    ("long.idx", raw(idx_bytes((ROWS, 8, 8), noise(SIZE + 7))), "longer", "2583", "2576"),
    ("huge.idx", raw(idx_bytes((10**6, 1000, 1000), noise(SIZE))), "1000000000016", "2576"),
    ("huge.gz", raw(gzip.compress(idx_bytes((10**6, 1000, 1000), noise(SIZE)))), "1000000000016"),
    ("overflow.idx", raw(idx_bytes((2**32 - 1,) * 3, noise(SIZE))), "overflow.idx"),
    ("header.idx", raw(b"\0\0\x08\x03\0\0"), "truncated"),
    ("empty.idx", raw(b""), "is empty"),
    ("text.idx", raw(b"one two three\n"), "not an IDX file", ".h5"),
    ("short-int.idx", idx((ROWS, 8, 4), kind=11, values=noise(SIZE)), "0x0b", "uint8", "float32"),
    ("four.idx", idx((ROWS, 1, 8, 8)), "4 dimensions"),
    ("labels.idx", idx((ROWS,)), "labels, not images"),
    ("none.idx", idx((0, 8, 8)), "empty"),
    ("flat.idx", idx((ROWS, 0, 8)), "0 x 8 x 1"),
    ("bare", lambda path: path.mkdir(), "train-images-idx3-ubyte"),
    ("few-labels", folder_with((ROWS - 1,)), "train-labels-idx1-ubyte", "39 labels", "40 images"),
    ("odd-labels", folder_with((ROWS, 1)), "train-labels-idx1-ubyte", "one dimension"),
    ("text.h5", raw(b"these are no numbers\n" * 99), "HDF5"),
    ("cut.h5", cut_h5, "HDF5"),
    ("empty.h5", raw(b""), "HDF5"),
    ("nothing.h5", h5(pictures=IMAGES), "'images'", "data.images"),
    ("group.h5", h5(images="group"), "'images'"),
    ("type.h5", h5(images=("int32", (ROWS, 8, 8), range(SIZE))), "'images'", "int32", "uint8",
     "float32"),
    ("flat.h5", h5(images=("uint8", (SIZE,), noise(SIZE))), "1 dimension", "(N,D)"),
    ("deep.h5", h5(images=("uint8", (ROWS, 1, 8, 8, 1), noise(SIZE))), "5 dimensions", "(N,H,W)"),
    ("none.h5", h5(images=("uint8", (0, 8, 8), b"")), "empty"),
    ("either.h5", h5(images=("uint8", (ROWS, 1, 64, 1), noise(SIZE))), "either", "data.layout"),
    ("neither.h5", h5(images=("uint8", (ROWS, 8, 4, 2), noise(SIZE))), "neither", "data.layout"),
    ("few-labels.h5", h5(images=IMAGES, labels=("uint8", (39,), bytes(39))), "'labels'", "39",
     "40 images"),
    ("real-labels.h5", h5(images=IMAGES, labels=("float32", (ROWS,), [0.5] * ROWS)), "'labels'",
     "float32", "int32"),
    ("deep-labels.h5", h5(images=IMAGES, labels=("uint8", (ROWS, 1), bytes(ROWS))), "'labels'",
     "one dimension"),
]

# What only reading shows.
WHILE_READING = [
    ("cut.gz", raw(GZ[:len(GZ) // 2]), "damaged gzip", "cut off"),
    ("flipped.gz", raw(GZ[:900] + bytes([GZ[900] ^ 4]) + GZ[901:]), "damaged gzip"),
    ("short.gz", raw(gzip.compress(idx_bytes((ROWS, 8, 8), noise(SIZE - 7)))), "truncated",
     "7 more"),
    ("long.gz", raw(gzip.compress(idx_bytes((ROWS, 8, 8), noise(SIZE + 7)))), "more bytes"),
    ("nan.idx", idx((ROWS, 64), kind=13, values=big_endian(floats(math.nan))), "row 15", "nan",
     "number 40"),
    ("inf.h5", h5(images=("float32", (ROWS, 8, 8), floats(math.inf))), "row 15", "inf"),
    ("nan.h5", h5(images=("float64", (ROWS, 64), floats(-math.nan, SIZE - 1))), "row 39", "nan"),
    ("large.h5", h5(images=("float64", (ROWS, 64), floats(1e300))), "row 15", "inf"),
    ("negative.h5", h5(images=IMAGES, labels=("int64", (ROWS,), [-3] * ROWS)), "label -3", "row 0"),
]


class BadData(Case):
    def refuse_all(self, rows, ranks, left):
        """Each row in a folder of its own; `left` are the only files that may be there after."""
        jobs, names = [], []
        for name, make, *parts in rows:
            folder = self.folder / name
            folder.mkdir()
            make(folder / name)
            (folder / "config.yaml").write_text(edit(TINY, ("builtin:digits", name)))
            jobs.append((("train", "config.yaml", "--run-dir", "run"),
                         {"ranks": ranks, "cwd": folder, "timeout": 60}))
            names.append((folder, name, parts))
        for (folder, name, parts), result in zip(names, run_all(jobs)):
            with self.subTest(name, ranks=ranks):
                self.assert_fails(result, INPUT, name, *parts)
                files = {path.name for path in (folder / "run").rglob("*") if path.is_file()}
                self.assertLessEqual(files, set(left))
                if not left:
                    self.assertFalse((folder / "run").exists())

    def test_at_once(self):
        self.refuse_all(AT_ONCE, None, ())

    def test_at_once_on_three_ranks(self):
        self.refuse_all(AT_ONCE, 3, ())

    def test_while_reading(self):
        self.refuse_all(WHILE_READING, None, START_FILES)

    def test_while_reading_on_three_ranks(self):
        self.refuse_all(WHILE_READING, 3, START_FILES)

    def test_memory(self):
        """Headers that ask for terabytes get no memory: the peak of all processes so far is low."""
        for name, make, *parts in AT_ONCE:
            if "1000000000016" in parts:
                make(self.folder / name)
                self.train(self.config(TINY, ("builtin:digits", name)), "run", status=INPUT)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.assertGreater(peak, 0)
        self.assertLess(peak, MEMORY_LIMIT)

    def test_not_found(self):
        rows = [("/nowhere/at/all", None, ("/nowhere/at/all", "no such file")),
                ("no-such-set", None, ("config.yaml:4", "no-such-set", "MPIGAN_DATA")),
                ("no-such-set", 3, ("config.yaml:4", "no-such-set", "MPIGAN_DATA")),
                ("builtin:letters", None, ("builtin:letters", "builtin:digits")),
                ("/dev/null", None, ("/dev/null",))]
        for name, ranks, parts in rows:
            with self.subTest(name, ranks=ranks):
                self.config(TINY, ("builtin:digits", name))
                before = snapshot(self.folder)
                result = self.run_program("train", "config.yaml", ranks=ranks,
                                          env={"MPIGAN_DATA": "/tmp/none:/tmp/none-too"})
                self.assert_fails(result, INPUT, *parts)
                self.assertEqual(snapshot(self.folder), before)

    def test_damage_between_two_starts(self):
        """A finished run, whose data is then cut off: a start that wants more changes nothing."""
        data = self.folder / "data.gz"
        data.write_bytes(GZ)
        path = self.config(TINY, ("builtin:digits", "data.gz"))
        self.train(path, "run")
        self.assertEqual(checkpoints(self.folder / "run"), [10, 20])
        before = snapshot(self.folder / "run", but=START_FILES)
        data.write_bytes(GZ[:-20])
        for ranks in (None, 3):
            result = self.run_program("train", path, "--run-dir", "run", "--set", "train.steps=40",
                                      ranks=ranks)
            self.assert_fails(result, INPUT, "data.gz", "damaged gzip")
            self.assertEqual(snapshot(self.folder / "run", but=START_FILES), before)


if __name__ == "__main__":
    support.main()

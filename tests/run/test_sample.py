"""sample and inspect: what comes out of a checkpoint, read by h5dump, h5ls and a PNG reader of our
own, and checked against what training itself wrote."""
import math
import re
import shutil
import struct
import subprocess
import unittest
import zlib

import support
from support import (OK, USAGE, Case, checkpoint, h5_attribute, h5_differences,
                     h5_names, h5_numbers, needs_h5_tools, samples, write_h5)

# Samples of 0 to 255 from another batch shape: rounding of float32 sums, some 1e-5 of the range.
BATCH_SHAPE_DELTA = 1e-3

POINTS = """\
name: points
data: {path: points.h5}
model:
  latent: 2
  generator:
    - linear: {units: 16}
    - relu: {}
    - linear: {units: 2}
  discriminator:
    - linear: {units: 16}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 1}
train: {batch: 20, steps: 10}
samples: {count: 6}
"""


def png_chunks(content):
    """Type to content of each chunk, with every CRC checked."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n", content[:8]
    chunks, at = {}, 8
    while at < len(content):
        n, kind = struct.unpack(">I4s", content[at:at + 8])
        body = content[at + 8:at + 8 + n]
        crc, = struct.unpack(">I", content[at + 8 + n:at + 12 + n])
        assert crc == zlib.crc32(kind + body), kind
        chunks[kind] = chunks.get(kind, b"") + body
        at += 12 + n
    return chunks


def read_png(path):
    """Width, height and rows of grey or RGB bytes of an 8-bit PNG that is not interlaced."""
    chunks = png_chunks(path.read_bytes())
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert depth == 8 and colour in (0, 2) and rest == [0, 0, 0] and chunks[b"IEND"] == b""
    step = 3 if colour == 2 else 1
    raw, stride, rows = zlib.decompress(chunks[b"IDAT"]), width * step, []
    assert len(raw) == height * (stride + 1)
    above = bytes(stride)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:][:stride])
        for i in range(stride):
            a = line[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            if kind == 4:  # Paeth
                p = a + b - c
                guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            else:
                guess = (0, a, b, (a + b) // 2)[kind]
            line[i] = (line[i] + guess) & 255
        rows.append(bytes(line))
        above = rows[-1]
    return width, height, rows


class Sample(Case):
    def setUp(self):
        super().setUp()
        self.train(self.config(), "run")
        self.run_dir = self.folder / "run"
        self.good = checkpoint(self.run_dir, 20)

    def sample(self, *words):
        result = self.run_program("sample", self.good, *words)
        self.assertEqual(result.status, OK, str(result))
        return result

    def test_default_files(self):
        self.sample()
        for name in ("samples.h5", "samples.png"):
            self.assertTrue((self.folder / name).is_file())

    def test_run_folder_for_checkpoint(self):
        """A run folder stands for its newest checkpoint."""
        self.sample("--output", "a.h5")
        result = self.run_program("sample", "run", "--output", "b.h5")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual((self.folder / "a.h5").read_bytes(), (self.folder / "b.h5").read_bytes())

    @needs_h5_tools
    def test_counts(self):
        for count in (1, 2, 63, 255, 256, 257, 1000):
            self.sample("--count", count, "--output", "x.h5")
            names = h5_names(self.folder / "x.h5")
            self.assertEqual(names["/images"], f"{{{count}, 1, 8, 8}}")
            self.assertEqual(names["/latent"], f"{{{count}, 8}}")
            images = h5_numbers(self.folder / "x.h5", "/images")
            self.assertTrue(all(0 <= x <= 255 for x in images))
        self.assertEqual(h5_attribute(self.folder / "x.h5", "step"), "20")

    @needs_h5_tools
    def test_seeds(self):
        for name, words in (("a", ["--seed", 5]), ("b", ["--seed=5"]), ("c", ["--seed", 6]),
                            ("d", ["--seed", 1]), ("e", [])):
            self.sample("--output", f"{name}.h5", "--png", f"{name}.png", *words)
        content = {name: (self.folder / f"{name}.h5").read_bytes() for name in "abcde"}
        self.assertEqual(content["a"], content["b"])
        self.assertNotEqual(content["a"], content["c"])
        self.assertEqual(content["d"], content["e"])  # without --seed: the run's
        for name in ("/latent", "/images"):
            self.assertNotEqual(
                h5_differences(self.folder / "a.h5", self.folder / "c.h5", name), "")
        self.assertEqual((self.folder / "a.png").read_bytes(), (self.folder / "b.png").read_bytes())

    @needs_h5_tools
    def test_as_the_training_made_them(self):
        """The first samples with the run's seed are those that the run wrote at that step."""
        self.sample("--count", 8, "--output", "x.h5")
        theirs = samples(self.run_dir, 20)
        self.assertEqual(h5_differences(self.folder / "x.h5", theirs, "/latent"), "")
        self.assertEqual(h5_differences(self.folder / "x.h5", theirs, "/images",
                                        delta=BATCH_SHAPE_DELTA), "")
        self.sample("--count", 300, "--output", "y.h5")
        mine, more = (h5_numbers(self.folder / name, "/images") for name in ("x.h5", "y.h5"))
        self.assertEqual(len(more), 300 * 64)
        self.assertLess(max(abs(a - b) for a, b in zip(mine, more)), BATCH_SHAPE_DELTA)
        other = checkpoint(self.run_dir, 10)
        self.run_program("sample", other, "--count", 8, "--output", "z.h5")
        self.assertNotEqual(h5_differences(self.folder / "x.h5", self.folder / "z.h5", "/images",
                                           delta=BATCH_SHAPE_DELTA), "")

    @needs_h5_tools
    def test_latent_is_normal(self):
        self.sample("--count", 4000, "--output", "x.h5")
        z = h5_numbers(self.folder / "x.h5", "/latent")
        mean = sum(z) / len(z)
        variance = sum((x - mean) ** 2 for x in z) / len(z)
        bound = 5 / math.sqrt(len(z))  # five standard deviations
        self.assertLess(abs(mean), bound)
        self.assertLess(abs(variance - 1), bound * math.sqrt(2))

    @needs_h5_tools
    def test_picture(self):
        """Each pixel of the grid is the rounded value of its image's pixel."""
        self.sample("--count", 5, "--output", "x.h5", "--png", "x.png")
        width, height, rows = read_png(self.folder / "x.png")
        images = h5_numbers(self.folder / "x.h5", "/images")
        scale, gap, columns = 7, 2, 3  # tiles of 56, three columns for five
        tile = 8 * scale + gap
        self.assertEqual((width, height), (columns * tile + gap, 2 * tile + gap))
        for i in range(5):
            top, left = gap + i // columns * tile, gap + i % columns * tile
            for y in range(8):
                for x in range(8):
                    value = rows[top + y * scale][left + x * scale]
                    self.assertLessEqual(abs(value - images[i * 64 + y * 8 + x]), 0.5 + 1e-3)

    def test_picture_of_training(self):
        self.assertEqual(read_png(samples(self.run_dir, 20, "png"))[:2], (176, 176))

    @needs_h5_tools
    def test_points(self):
        """Two-dimensional float data: samples are points in the data's own units."""
        values = [50 + 10 * math.sin(i * (1 + i % 2)) for i in range(200)]
        for kind in ("float32", "float64"):
            write_h5(self.folder / "points.h5", images=(kind, (100, 2), values))
            self.config(POINTS, name="points.yaml")
            self.train("points.yaml", kind, "--set", "data.range=unit", ranks=2)
            self.assertEqual(h5_names(samples(self.folder / kind, 10))["/images"], "{6, 2}")
            self.good = checkpoint(self.folder / kind, 10)
            self.sample("--count", 9, "--output", "x.h5", "--png", "x.png")
            names = h5_names(self.folder / "x.h5")
            self.assertEqual((names["/images"], names["/latent"]), ("{9, 2}", "{9, 2}"))
            self.assertEqual(h5_names(self.good)["/data/shape"], "{1}")
            width, height, rows = read_png(self.folder / "x.png")
            self.assertEqual((width, height), (512, 512))

    def test_no_picture_of_many_dimensions(self):
        write_h5(self.folder / "points.h5", images=("float32", (100, 3), [0.5, 0.1, 0.9] * 100))
        self.config(POINTS, ("units: 2}", "units: 3}"), name="points.yaml")
        self.train("points.yaml", "points")
        self.good = checkpoint(self.folder / "points", 10)
        result = self.run_program("sample", self.good, "--png", "x.png")
        self.assert_fails(result, USAGE, "--png", "3 numbers")
        self.sample("--output", "x.h5")

    def test_without_mpi(self):
        """sample and inspect work where no MPI daemon can be started."""
        for words in (("sample", self.good, "--count", 1), ("inspect", self.good)):
            result = self.run_program(*words, env={"OMPI_MCA_ess": "nonsense", "PATH": ""})
            self.assertEqual(result.status, OK, str(result))


class Inspect(Case):
    def setUp(self):
        super().setUp()
        self.train(self.config(), "run", ranks=2)
        self.good = checkpoint(self.folder / "run", 20)

    def inspect(self, *words):
        result = self.run_program("inspect", *words)
        self.assertEqual(result.status, OK, str(result))
        return result.out

    def test_what_it_prints(self):
        for path in (self.good, "run"):
            text = self.inspect(path)
            for part in ("verified", "task gan", "step 20", "2 ranks", "seed 1",
                         "generator: 2432 parameters", "discriminator: 2113 parameters",
                         "1797 rows", "name: tiny"):
                self.assertIn(part, text)
            for name, shape in (("0.weight", "(32, 8)"), ("1.weight", "(32)"), ("1.bias", "(32)"),
                                ("3.weight", "(64, 32)"), ("3.bias", "(64)")):
                self.assertRegex(text, re.escape(name) + r"\s+" + re.escape(shape))
            config = (self.folder / "run/config.yaml").read_text()
            self.assertIn(config.strip(), text)

    def test_verify(self):
        self.assertIn("verified", self.inspect(self.good, "--verify"))
        text = self.inspect("run", "--verify")
        for step in (10, 20):
            self.assertIn(f"step-{step:08d}.h5: verified", text)

    @needs_h5_tools
    def test_checkpoint_is_plain_hdf5(self):
        """The names and shapes that PyTorch's load_state_dict takes, found by h5ls."""
        names = h5_names(self.good)
        tensors = {"param/0.weight": "{32, 8}", "param/1.weight": "{32}", "param/1.bias": "{32}",
                   "param/3.weight": "{64, 32}", "param/3.bias": "{64}",
                   "buffer/1.running_mean": "{32}", "buffer/1.running_var": "{32}"}
        for name, shape in tensors.items():
            self.assertEqual(names[f"/generator/{name}"], shape)
            if name.startswith("param/"):
                for moment in ("exp_avg", "exp_avg_sq"):
                    where = f"/generator/optimizer/{moment}/{name[6:]}"
                    self.assertEqual(names[where], shape)
        self.assertEqual(names["/discriminator/param/0.weight"], "{32, 64}")
        self.assertIn("/state", names)
        for name, value in (("format", '"mpigan checkpoint"'), ("version", "2"), ("step", "20"),
                            ("seed", "1"), ("world_size", "2"), ("task", '"gan"'),
                            ("networks", '"generator,discriminator"'),
                            ("/generator/optimizer/step", "20"), ("/state/images_seen", "480")):
            self.assertEqual(h5_attribute(self.good, name), value)
        text = subprocess.run(["h5dump", "-p", "-H", str(self.good)], capture_output=True,
                              text=True, check=True).stdout
        self.assertNotIn("CHUNKED", text)
        self.assertGreater(text.count("CONTIGUOUS"), 20)

    @needs_h5_tools
    def test_counters_of_batch_norm(self):
        """PyTorch's num_batches_tracked: two forward passes in training a step."""
        tracked = h5_numbers(self.good, "/generator/buffer/1.num_batches_tracked", "q")
        self.assertEqual(list(tracked), [40])

    @unittest.skipUnless(shutil.which("xxhsum"), "xxhsum is not here (Debian: xxhash)")
    def test_user_block(self):
        block = self.good.read_bytes()[:512]
        fields = dict(line.split(b" ") for line in block.rstrip().split(b"\n")[1:])
        body = self.good.read_bytes()[512:]
        self.assertEqual(int(fields[b"bytes"]), len(body))
        digest = subprocess.run(["xxhsum", "-H2"], input=body, capture_output=True,
                                check=True).stdout
        self.assertEqual(digest.split()[0], fields[b"xxh3-128"])


if __name__ == "__main__":
    support.main()

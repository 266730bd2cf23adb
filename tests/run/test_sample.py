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


class Trained(Case):
    """A run of the tiny GAN, and its last checkpoint."""
    def setUp(self):
        super().setUp()
        self.train(self.config(), "run")
        self.run_dir = self.folder / "run"
        self.good = checkpoint(self.run_dir, 20)

    def sample(self, *words):
        result = self.run_program("sample", self.good, *words)
        self.assertEqual(result.status, OK, str(result))
        return result


class Sample(Trained):
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


SIDE = 8 * 7 + 2  # of a tile in a picture of the digits: 8 pixels, enlarged 7 times, and a gap


class Conditional(Case):
    """--class and --interpolate-class, on a model of all digits or of two."""
    def run_with(self, *words):
        self.train(self.config(), "run", *words)

    def sample(self, name, *words):
        """The numbers of a sample file: images of 64, latent of 8."""
        file = self.folder / f"{name}.h5"
        result = self.run_program("sample", "run", "--output", file, "--png", f"{name}.png", *words)
        self.assertEqual(result.status, OK, str(result))
        found = {"images": h5_numbers(file, "/images"), "latent": h5_numbers(file, "/latent")}
        for key, code in (("labels", "i"), ("labels_to", "i"), ("share", "f")):
            if f"/{key}" in h5_names(file):
                found[key] = list(h5_numbers(file, f"/{key}", code))
        return found

    def assert_same(self, a, b, size=64, delta=BATCH_SHAPE_DELTA):
        self.assertEqual(len(a), len(b))
        self.assertEqual(len(a) % size, 0)
        self.assertLess(max(abs(x - y) for x, y in zip(a, b)), delta)

    def assert_picture(self, name, columns, rows):
        self.assertEqual(read_png(self.folder / f"{name}.png")[:2],
                         (columns * SIDE + 2, rows * SIDE + 2))

    @needs_h5_tools
    def test_a_row_a_class(self):
        self.run_with("--set=model.classes=10")
        everything = self.sample("default")
        self.assertEqual(everything["labels"], [k for k in range(10) for _ in range(7)])
        self.assert_picture("default", 7, 10)
        self.assertEqual(self.sample("all", "--class", "all"), everything)
        few = self.sample("few", "--count", 8)
        theirs = samples(self.folder / "run", 20)
        self.assertEqual(few["labels"], list(h5_numbers(theirs, "/labels", "i")))
        self.assert_same(few["images"], h5_numbers(theirs, "/images"))

    @needs_h5_tools
    def test_chosen_classes(self):
        self.run_with("--set=model.classes=10")
        three, seven = (self.sample(f"of{k}", "--class", k) for k in (3, 7))
        self.assertEqual((three["labels"], seven["labels"]), ([3] * 64, [7] * 64))
        self.assert_picture("of3", 8, 8)
        self.assertEqual(three["latent"], seven["latent"])
        both = self.sample("both", "--class=7,3", "--count", 10)
        self.assertEqual(both["labels"], [7] * 5 + [3] * 5)
        self.assert_picture("both", 5, 2)
        half = 5 * 64
        self.assert_same(both["images"][:half], seven["images"][:half])
        self.assert_same(both["images"][half:], three["images"][half:2 * half])
        apart = max(abs(a - b) for a, b in zip(three["images"], seven["images"]))
        self.assertGreater(apart, 1)  # the class is seen at all

    @needs_h5_tools
    def test_labels_of_chosen_data(self):
        """data.classes makes class 0 of the label 5: users say and read 5."""
        self.run_with("--set=model.classes=2", "--set=data.classes=[5, 3]")
        everything = self.sample("all")
        self.assertEqual(everything["labels"], [5] * 32 + [3] * 32)
        three = self.sample("three", "--class", 3)
        self.assertEqual(three["labels"], [3] * 64)
        self.assert_same(everything["images"][32 * 64:], three["images"][32 * 64:])
        self.assertEqual(self.sample("path", "--interpolate-class", "3,5")["labels_to"], [5] * 64)
        result = self.run_program("sample", "run", "--class", 0)
        self.assert_fails(result, USAGE, "no class 0", "its classes are 5, 3")
        result = self.run_program("inspect", "run")
        self.assertIn("conditional on 2 classes (5, 3); generator: embedding, discriminator: "
                      "channels", result.out)

    @needs_h5_tools
    def test_from_class_to_class(self):
        for way in ("embedding", "one_hot"):
            self.run_with("--set=model.classes=10", f"--set=model.label.generator={way}")
            path = self.sample("path", "--interpolate-class", "2,6", "--steps", 5, "--count", 15)
            self.assertEqual((path["labels"], path["labels_to"]), ([2] * 15, [6] * 15))
            self.assertEqual(path["share"], [0, 0.25, 0.5, 0.75, 1] * 3)
            self.assert_picture("path", 5, 3)
            two, six = (self.sample(f"of{k}", "--class", k, "--count", 3) for k in (2, 6))
            for row in range(3):
                at = two["latent"][row * 8:row * 8 + 8]
                self.assertEqual(path["latent"][row * 40:row * 40 + 40], at * 5)
                for step, end in ((0, two), (4, six)):
                    first = (row * 5 + step) * 64
                    self.assert_same(path["images"][first:first + 64],
                                     end["images"][row * 64:row * 64 + 64])
            self.assertNotEqual(path["images"][64:128], path["images"][128:192])
            shutil.rmtree(self.folder / "run")

    @needs_h5_tools
    def test_seeds_keep_the_class_of_a_row(self):
        self.run_with("--set=model.classes=10")
        path = self.sample("path", "--interpolate", "1,2", "--class", "4,9", "--steps", 3,
                           "--count", 12)
        self.assertEqual(path["labels"], ([4] * 3 + [9] * 3) * 2)
        self.assertNotIn("labels_to", path)
        ends = self.sample("ends", "--seed", 2, "--class", 4, "--count", 1)
        self.assert_same(path["images"][2 * 64:3 * 64], ends["images"])

    @needs_h5_tools
    def test_both_paths_at_once(self):
        self.run_with("--set=model.classes=10")
        path = self.sample("path", "--interpolate", "1,2", "--interpolate-class", "3,8",
                           "--steps", 3, "--count", 3)
        for step, seed, label in ((0, 1, 3), (2, 2, 8)):
            end = self.sample("end", "--seed", seed, "--class", label, "--count", 1)
            self.assert_same(path["images"][step * 64:][:64], end["images"])

    def test_mistakes(self):
        self.run_with("--set=model.classes=10")
        for words, parts in ((["--class", 10], ("run", "no class 10", "0 to 9")),
                             (["--class", "3,11"], ("no class 11",)),
                             (["--class", "cat"], ("--class", "'cat'", "all", "for example 3,5")),
                             (["--class="], ("--class", "''")),
                             (["--interpolate-class", "3"], ("--interpolate-class", "takes two")),
                             (["--interpolate-class", "3,12"], ("no class 12",)),
                             (["--class", 3, "--interpolate-class", "3,5"], ("leave out one",))):
            self.assert_fails(self.run_program("sample", "run", *words), USAGE, *parts)
        self.assertFalse((self.folder / "samples.h5").exists())


class Noise(Trained):
    """--truncation and --interpolate, without classes."""
    def latent(self, *words):
        self.sample("--output", "x.h5", "--png", "x.png", *words)
        return h5_numbers(self.folder / "x.h5", "/latent")

    @needs_h5_tools
    def test_truncation(self):
        for bound in (0.05, 0.5, 2):
            z = self.latent("--truncation", bound, "--count", 600)
            self.assertLessEqual(max(map(abs, z)), bound)
            self.assertGreater(max(map(abs, z)), 0.99 * bound)
            # the variance of the law, by the trapezoidal rule
            grid = [bound * i / 1000 for i in range(1001)]
            law = [math.exp(-x * x / 2) * (0.5 if x in (0, bound) else 1) for x in grid]
            variance = sum(p * x * x for p, x in zip(law, grid)) / sum(law)
            self.assertAlmostEqual(sum(x * x for x in z) / len(z) / variance, 1, delta=0.1)
            self.assertEqual(self.latent("--truncation", bound, "--count", 7), z[:7 * 8])
        self.assertNotEqual(self.latent("--truncation", 2, "--seed", 9, "--count", 600), z)

    @needs_h5_tools
    def test_interpolation(self):
        ends = [self.latent("--seed", seed, "--count", 2) for seed in (5, 8)]
        path = self.latent("--interpolate", "5,8", "--steps", 4, "--count", 8)
        self.assertEqual(read_png(self.folder / "x.png")[:2], (4 * SIDE + 2, 2 * SIDE + 2))
        self.assertEqual(list(h5_numbers(self.folder / "x.h5", "/share")),
                         list(struct.unpack("8f", struct.pack("8f", *[0, 1 / 3, 2 / 3, 1] * 2))))
        for row in range(2):
            a, b = (end[row * 8:row * 8 + 8] for end in ends)
            dot, a2, b2 = (sum(x * y for x, y in zip(*two)) for two in ((a, b), (a, a), (b, b)))
            angle = math.acos(dot / math.sqrt(a2 * b2))
            for step in range(4):
                of_a, of_b = (math.sin(t * angle) / math.sin(angle)
                              for t in (1 - step / 3, step / 3))
                found = path[(row * 4 + step) * 8:][:8]
                for x, y, z in zip(a, b, found):
                    self.assertAlmostEqual(of_a * x + of_b * y, z, delta=1e-5)
        self.assertEqual(self.latent("--interpolate", "5,8", "--count", 8)[7 * 8:],
                         ends[1][:8])  # a row of 8
        self.assertEqual(len(self.latent("--interpolate", "5,8", "--steps", 10)), 70 * 8)

    def test_mistakes(self):
        for words, parts in ((["--truncation", 0], ("--truncation", "'0'", "above 0")),
                             (["--truncation", "-1"], ("'-1'",)),
                             (["--truncation", "nan"], ("'nan'",)),
                             (["--truncation", "inf"], ("'inf'",)),
                             (["--truncation", "1x"], ("'1x'",)),
                             (["--class", "all"], ("not conditional", "leave out --class")),
                             (["--class", 3], ("not conditional",)),
                             (["--interpolate-class", "3,5"], ("not conditional",)),
                             (["--interpolate", "3"], ("--interpolate", "takes two")),
                             (["--interpolate", "3,5,7"], ("takes two",)),
                             (["--interpolate", "3,x"], ("'3,x'",)),
                             (["--interpolate", "3,5", "--seed", 1], ("--seed", "leave out one")),
                             (["--interpolate", "3,5", "--steps", 1], ("--steps", "'1'", "2 to")),
                             (["--interpolate", "3,5", "--count", 9], ("is 9", "multiples", "8")),
                             (["--steps", 4], ("--steps", "--interpolate"))):
            self.assert_fails(self.run_program("sample", self.good, *words), USAGE, *parts)

    @needs_h5_tools
    def test_uniform_noise(self):
        self.train("config.yaml", "uniform", "--set=model.latent_distribution=uniform")
        self.good = checkpoint(self.folder / "uniform", 20)
        result = self.run_program("sample", self.good, "--truncation", 0.5)
        self.assert_fails(result, USAGE, "uniform", "model.latent_distribution")
        ends = [self.latent("--seed", seed, "--count", 1) for seed in (5, 8)]
        path = self.latent("--interpolate", "5,8", "--steps", 3, "--count", 3)
        self.assertEqual((path[:8], path[16:]), tuple(ends))
        for x, y, z in zip(*ends, path[8:16]):
            self.assertAlmostEqual((x + y) / 2, z, delta=1e-6)


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

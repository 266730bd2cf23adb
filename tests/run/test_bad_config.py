"""Configs that cannot be run: status 2, one message with file, line, key, value and what is
allowed, and nothing on the disk is touched."""
import support
from support import SOURCE, TINY, USAGE, Case, edit, run_all, snapshot, write_idx

G_TAIL = "    - linear: {units: 64}\n    - sigmoid: {}\n"
D_TAIL = "    - linear: {units: 1}\n"

# name, the change (old, new), and what the message must hold; "{line}" is the last line of `new`.
MISTAKES = [
    ("unknown key", ("seed: 1", "sead: 1"), "{line}", "sead", "did you mean", "'seed'"),
    ("unknown key, nested", ("  batch: 24", "  bacth: 24"), "{line}", "bacth", "'train.batch'"),
    ("unknown group", ("seed: 1", "seed: 1\ntrian: {batch: 8}"), "{line}", "trian"),
    ("unknown group, empty", ("seed: 1", "seed: 1\nnonsense: {}"), "{line}", "nonsense"),
    ("key at the wrong level", ("seed: 1", "seed: 1\nbatch: 24"), "{line}", "'train.batch'"),
    ("key given twice", ("seed: 1", "seed: 1\nseed: 2"), "{line}", "seed", "twice"),
    ("layer option given twice", (D_TAIL, "    - linear: {units: 1, units: 1}\n"), "units",
     "twice"),
    ("tab", ("  latent: 8", "\tlatent: 8"), "{line}", "tab"),
    ("text for an integer", ("batch: 24", "batch: many"), "{line}", "train.batch", "many",
     "integer"),
    ("fraction for an integer", ("batch: 24", "batch: 24.5"), "{line}", "24.5", "integer"),
    ("quoted integer", ("batch: 24", 'batch: "24"'), "{line}", '"24"', "integer"),
    ("trailing junk", ("batch: 24", "batch: 24x"), "{line}", "24x", "integer"),
    ("list for an integer", ("seed: 1", "seed: [1, 2]"), "{line}", "seed", "a list"),
    ("number for a group", ("samples: {every_steps: 10, count: 8}", "samples: 8"), "{line}",
     "samples", "mapping"),
    ("text for a boolean", ("bias: false", "bias: no"), "{line}", "bias", "no", "true or false"),
    ("number too small", ("batch: 24", "batch: 0"), "{line}", "train.batch", "0", "1 to"),
    ("number too large", ("seed: 1", "seed: 99999999999999999999"), "{line}",
     "99999999999999999999"),
    ("limit not included", ("  batch: 24", "  optimizer: {beta1: 1.0}\n  batch: 24"),
     "train.optimizer.beta1", "1.0", "not included"),
    ("not a number", ("  batch: 24", "  batch: 24\n  optimizer: {lr_d: .nan}"), "{line}", ".nan"),
    ("unknown choice", ("  batch: 24", "  batch: 24\n  objective: wasserstien"), "{line}",
     "train.objective", "wasserstien", "non_saturating, minimax"),
    ("name with a slash", ("name: tiny", "name: ../tiny"), "{line}", "name", "../tiny"),
    ("steps and epochs", ("  steps: 20", "  steps: 20\n  epochs: 2"), "train.steps",
     "train.epochs"),
    ("neither steps nor epochs", ("  steps: 20\n", ""), "train.steps", "train.epochs"),
    ("no data", ("data:\n  path: builtin:digits\n", ""), "data.path"),
    ("no discriminator", (TINY[TINY.index("  discriminator"):TINY.index("train:")], ""),
     "model.discriminator"),
    ("no layers", (TINY[TINY.index("    - linear: {units: 32}"):TINY.index("train:")], "    []\n"),
     "model.discriminator", "0 layers"),
    ("unknown layer", ("leaky_relu: {slope: 0.2}", "leaky_rely: {slope: 0.2}"), "{line}",
     "leaky_rely", "'leaky_relu'"),
    ("unknown layer option", (D_TAIL, "    - linear: {unit: 1}\n"), "unit", "'units'"),
    ("missing layer option", (D_TAIL, "    - linear: {}\n"), "model.discriminator", "units"),
    ("layer option out of range", (D_TAIL, "    - linear: {units: 0}\n"), "units", "0"),
    ("layers that do not chain", (G_TAIL, "    - linear: {units: 60}\n"
                                          "    - reshape: {shape: [1, 8, 8]}\n"
                                          "    - sigmoid: {}\n"),
     "model.generator", "reshape", "8x8x1", "60"),
    ("linear layer on an image", (G_TAIL, "    - linear: {units: 64}\n"
                                          "    - reshape: {shape: [1, 8, 8]}\n"
                                          "    - linear: {units: 64}\n"),
     "{line}", "model.generator", "linear", "8x8x1"),
    ("generator of another size", (G_TAIL, "    - linear: {units: 63}\n    - sigmoid: {}\n"),
     "model.generator", "63", "8x8x1"),
    ("discriminator with two outputs", (D_TAIL, "    - linear: {units: 2}\n"),
     "model.discriminator", "2", "1"),
    ("batch below shards", ("builtin:digits", "builtin:digits\n  shards: 48"), "{line}",
     "data.shards", "48", "24"),
    ("shards that do not divide", ("builtin:digits", "builtin:digits\n  shards: 7"), "{line}",
     "data.shards", "7", "24", "6 or 8"),
]

# The same, of networks for images and classes (tests/images.yaml).
IMAGES = (SOURCE / "tests/images.yaml").read_text()

UP = "conv_transpose2d: {channels: 16, kernel: 2, bias: false}"
GROUPED = "channels: 8, kernel: 3, padding: 1, groups: 2"
SHORTCUT = "          - conv2d: {channels: 8, kernel: 1}"
CONCAT = "concat: {main: [conv2d: {channels: 4, kernel: 3, padding: 1}]}"
STRIDED = "conv2d: {channels: 12, kernel: 3, stride: 2, padding: 1, bias: false}"
LOGIT = "linear: {units: 1, spectral_norm: true}"
AUGMENT = "diff_augment: {translation: 0.125, cutout: 0.25, brightness: 0.2, contrast: 0.3}"

IMAGE_MISTAKES = [
    ("kernel larger than the image", (STRIDED, "conv2d: {channels: 12, kernel: 9}"), "{line}",
     "model.discriminator", "layer 4 (conv2d)", "4x4x8", "at least 9 pixels"),
    ("the same in a branch", (GROUPED, "channels: 8, kernel: 7"), "{line}", "model.generator",
     "layer 5.main.3 (conv2d)", "4x4x12", "at least 7 pixels"),
    ("groups that do not divide", (GROUPED, "channels: 8, kernel: 3, groups: 5"), "{line}",
     "layer 5.main.3 (conv2d)", "4x4x12", "(8)", "groups (5) divides"),
    ("nothing left of the output", (UP, "conv_transpose2d: {channels: 16, kernel: 2, padding: 1}"),
     "{line}", "model.generator", "layer 1 (conv_transpose2d)", "16", "less padding"),
    ("output_padding of a stride", (UP, UP.replace("bias: false", "output_padding: 1")), "{line}",
     "layer 1 (conv_transpose2d)", "output_padding smaller than its stride"),
    ("linear behind an image", ("    - flatten: {}\n    - linear", "    - linear"), "{line}",
     "model.discriminator", "layer 8 (linear)", "2x2x12", "- flatten: {}"),
    ("linear behind an image, in a branch", (CONCAT, "concat: {main: [linear: {units: 3}]}"),
     "{line}", "layer 8.main.0 (linear)", "8x8x8", "- flatten: {}"),
    ("shortcut with other channels", (SHORTCUT, SHORTCUT.replace("8", "9")),
     "layer 5 (residual)", "4x4x8 reaches it", "of the same shape", "shortcut gives 4x4x9"),
    ("shortcut with other pixels", (SHORTCUT, SHORTCUT.replace("1", "2")), "layer 5 (residual)",
     "4x4x8 reaches it", "shortcut gives 3x3x8"),
    ("concat of other pixels", (CONCAT, CONCAT.replace(", padding: 1", "")), "{line}",
     "layer 8 (concat)", "6x6x4", "same height and width", "shortcut gives 8x8x8"),
    ("reduction that does not divide", ("reduction: 4", "reduction: 16"), "{line}",
     "layer 6 (self_attention)", "4x4x8", "16"),
    ("window larger than the image", ("avgpool: {kernel: 2}", "avgpool: {kernel: 9}"), "{line}",
     "layer 3 (avgpool)", "8x8x8", "9x9"),
    ("padding beyond half a window", ("avgpool: {kernel: 2}", "avgpool: {kernel: 4, padding: 3}"),
     "{line}", "layer 3 (avgpool)", "at most half"),
    ("instancenorm of a vector", ("layernorm: {}", "instancenorm: {}"), "{line}",
     "layer 10 (instancenorm)", "16 reaches it", "layernorm"),
    ("augmented vectors", (AUGMENT, "flatten: {}\n    - " + AUGMENT), "{line}",
     "layer 1 (diff_augment)", "64 reaches it", "images"),
    ("reshape without the class", ("[16, 1, 1]", "[12, 1, 1]"), "{line}", "layer 0 (reshape)",
     "16 reaches it", "12"),
    ("image of another size", ("    - tanh: {}", "    - upsample: {}\n    - tanh: {}"), "{line}",
     "model.generator", "tanh", "16x16x1", "8x8x1"),
    ("two logits", (LOGIT, "linear: {units: 2}"), "{line}", "model.discriminator", "linear", "2",
     "1"),
    ("projection on an activation", (LOGIT, LOGIT + "\n    - tanh: {}"), "{line}",
     "model.discriminator", "last layer is tanh", "projection", "linear or conv2d"),
    ("one class", ("classes: 10", "classes: 1"), "{line}", "model.classes", "1", "2 and more"),
    ("labels without classes", ("  classes: 10\n  label: {", "  label: {"), "{line}",
     "model.label.discriminator", "projection", "model.classes"),
    ("no such way", ("discriminator: projection", "discriminator: projektion"), "{line}",
     "model.label.discriminator", "projektion", "channels, projection, auxiliary"),
    ("length of what is not there", ("generator: embedding, emb", "generator: one_hot, emb"),
     "{line}", "model.label.embedding", "4", "one_hot"),
    ("weight of what is not there", ("discriminator: projection}",
                                     "discriminator: projection, auxiliary_weight: 2}"),
     "{line}", "model.label.auxiliary_weight", "2", "projection", "auxiliary"),
    ("classes of unlabelled data", ('path: "builtin:digits"', "path: synthetic:500x8x8x1"),
     "config.yaml:9:", "model.classes", "10", "synthetic:500x8x8x1", "has no labels"),
]

# Whole files that are no config.
FILES = [
    ("empty", b"", "empty"),
    ("a sentence", b"train a GAN, please\n", "mapping"),
    ("a list", b"- seed: 1\n", "mapping"),
    ("two documents", TINY.encode() + b"---\nseed: 2\n", "second YAML document"),
    ("unclosed brace", b"data: {path: builtin:digits\n", "not valid YAML"),
    ("binary", b"\x7fELF\x02\x01\x01\x00\x00\x03", "not valid YAML"),
    ("not UTF-8", b"name: \xff\xfe\xff\n", "not valid YAML"),
]

# --set arguments, and what the message must hold beside "command line".
OVERRIDES = [
    ("train.stpes=5", "train.stpes", "'train.steps'"),
    ("train.batch", "KEY=VALUE", "train.batch"),
    ("=5", "KEY=VALUE"),
    ("train.batch=-3", "train.batch", "-3"),
    ("train.batch=", "train.batch"),
    ("model.generator=[]", "model.generator"),
    ("data.path={a: 1}", "data.path"),
]


class BadConfig(Case):
    def refuse_all(self, rows):
        """Rows of (name, content of config.yaml or None, ranks, more words, parts of the message);
        each is started in a folder of its own and must leave it as it was."""
        folders, before, jobs = [], [], []
        for i, (_, content, ranks, words, _) in enumerate(rows):
            folder = self.folder / str(i)
            folder.mkdir()
            if content is not None:
                (folder / "config.yaml").write_bytes(content)
            folders.append(folder)
            before.append(snapshot(folder))
            jobs.append((("train", "config.yaml", *words),
                         {"ranks": ranks, "cwd": folder, "timeout": 60}))
        results = run_all(jobs)
        for row, folder, old, result in zip(rows, folders, before, results):
            with self.subTest(row[0], ranks=row[2]):
                self.assert_fails(result, USAGE, *row[4])
                self.assertEqual(snapshot(folder), old)

    def mistakes_on(self, ranks, mistakes=MISTAKES, base=TINY):
        rows = []
        for name, (old, new), *parts in mistakes:
            text = edit(base, (old, new))
            line = text[:text.index(new)].count("\n") + new.rstrip("\n").count("\n") + 1
            place = f"config.yaml:{line}:"
            parts = ["config.yaml"] + [place if part == "{line}" else part for part in parts]
            rows.append((name, text.encode(), ranks, (), parts))
        self.refuse_all(rows)

    def test_mistakes_alone(self):
        self.mistakes_on(None)

    def test_mistakes_on_three_ranks(self):
        self.mistakes_on(3)

    def test_images_alone(self):
        self.mistakes_on(None, IMAGE_MISTAKES, IMAGES)

    def test_images_on_three_ranks(self):
        self.mistakes_on(3, IMAGE_MISTAKES, IMAGES)

    def test_files(self):
        self.refuse_all([(name, content, ranks, (), ("config.yaml", *parts))
                         for ranks in (None, 3) for name, content, *parts in FILES])

    def test_no_file(self):
        self.refuse_all([("missing", None, ranks, (), ("config.yaml", "No such file"))
                         for ranks in (None, 3)])
        (self.folder / "folder.yaml").mkdir()
        for ranks in (None, 3):
            result = self.run_program("train", "folder.yaml", ranks=ranks)
            self.assert_fails(result, USAGE, "folder.yaml", "not a file")

    def test_overrides(self):
        self.refuse_all([(text, TINY.encode(), ranks, ("--set", text), ("command line", *parts))
                         for ranks in (None, 3) for text, *parts in OVERRIDES])

    def test_more_ranks_than_shards(self):
        text = edit(TINY, ("builtin:digits", "builtin:digits\n  shards: 2")).encode()
        self.refuse_all([
            ("shards given", text, 3, (), ("config.yaml:5", "data.shards", "2", "3 ranks")),
            ("shards by default", TINY.encode(), 13, (), ("data.shards", "12", "13 ranks")),
        ])

    def test_fewer_rows_than_shards(self):
        path = write_idx(self.folder / "five", (5, 8, 8))
        text = edit(TINY, ("builtin:digits", f"{path}\n  shards: 8")).encode()
        self.refuse_all([("rows", text, ranks, (), ("config.yaml:5", "data.shards", "8", "5 rows"))
                         for ranks in (None, 3)])

    def test_mistake_leaves_a_run_alone(self):
        path = self.config()
        self.train(path, "run")
        for old, new in (("seed: 1", "sead: 1"), (G_TAIL, "    - linear: {units: 63}\n")):
            bad = self.config(TINY, (old, new), name="bad.yaml")
            before = snapshot(self.folder)
            result = self.run_program("train", bad, "--run-dir", "run")
            self.assert_fails(result, USAGE, bad)
            self.assertEqual(snapshot(self.folder), before)


if __name__ == "__main__":
    support.main()

"""Configs that cannot be run: status 2, one message with file, line, key, value and what is
allowed, and nothing on the disk is touched."""
import support
from support import TINY, USAGE, Case, edit, run_all, snapshot, write_idx

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

    def mistakes_on(self, ranks):
        rows = []
        for name, (old, new), *parts in MISTAKES:
            text = edit(TINY, (old, new))
            line = text[:text.index(new)].count("\n") + new.rstrip("\n").count("\n") + 1
            place = f"config.yaml:{line}:"
            parts = ["config.yaml"] + [place if part == "{line}" else part for part in parts]
            rows.append((name, text.encode(), ranks, (), parts))
        self.refuse_all(rows)

    def test_mistakes_alone(self):
        self.mistakes_on(None)

    def test_mistakes_on_three_ranks(self):
        self.mistakes_on(3)

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

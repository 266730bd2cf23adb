"""Training on some classes: as a key, and as a file that convert made of nothing else."""
import support
from support import (INPUT, TINY, USAGE, Case, checkpoint, h5_attribute, h5_differences, h5_numbers,
                     metrics, needs_h5_tools, untimed)

CHOSEN = "--set=data.classes=[5, 3]"


class Classes(Case):
    def convert(self, *words):
        return self.run_program("data", "convert", "builtin:digits", *words)

    @needs_h5_tools
    def test_key_and_file_are_the_same_data(self):
        config = self.config()
        self.convert("some.h5", "--classes", "3,5")
        self.convert("all.h5")
        labels = h5_numbers(self.folder / "all.h5", "labels", "i")
        kept = h5_numbers(self.folder / "some.h5", "labels", "i")
        self.assertEqual(list(kept), [label for label in labels if label in (3, 5)])
        self.assertEqual(h5_attribute(self.folder / "some.h5", "images/classes"), "6")
        runs = {"key": ["--set=data.path=builtin:digits"], "all": ["--set=data.path=all.h5"],
                "some": ["--set=data.path=some.h5"]}
        for name, words in runs.items():
            self.train(config, name, CHOSEN, *words)
            self.assertEqual(untimed(metrics(self.folder / name)),
                             untimed(metrics(self.folder / "key")))
            ends = [checkpoint(self.folder / run, 20) for run in ("key", name)]
            self.assertEqual(h5_differences(*ends, "/generator", "/discriminator", "/data"), "")
            self.assertEqual(h5_attribute(ends[1], "data/classes"), "2")

    @needs_h5_tools
    def test_stacked(self):
        self.convert("stacked.h5", "--stack", "2000")
        labels = h5_numbers(self.folder / "stacked.h5", "labels", "i")
        self.assertEqual(len(labels), 2000)
        self.assertGreater(len(set(labels)), 800)  # 1000 (1 - exp(-2)) = 865 on average
        self.convert("some.h5", "--stack", "50", "--classes", "3,5")
        some = set(h5_numbers(self.folder / "some.h5", "labels", "i"))
        self.assertLessEqual({digit for label in some for digit in (label // 36, label // 6 % 6,
                                                                     label % 6)}, {3, 5})

    def test_ranks_see_the_same(self):
        config = self.config()
        for ranks in (1, 3):
            self.train(config, f"on{ranks}", CHOSEN, "--set=compute.reproducible=true",
                       ranks=ranks)
        one, three = (untimed(metrics(self.folder / name)) for name in ("on1", "on3"))
        for record in one + three:
            record.pop("ranks")
        self.assertEqual(one, three)

    def test_streams_a_file_of_nothing_else(self):
        config = self.config(TINY, ("path: builtin:digits", "path: data.h5\n  cache: stream"))
        self.convert("data.h5")
        result = self.run_program("train", config, CHOSEN, ranks=2)
        self.assert_fails(result, INPUT, "data.classes chooses some rows", "data.h5",
                          "mpigan data convert", "--classes")
        self.convert("data.h5", "--classes", "3,5", "--force")
        self.train(config, "run", CHOSEN, ranks=2)

    def test_what_is_refused(self):
        config = self.config()
        for words, parts in ((["--set=data.classes=[3, 11]"], ("class 11", "0 (178 rows)")),
                             (["--set=data.classes=[3, 3]"], ("label 3 twice",)),
                             ([CHOSEN, "--set=data.path=synthetic:99x8x8x1"], ("has no labels",))):
            for ranks in (1, 2):
                result = self.run_program("train", config, *words, ranks=ranks)
                self.assert_fails(result, USAGE, *parts)
        for classes in ("", "3,", ",3", "3,,5", "3;5", "-1", "3,3", "2147483647", "x"):
            self.assert_fails(self.convert("out.h5", f"--classes={classes}"), USAGE, "--classes",
                              f"'{classes}'", "for example 3,5")
        self.assert_fails(self.convert("out.h5", "--classes=10"), USAGE, "class 10")
        self.assertFalse((self.folder / "out.h5").exists())


if __name__ == "__main__":
    support.main()

"""Augmented training: other numbers than plain, the same on any number of ranks and
behind a resume; in memory and streamed."""
import support
from support import USAGE, Case, metrics, untimed

AUGMENT = ("--set=data.flip=true", "--set=data.crop_padding=1", "--set=compute.reproducible=true")


class Augment(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config()

    def records(self, name):
        found = untimed(metrics(self.folder / name))
        for record in found:
            record.pop("ranks")
        return found

    def compare(self, *words):
        self.train(self.path, "straight", *AUGMENT, *words)
        self.train(self.path, "plain", AUGMENT[2], *words)
        self.assertNotEqual(self.records("straight"), self.records("plain"))
        self.train(self.path, "ranks", *AUGMENT, *words, ranks=3)
        self.assertEqual(self.records("straight"), self.records("ranks"))
        self.train(self.path, "resumed", *AUGMENT, *words, "--set=train.steps=10", ranks=2)
        self.train(self.path, "resumed", *AUGMENT, *words)
        self.assertEqual(self.records("straight"), self.records("resumed"))

    def test_in_memory(self):
        self.compare()

    def test_streamed(self):
        self.run_program("data", "convert", "builtin:digits", "digits.h5")
        self.compare("--set=data.path=digits.h5", "--set=data.cache=stream",
                     "--set=data.buffer_mb=0.05")

    def test_too_much(self):
        for ranks in (1, 2):
            result = self.run_program("train", self.path, "--set=data.crop_padding=8", ranks=ranks)
            self.assert_fails(result, USAGE, "command line: key 'data.crop_padding' is 8",
                              "at most 7")


if __name__ == "__main__":
    support.main()

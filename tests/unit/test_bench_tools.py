"""tools/bench without PyTorch and without mpigan: statistics against values worked out by hand, the
order of turns, and what is read of `mpigan bench step`.

Wants $MPIGAN_SOURCE (the checkout), as CTest gives it.
"""
import importlib.util
import os
import sys
import types
import unittest
from importlib.machinery import SourceFileLoader

BENCH = os.path.join(os.environ["MPIGAN_SOURCE"], "tools", "bench")
sys.path.insert(0, BENCH)

import figures
import sides

loader = SourceFileLoader("compare", os.path.join(BENCH, "compare"))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", loader))
loader.exec_module(compare)

SAID = """no data set to take the shape from; the generator's output is taken
configs/mnist-mlp.yaml: global batch 128, 1 rank, 1 thread, 10 steps; OpenBLAS 0.3.21
step, median             32.577 ms   (30.369 to 34.796), 3929 images/s
its matrix products      29.820 ms   49 calls, 2.485 GFLOP at 83.3 GFLOP/s
its Adam passes           1.637 ms   2070048 weights, 28 bytes each, 35.4 GB/s
step / (products + Adam)  1.036
"""


class Figures(unittest.TestCase):
    def test_quartiles(self):
        self.assertEqual(figures.quartiles([4, 1, 3, 2]), (1.75, 2.5, 3.25))
        self.assertEqual(figures.quartiles([7]), (7, 7, 7))
        self.assertEqual(figures.spread([5, 1, 3]), {
            "count": 3, "min": 1, "first_quartile": 2, "median": 3, "third_quartile": 4, "max": 5})

    def test_ratio_is_of_medians(self):
        made = figures.ratio([2, 4, 60], [1, 8, 2])
        self.assertEqual(made["ratio"], 4 / 2)
        self.assertEqual((made["of_blocks"]["min"], made["of_blocks"]["median"],
                          made["of_blocks"]["max"]), (0.5, 2, 30))

    def test_standard_error(self):
        """Variance (n - 1) of 1, 2, 3, 4 is 5/3; its mean's error is the root of 5/12."""
        made = figures.mean_and_error([1, 2, 3, 4])
        self.assertEqual(made["mean"], 2.5)
        self.assertAlmostEqual(made["standard_error"], (5 / 12) ** 0.5, places=12)
        self.assertIsNone(figures.mean_and_error([1])["standard_error"])


class Turns(unittest.TestCase):
    def blocks(self, seconds):
        calls = []

        def side(name):
            def block(steps):
                calls.append((name, steps))
                return seconds[name]
            return block

        options = types.SimpleNamespace(minutes=0)
        return compare.alternate(options, {name: side(name) for name in seconds}), calls

    def test_none_is_always_first(self):
        made, calls = self.blocks({"a": 0.1, "b": 0.2})
        self.assertEqual([name for name, _ in calls], list("ab" "ab" "ba" "ab"))
        self.assertEqual(made, {"a": [0.1] * 3, "b": [0.2] * 3})

    def test_blocks_last_alike(self):
        """A second's worth of steps, but no less than 2 and no more than 50."""
        _, calls = self.blocks({"a": 0.1, "b": 5.0, "c": 1e-4})
        self.assertEqual(calls[3:6], [("a", 10), ("b", 2), ("c", 50)])

    def test_targets(self):
        row = compare.ROWS["digits-floor"]
        self.assertEqual([compare.met(row, value) for value in (1.14, 1.15, 1.16)],
                         [True, True, False])
        row = compare.ROWS["digits"]
        self.assertEqual([compare.met(row, value) for value in (1.79, 1.8, 1.9)],
                         [False, True, True])

    def test_what_is_missing_is_said(self):
        def measure(_):
            raise sides.Unusable("no such thing here")
        compare.ROWS["made-up"] = compare.Row("made up", measure, {}, ("at least", 1))
        self.addCleanup(compare.ROWS.pop, "made-up")
        self.assertEqual(compare.measured(None, "made-up"), {
            "row": "made-up", "what": "made up", "not_measured": "no such thing here"})


class Reading(unittest.TestCase):
    def test_step(self):
        made = sides.read_step(SAID, 0)
        wanted = {"step": 0.032577, "products": 0.02982, "adam": 0.001637}
        self.assertEqual(made.keys(), wanted.keys())
        for name, seconds in wanted.items():
            self.assertAlmostEqual(made[name], seconds, places=12)

    def test_failure_is_mpigans_sentence(self):
        said = "mpigan: command line: unknown key 'x'\n-----\nmpirun noticed something\n-----\n"
        with self.assertRaisesRegex(sides.Unusable, "^mpigan: command line: unknown key 'x'$"):
            sides.read_step(said, 2)
        with self.assertRaisesRegex(sides.Unusable, "nothing that can be read"):
            sides.read_step(SAID.replace("Adam passes", "passes"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""tools/bench/yardstick table, without PyTorch and without mpigan: files made up, figures worked out
by hand; and the page that is committed against the files that are.

Wants $MPIGAN_SOURCE (the checkout), as CTest gives it.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["MPIGAN_SOURCE"])
YARDSTICK = SOURCE / "tools" / "bench" / "yardstick"
TABLES = SOURCE / "tests" / "tables"
sys.path.insert(0, str(YARDSTICK.parent))

import quality_table
import trials

CELL = trials.CELLS[0]
ROW = {"cell": CELL.name, "data": CELL.data, "model": CELL.model, "steps": CELL.steps,
       "batch": CELL.batch, "config": CELL.config, "config_digest": "c0", "made_by": "somebody",
       "judged_by": "git 0", "count": 5000, "classifier": "mnist-classifier",
       "classifier_digest": "f0", "data_digest": "d0", "machine": "a machine", "date": "2026-01-01"}


def row(side, seed, cpu_s=10.0, figures=None, **others):
    made = {"frechet_distance": 4.0, "precision": 0.5, "recall": 0.5, "coverage": 0.5,
            "class_total_variation": 0.1, **(figures or {})}
    return {**ROW, "side": side, "seed": seed, "cpu_s": cpu_s, "figures": made, **others}


class Verdict(unittest.TestCase):
    """Of peers 1, 2, 3, whose mean is 2 and whose standard deviation is 1."""

    def test_smaller_is_better(self):
        self.assertEqual(quality_table.verdict([1, 2], [1, 2, 3], -1), ("better", 0))
        self.assertEqual(quality_table.verdict([4, 4], [1, 2, 3], -1), ("within", 2))
        self.assertEqual(quality_table.verdict([4.5, 5.5], [1, 2, 3], -1), ("worse", 3))

    def test_larger_is_better(self):
        self.assertEqual(quality_table.verdict([3, 4], [1, 2, 3], 1), ("better", 0))
        self.assertEqual(quality_table.verdict([0, 2], [1, 2, 3], 1), ("within", 1))
        self.assertEqual(quality_table.verdict([-1, -0.5], [1, 2, 3], 1), ("worse", 2.75))

    def test_one_seed_has_no_spread(self):
        self.assertIsNone(quality_table.verdict([9], [1, 2], -1))
        self.assertIsNone(quality_table.verdict([9, 9], [1], -1))

    def test_peers_that_are_all_alike(self):
        self.assertEqual(quality_table.verdict([0, 0], [0, 0], 1), ("within", 0))
        self.assertEqual(quality_table.verdict([0, 0], [1, 1], 1), ("worse", float("inf")))
        self.assertEqual(quality_table.verdict([1, 2], [1, 1], 1), ("better", 0))


class Table(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.page = self.folder / "page.md"

    def write(self, *rows):
        for made in rows:
            name = f"{made['cell']}-{made['side'].lower()}-{made['seed']}.json"
            (self.folder / name).write_text(json.dumps(made))

    def table(self, results=None):
        return subprocess.run([sys.executable, "-B", YARDSTICK, "--results", results or self.folder,
                               "table", "--page", self.page], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def lines(self):
        done = self.table()
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.page.read_text().splitlines()

    def test_means_and_verdicts(self):
        """1, 2, 6 have the mean 3 and the standard deviation 7^1/2; 14 and 15 are 11.5 / 7^1/2 = 4.3
        standard deviations worse."""
        self.write(*(row("PyTorch", seed, figures={"frechet_distance": distance})
                     for seed, distance in enumerate((1, 2, 6), 1)),
                   *(row("mpigan", seed, figures={"frechet_distance": distance})
                     for seed, distance in enumerate((14, 15), 1)))
        lines = self.lines()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"| {CELL.model}<br>"))
        ours, peers, verdict = lines[at:at + 3]
        self.assertIn(f"<br>{CELL.steps} steps of {CELL.batch} | mpigan | 2 | 14.5 ± 0.7 |", ours)
        self.assertIn("| PyTorch | 3 | 3.000 ± 2.646 | 0.500 ± 0.000 |", peers)
        self.assertIn("| mpigan is |  | **worse** by 4.3 sd | within | within |", verdict)
        self.assertIn("Of 5 comparisons: 0 better, 4 within, 1 worse.", "\n".join(lines))

    def test_what_is_not_there(self):
        """Is in the table, as not run; and one seed gets no verdict."""
        self.write(row("mpigan", 1))
        lines = self.lines()
        self.assertEqual(sum("| not run |" in line for line in lines), 2 * len(trials.CELLS) - 1)
        self.assertFalse(any("mpigan is |" in line for line in lines))

    def test_files_made_in_other_ways(self):
        for name, other in (("steps", 7), ("config_digest", "c1"), ("classifier_digest", "f1")):
            self.write(row("mpigan", 1), row("PyTorch", 1, **{name: other}))
            done = self.table()
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{CELL.name}-pytorch-1.json: {name} is {other}", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_no_files(self):
        done = self.table()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no files; `yardstick run` makes them", done.stderr)

    def test_file_that_is_no_json(self):
        (self.folder / "torn.json").write_text('{"cell": ')
        self.assertIn("torn.json: no JSON", self.table().stderr)

    def test_committed_page(self):
        """Is what the committed files give."""
        done = self.table(TABLES / "quality")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.page.read_text(), (TABLES / "quality.md").read_text())


class Cells(unittest.TestCase):
    def test_each_model_on_each_data_set(self):
        self.assertEqual({(cell.data, cell.model) for cell in trials.CELLS},
                         {(data, model) for data in trials.DATA for model in trials.MODELS})
        self.assertEqual(len({cell.name for cell in trials.CELLS}), len(trials.CELLS))

    def test_changes(self):
        config = {"model": {"layers": [{"a": {"n": 1}}, "b"], "rate": 1}}
        trials.changed(config, "model.layers.0.a.n", 2)
        trials.changed(config, "model.layers.2", "c")
        trials.changed(config, "model.rate", None)
        self.assertEqual(config, {"model": {"layers": [{"a": {"n": 2}}, "b", "c"]}})


if __name__ == "__main__":
    unittest.main(verbosity=2)

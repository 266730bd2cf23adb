"""bench: each measurement prints its table, and writes the same as JSON; a plot parses; what a step
takes, its products and its floor fit together. Times themselves are not judged."""
import json
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import support
from support import OK, OUTPUT, SOURCE, TINY, USAGE, Case, run_all, snapshot

DIGITS = SOURCE / "configs/digits.yaml"

# 64 samples: 3 passes of D and 2 of G forward, and their gradients: 2 m n k each, by hand.
# D is 64-256-128-1, G 32-128-256-64. D's update: G forward once, D forward twice, its weights'
# gradients twice, its inputs' twice but for the first layer's. G's: G and D forward, D's inputs'
# gradients, G's weights' and inputs' but for the first layer's.
D_WEIGHTS, D_FIRST = 64 * 256 + 256 * 128 + 128, 64 * 256
G_WEIGHTS, G_FIRST = 32 * 128 + 128 * 256 + 256 * 64, 32 * 128
D_FLOPS = 2 * 64 * (G_WEIGHTS + 2 * 3 * D_WEIGHTS - 2 * D_FIRST)
G_FLOPS = 2 * 64 * (2 * D_WEIGHTS + 3 * G_WEIGHTS - G_FIRST)

NETWORK = ("nodes=1000", "latency=1.5us", "bandwidth=25GB/s")


class Bench(Case):
    def bench(self, *words, ranks=None):
        """The JSON of a measurement, and what it printed."""
        result = self.run_program("bench", *words, "--json", "found.json", ranks=ranks)
        self.assertEqual(result.status, OK, str(result))
        found = json.loads((self.folder / "found.json").read_text())
        self.assertEqual(found["measurement"], "predict" if "--predict" in words else words[0])
        self.assertEqual(found["ranks"], ranks or 1)
        self.assertEqual(found["nodes"], 1)
        self.assertIn("OpenBLAS", found["library"])
        self.assertIn("OpenBLAS", found["products_by"])
        self.assertIn(found["precision"], ("fp32", "bf16"))
        return found, result.out

    def assert_positive(self, row, *keys):
        for key in keys:
            self.assertGreater(row[key], 0, row)

    def assert_quartiles(self, row):
        self.assertLessEqual(row["seconds_low"], row["seconds"], row)
        self.assertLessEqual(row["seconds"], row["seconds_high"], row)

    def test_step(self):
        for ranks in (None, 2):
            found, text = self.bench("step", DIGITS, "--repeat", 3, ranks=ranks)
            for what in (r"step, median +([\d.]+) ms", r"matrix products +([\d.]+) ms",
                         r"Adam passes +([\d.]+) ms", r"([\d.]+) GFLOP at"):
                self.assertGreater(float(re.search(what, text)[1]), 0, text)
            rows = {row["phase"]: row for row in found["phases"]}
            for row in rows.values():
                self.assert_quartiles(row)
            self.assertEqual(found["batch"], 64)
            self.assertEqual(rows["D forward and backward"]["flops"], D_FLOPS / found["ranks"])
            self.assertEqual(rows["G forward and backward"]["flops"], G_FLOPS / found["ranks"])
            self.assertEqual(rows["sums over ranks"]["bytes"] or 0,
                             rows["optimizer"]["bytes"] * (8 / 28 if ranks else 0))
            whole = rows.pop("whole step")
            self.assertEqual(whole["flops"], sum(row["flops"] or 0 for row in rows.values()))
            self.assertAlmostEqual(whole["floor_seconds"],
                                   sum(row["floor_seconds"] or 0 for row in rows.values()))
            # Rows of the profile are parts of the step; medians may add up to a little more.
            self.assertLess(rows["D forward and backward"]["seconds"], 1.5 * whole["seconds_high"])
            self.assert_positive(found, "images_per_s", "adam_seconds", "memory_bytes_per_s",
                                 "step_over_products_and_adam", "step_over_floor")

    def test_step_of_convolutions_in_pieces(self):
        found, _ = self.bench("step", SOURCE / "tests/images.yaml", "--repeat", 2,
                              "--set", "data.path=synthetic:500x8x8x1")
        self.assertGreater(found["phases"][-1]["flops"], 0)

    def test_step_by_each_library(self):
        """The same operations, in fewer calls where a library convolves whole images."""
        words = (SOURCE / "configs/cifar-dcgan.yaml", "--repeat", 1, "--set", "train.batch=16",
                 "--set", "data.path=synthetic:32x32x32x3")
        by_openblas, _ = self.bench("step", *words, "--set", "compute.library=openblas")
        for precision in "fp32", "bf16":
            by_default, _ = self.bench("step", *words, "--set", f"compute.precision={precision}",
                                       "--set", "compute.emulate_bf16=true")
            for one, other in zip(by_openblas["phases"], by_default["phases"], strict=True):
                self.assertEqual((one["phase"], one["flops"]), (other["phase"], other["flops"]))
            if by_default["products_by"] != "OpenBLAS":
                self.assertLess(by_default["phases"][-1]["products"],
                                by_openblas["phases"][-1]["products"])
                self.assertEqual(by_default["precision"], precision)

    def test_step_of_threads_that_share_shards(self):
        found, _ = self.bench("step", DIGITS, "--repeat", 2, "--set", "compute.threads=2", "--set",
                              "compute.reproducible=true")
        self.assertEqual(found["phases"][-1]["flops"], D_FLOPS + G_FLOPS)
        self.assertEqual(found["threads"], 2)

    def test_gemm(self):
        """Three products a layer, but for the gradient of the latent; D takes real and generated
        samples in one pass. A rule takes one way for each."""
        found, text = self.bench("gemm", DIGITS, "--repeat", 2)
        sizes = {("generator", 64): [32 * 128, 128 * 256, 256 * 64],
                 ("discriminator", 128): [64 * 256, 256 * 128, 128]}
        wanted = [(net, part, 2 * samples * size) for (net, samples), all in sizes.items()
                  for size in all for part in ("forward", "d input", "d weight")]
        wanted.remove(("generator", "d input", 2 * 64 * 32 * 128))
        ways, by_rule = [], []
        for row in found["products"]:
            self.assert_positive(row, "samples", "seconds", "flops_per_s")
            self.assert_quartiles(row)
            product = row["layer"].split()[0], row["product"], row["flops"]
            ways.append((row["layer"], *product, row["library"], row["way"], row["precision"]))
            by_rule += [product] * ("fp32" in row["rule"])
        self.assertEqual(len(ways), len(set(ways)), "a way has two rows")
        self.assertEqual(by_rule, wanted)
        self.assertEqual({row["flops"] for row in found["totals"]},
                         {sum(flops for *_, flops in wanted)})
        self.assertEqual({row["products"] for row in found["totals"]}, {len(wanted)})
        self.assertIn(("OpenBLAS", "fp32"),
                      [(row["choice"], row["precision"]) for row in found["totals"]])
        self.assertIn("GFLOP/s", text)

    def test_allreduce(self):
        for ranks in (2, 3):
            found, text = self.bench("allreduce", DIGITS, "--repeat", 2, ranks=ranks)
            sizes = [row["bytes"] for row in found["sizes"]]
            self.assertEqual(sizes, 2 * [4 ** k for k in range(1, 13)])
            self.assertEqual([row["way"] for row in found["fits"]], ["allreduce", "window"])
            for row in found["sizes"]:
                self.assert_positive(row, "seconds", "bytes_per_s")
                self.assert_quartiles(row)
            sums = [row for row in found["step"] if "gradients" in row["what"]]
            self.assertEqual([row["calls"] for row in sums], [1, 1, 1, 1])
            for row, least in zip(sums, 2 * (4 * D_WEIGHTS, 4 * G_WEIGHTS)):
                self.assertGreater(row["bytes"], least)
                self.assertLess(row["bytes"], 1.1 * least)
            self.assert_positive(found["fits"][0], "bandwidth")
            self.assertIn("latency us", text)

    def test_allreduce_alone(self):
        result = self.run_program("bench", "allreduce", DIGITS)
        self.assert_fails(result, USAGE, "one rank", "mpirun -n 2")

    def test_scaling(self):
        found, _ = self.bench("scaling", self.config(), "--repeat", 2, "--plot", "plot.svg", ranks=3)
        rows = [(row["mode"], row["ranks"], row["batch"]) for row in found["rounds"]]
        self.assertEqual(rows, [("weak", 1, 24), ("strong", 1, 24), ("weak", 2, 48),
                                ("strong", 2, 24), ("weak", 3, 72), ("strong", 3, 24)])
        for row in found["rounds"]:
            self.assert_positive(row, "seconds", "images_per_s", "efficiency_alone",
                                 "efficiency_independent")
            self.assert_quartiles(row)
            if row["mode"] == "weak":
                self.assertLessEqual(row["sums_share"], 1)
        self.assertEqual(found["rounds"][0]["sums_share"], 0)
        self.assertEqual(found["precision"], "fp32")
        svg = ElementTree.parse(self.folder / "plot.svg").getroot()
        self.assertTrue(svg.tag.endswith("svg"))
        lines = [e for e in svg.iter() if e.tag.endswith("polyline")]
        self.assertEqual([len(line.attrib["points"].split()) for line in lines], [3] * 4)

    def test_scaling_of_a_batch_that_cannot_be_cut(self):
        """2 samples on 3 ranks: no strong scaling there, weak goes on."""
        config = self.config(TINY, ("batch: 24", "batch: 2"))
        found, _ = self.bench("scaling", config, "--repeat", 1, ranks=3)
        rows = [(row["mode"], row["ranks"], row["batch"]) for row in found["rounds"]]
        self.assertEqual(rows, [("weak", 1, 2), ("strong", 1, 2), ("weak", 2, 4), ("strong", 2, 2),
                                ("weak", 3, 6)])

    def test_scaling_with_shards_and_batch_per_rank(self):
        config = self.config(TINY, ("batch: 24", "batch_per_rank: 12"))
        found, _ = self.bench("scaling", config, "--repeat", 1, "--set", "data.shards=6", "--set",
                              "compute.precision=bf16", "--set", "compute.emulate_bf16=true",
                              ranks=2)
        self.assertEqual(found["precision"],
                         "fp32" if found["products_by"] == "OpenBLAS" else "bf16")
        rows = [(row["mode"], row["ranks"], row["batch"]) for row in found["rounds"]]
        self.assertEqual(rows, [("weak", 1, 12), ("strong", 1, 12), ("weak", 2, 24),
                                ("strong", 2, 12)])

    def test_prediction(self):
        """Words before the config or behind it; the table doubles up to the nodes asked for."""
        before, _ = self.bench("scaling", "--predict", *NETWORK, DIGITS, "--repeat", 3,
                               "--plot", "plot.svg")
        behind, text = self.bench("scaling", DIGITS, "--predict", *NETWORK, "--repeat", 3, ranks=2)
        for found in (before, behind):
            nodes = [row["nodes"] for row in found["predictions"]]
            self.assertEqual(nodes, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000])
            self.assertEqual([row["samples"] for row in found["measured"]], [32, 64, 128])
            self.assertEqual(found["bandwidth"], 25e9)
            first, last = found["predictions"][0], found["predictions"][-1]
            self.assertEqual((first["efficiency"], first["sums_seconds"]), (1, 0))
            self.assertAlmostEqual(last["seconds"], found["fixed_seconds"] + last["sums_seconds"]
                                   + 64 * found["seconds_a_sample"], 9)
            self.assertEqual(last["batch"], 64000)
            sums = [row["bytes"] for row in found["messages"] if row["gradients"]]
            self.assertEqual(len(sums), 2)
        self.assertEqual(before["messages"], behind["messages"])
        self.assertIn("hides from", text)
        ElementTree.parse(self.folder / "plot.svg")

    def test_reproducible(self):
        found, _ = self.bench("reproducible", DIGITS, "--repeat", 2)
        self.assertEqual([row["shards"] for row in found["variants"]], [16, 16, 8, 4, 2])
        self.assertEqual([row["samples_a_shard"] for row in found["variants"]], [4, 4, 8, 16, 32])
        self.assertEqual(found["variants"][0]["ratio"], 1)

    def test_nothing_is_written_unasked(self):
        result = self.run_program("bench", "step", DIGITS, "--repeat", 1)
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_mistakes(self):
        config = self.config()
        before = snapshot(self.folder)
        mistakes = [
            (["bench", "step"], "CONFIG.yaml is missing"),
            (["bench", "scalling", config], "scalling", "'scaling'"),
            (["bench", "step", config, "more"], "more"),
            (["bench", "step", config, "latency=1us"], "latency=1us"),
            (["bench", "step", config, "--predict"], "--predict belongs to scaling"),
            (["bench", "gemm", config, "--plot", "x.svg"], "--plot belongs to scaling"),
            (["bench", "scaling", config, "--plot", "x.gif"], "x.gif", "FILE.svg"),
            (["bench", "scaling", config, "--predict", "nodes=4"], "latency=", "1.5us"),
            (["bench", "scaling", config, "--predict", *NETWORK, "overlop=1"], "overlop",
             "overlap"),
            (["bench", "scaling", "--predict", *NETWORK], "CONFIG.yaml is missing"),
            (["bench", "scaling", "none.yaml"], "none.yaml"),
            (["bench", "scaling", config, "--set", "train.bacth=3"], "train.bacth"),
        ]
        jobs = [(words, {"cwd": self.folder, "ranks": ranks})
                for words, *_ in mistakes for ranks in (None, 3)]
        for (words, options), result in zip(jobs, run_all(jobs)):
            parts = [row[1:] for row in mistakes if row[0] == words][0]
            with self.subTest(" ".join(map(str, words)), ranks=options["ranks"]):
                self.assert_fails(result, USAGE, *parts)
        self.assertEqual(snapshot(self.folder), before)

    def test_files_that_cannot_be_written(self):
        for option, name in (("--json", "none/found.json"), ("--plot", "none/plot.svg")):
            result = self.run_program("bench", "scaling", self.config(), "--repeat", 1, option, name,
                                      ranks=2)
            self.assert_fails(result, OUTPUT, pathlib.Path(name).name)


if __name__ == "__main__":
    support.main()

"""A run that keeps a moving average of its generator: saved, resumed to the bit, the same however the
ranks hold it, and what samples and evaluations use unless raw weights are asked for."""
import support
from support import (OK, TINY, USAGE, Case, all_settings, checkpoint, edit, h5_attribute,
                     h5_differences, h5_names, h5_numbers, metrics, needs_h5_tools, samples, untimed)

CONFIG = edit(TINY, ("  log_every: 5", "  log_every: 1\n  ema: {half_life_images: 100}"))
AVERAGE, EVERYTHING = "/generator_ema", ("/generator", "/discriminator", "/generator_ema")
# Samples of 0 to 255 from another batch shape: rounding of float32 sums, some 1e-5 of the range.
BATCH_SHAPE_DELTA = 1e-3


@needs_h5_tools
class Average(Case):
    def setUp(self):
        super().setUp()
        self.path = self.config(CONFIG)

    def trained(self, name, *settings, steps=20, **options):
        result = self.train(self.path, name, *all_settings(f"train.steps={steps}", *settings),
                            **options)
        return self.folder / name, result

    def assert_same(self, a, b, step=20, objects=EVERYTHING):
        self.assertEqual(untimed(metrics(a)), untimed(metrics(b)))
        self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), *objects), "")
        self.assertEqual(h5_differences(samples(a, step), samples(b, step), "/images"), "")

    def test_saved_and_shown(self):
        run_dir, result = self.trained("run")
        self.assertRegex(result.out, "generator_ema: a moving average of its weights, half-life 100 "
                                     "images, at most 0.05 of the images so far")
        file = checkpoint(run_dir, 20)
        self.assertEqual(h5_attribute(file, "/networks"), '"generator,discriminator,generator_ema"')
        self.assertEqual(h5_attribute(file, f"{AVERAGE}/updates"), "20")
        names = h5_names(file)
        for name in ("param/0.weight", "param/3.bias", "buffer/1.running_mean"):
            self.assertEqual(names[f"{AVERAGE}/{name}"], names[f"/generator/{name}"])
        self.assertNotIn(f"{AVERAGE}/optimizer", names)
        self.assertNotEqual(h5_numbers(file, f"{AVERAGE}/param/0.weight"),
                            h5_numbers(file, "/generator/param/0.weight"))
        self.assertEqual(h5_numbers(file, f"{AVERAGE}/buffer/1.running_mean"),
                         h5_numbers(file, "/generator/buffer/1.running_mean"))
        result = self.run_program("inspect", run_dir)
        self.assertIn("generator_ema: ", result.out)
        self.assertEqual(self.run_program("inspect", run_dir, "--verify").status, OK)

    def test_goes_on(self):
        straight, _ = self.trained("straight")
        self.trained("stopped", steps=13)
        stopped, _ = self.trained("stopped")
        self.assert_same(straight, stopped)

    def test_worlds(self):
        exact = "compute.reproducible=true"
        one, _ = self.trained("one", exact)
        three, _ = self.trained("three", exact, ranks=3)
        self.assertEqual(h5_differences(checkpoint(one, 20), checkpoint(three, 20), *EVERYTHING), "")

    def test_one_copy_on_a_node(self):
        apart, _ = self.trained("apart", "comm.sum=window", ranks=2)
        shared, said = self.trained("shared", "comm.share_weights=true", ranks=2)
        self.assertIn("as they do weights and moments", said.out)
        self.assert_same(apart, shared)
        self.trained("again", "comm.share_weights=true", steps=9, ranks=2)
        again, _ = self.trained("again", "comm.share_weights=true", ranks=2)
        self.assert_same(shared, again)

    def sample(self, of, *words):
        result = self.run_program("sample", of, "--count", 8, "--output", "out.h5", *words)
        self.assertEqual(result.status, OK, str(result))
        return h5_numbers(self.folder / "out.h5", "/images"), result

    def test_sample(self):
        run_dir, _ = self.trained("run")
        (auto, said), (ema, _), (raw, raw_said) = (self.sample(run_dir, *words) for words in (
            (), ("--weights", "ema"), ("--weights", "raw")))
        self.assertIn("moving average", said.out)
        self.assertNotIn("moving average", raw_said.out)
        self.assertEqual(auto, ema)
        in_training = h5_numbers(samples(run_dir, 20), "/images")
        self.assertLess(max(abs(a - b) for a, b in zip(auto, in_training)), BATCH_SHAPE_DELTA)
        self.assertGreater(max(abs(a - b) for a, b in zip(auto, raw)), 0.1)
        plain, _ = self.trained("plain", "train.ema.half_life_images=null")
        plain_raw, _ = self.sample(plain)  # the average leaves the run as it is
        self.assertEqual(plain_raw, raw)
        self.assertEqual(self.sample(plain, "--weights", "raw")[0], raw)
        self.assert_fails(self.run_program("sample", plain, "--weights", "ema"), USAGE,
                          "generator_ema", "train.ema")
        self.assert_fails(self.run_program("sample", plain, "--weights", "best"), USAGE,
                          "--weights", "best", "ema", "raw")

    def test_eval(self):
        run_dir, _ = self.trained("run")
        found = {}
        for name, words in (("auto", ()), ("ema", ("--weights", "ema")),
                            ("raw", ("--weights", "raw"))):
            result = self.run_program("eval", run_dir, "--count", 50, "--metrics", "frechet",
                                      "--json", "found.json", *words)
            self.assertEqual(result.status, OK, str(result))
            (found[name],) = support.lines(self.folder / "found.json")
            self.assertEqual("averaged weights" in result.out, name != "raw")
        self.assertEqual([found[k]["weights"] for k in ("auto", "ema", "raw")],
                         ["ema", "ema", "raw"])
        self.assert_fails(
            self.run_program("eval", samples(run_dir, 20), "--weights", "raw", "--data",
                             "builtin:digits"), USAGE, "--weights", "file of samples")

    def test_on_and_off(self):
        off = "train.ema.half_life_images=null"
        self.trained("run", off, steps=10)
        run_dir, result = self.trained("run", steps=11)
        self.assertIn("has no generator_ema: the average begins with the generator's weights of step "
                      "10", result.out)
        self.assertEqual(h5_attribute(checkpoint(run_dir, 11), f"{AVERAGE}/updates"), "1")
        run_dir, result = self.trained("run", off, steps=12)
        self.assertIn("is dropped", result.out)
        self.assertNotIn(AVERAGE, h5_names(checkpoint(run_dir, 12)))

    def test_begins_with_weights_that_are_taken(self):
        first, _ = self.trained("first")
        second, result = self.trained("second", f"model.init_from={first}", "train.ema.warmup=0",
                                      "train.optimizer.lr_g=0", steps=1)
        self.assertIn("not used: network generator_ema", result.out)
        file = checkpoint(second, 1)
        self.assertEqual(h5_numbers(file, f"{AVERAGE}/param/0.weight"),
                         h5_numbers(checkpoint(first, 20), "/generator/param/0.weight"))


if __name__ == "__main__":
    support.main()

#!/usr/bin/env python3
"""The peer of `mpigan train` and `mpigan sample`: the same training in PyTorch, of a GAN or a VAE.

    learn.py CONFIG.yaml --count N --output SAMPLES.h5 [--threads N]

Takes train.steps steps by the config (tools/bench/steps.py) on the data that it names, a folder or
one under $MPIGAN_DATA, and writes N samples in the data's units, of each class in turn where the
model has classes.  What it does not know of a config it refuses.  Prints a line of JSON: seconds of
its processor from the reading of the data to the last step.
Wants PyTorch, h5py, NumPy and PyYAML, which nothing else of mpigan needs.
"""
import argparse
import json
import pathlib
import sys
import time

try:
    import h5py
    import torch
    import yaml
except ImportError as error:
    sys.exit(f"learn.py: {sys.executable} cannot give PyTorch, h5py and PyYAML: {error}")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import images  # noqa: E402
import steps  # noqa: E402

# What it does as mpigan does; of `compute`, `checkpoint` and `samples` nothing changes a training.
KNOWN = {
    "": {"name", "seed", "task", "data", "model", "train", "compute", "checkpoint", "samples"},
    "data": {"path"},
    "model": {"latent", "init", "init_std", "classes", "label", "generator", "discriminator",
              "encoder", "decoder"},
    "model.label": {"generator", "embedding", "discriminator"},
    "train": {"batch", "steps", "objective", "optimizer", "log_every"},
    "train.optimizer": {"type", "lr", "lr_d", "lr_g", "beta1", "beta2"},
}
VALUES = {("train", "objective"): "non_saturating", ("train.optimizer", "type"): "adam"}


class Unusable(Exception):
    """One sentence: what, and what is wanted."""


def check(config):
    """That all of the config is known here: what were left out would make another training."""
    for place, known in KNOWN.items():
        part = config
        for key in place.split(".") if place else ():
            part = part.get(key) or {}
        unknown = sorted(set(part) - known)
        if unknown:
            raise Unusable(f"the peer knows no {'.'.join(filter(None, [place, unknown[0]]))}")
    for (place, key), value in VALUES.items():
        group, *more = place.split(".")
        part = config[group] if not more else config[group].get(more[0], {})
        if part.get(key, value) != value:
            raise Unusable(f"the peer knows no {place}.{key}: {part[key]}, only {value}")


def range_of(config):
    """(scale, offset) from bytes to what the networks see, as data.range: auto chooses."""
    if config["task"] == "vae":
        return 1 / 255, 0.0
    kinds = [next(iter(entry)) if isinstance(entry, dict) else entry
             for entry in config["model"]["generator"]]
    last = next(kind for kind in reversed(kinds) if kind not in ("reshape", "flatten"))
    if last not in ("sigmoid", "tanh"):
        raise Unusable(f"the generator ends in {last}; the peer knows sigmoid and tanh")
    return (1 / 255, 0.0) if last == "sigmoid" else (2 / 255, -1.0)


class Data:
    """A source for steps: all rows in an order that is drawn anew each epoch."""

    def __init__(self, config):
        pixels, labels = images.read_training_set(config["data"]["path"])
        self.scale, self.offset = range_of(config)
        self.pixels, self.labels = torch.tensor(pixels), torch.tensor(labels).long()
        self.size, self.conditional = config["train"]["batch"], config["model"].get("classes", 0) > 0
        if len(self.pixels) < self.size:
            raise Unusable(f"{len(self.pixels)} rows of data are no batch of {self.size}")
        self.order, self.at = torch.randperm(len(self.pixels)), 0

    def batch(self):
        if self.at + self.size > len(self.order):
            self.order, self.at = torch.randperm(len(self.pixels)), 0
        rows = self.order[self.at:self.at + self.size]
        self.at += self.size
        return (self.pixels[rows].float() * self.scale + self.offset,
                self.labels[rows] if self.conditional else None)

    def classes(self, n):
        """As often as they come in the data."""
        return self.labels[torch.randint(len(self.labels), (n,))] if self.conditional else None


def trained(config):
    """The model behind its last step, its data, and seconds of the processor."""
    start = time.process_time()
    torch.manual_seed(config["seed"])
    data, size = Data(config), config["train"]["batch"]
    make = {"gan": lambda: steps.Gan(config, size, parts=("fused",), source=data),
            "vae": lambda: steps.Vae(config, data, parts=("fused",))}
    model = make[config["task"]]()
    for _ in range(config["train"]["steps"]):
        model.step()
    return model, data, time.process_time() - start


def write(path, model, data, count, classes):
    """As `mpigan sample` does: of a model with classes one of each, then a second of each."""
    labels = torch.arange(count) % classes if classes else None
    made = (model.samples(count, labels) - data.offset) / data.scale
    with h5py.File(path, "w") as file:
        file["images"] = made.numpy()
        if classes:
            file["labels"] = labels.int().numpy()


def parse(arguments):
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(description=description, epilog=more,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=pathlib.Path, metavar="CONFIG.yaml")
    parser.add_argument("--count", type=steps.positive, required=True, help="of samples")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="SAMPLES.h5")
    parser.add_argument("--threads", type=steps.positive, default=1, help="default: 1")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    try:
        steps.keep_heap()
        config = yaml.safe_load(options.config.read_text())
        check(config)
        model, data, seconds = trained(config)
        write(options.output, model, data, options.count, config["model"].get("classes", 0))
    except (Unusable, steps.Unusable, images.Unusable, OSError) as error:
        sys.exit(f"learn.py: {error}")
    print(json.dumps({"cpu_s": seconds, "torch": torch.__version__}))


if __name__ == "__main__":
    main(sys.argv[1:])

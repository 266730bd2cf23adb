"""What tools/bench/yardstick trains: models on data sets, each a config of configs/ with changes.

Steps are few, so that all of them take two cores about an hour: the question is whether two programs
get equally far, not how far one gets.
"""
import copy
import hashlib
import json
import pathlib
import typing

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"

MLP, DCGAN, CONDITIONAL, VAE = MODELS = ("MLP GAN", "DCGAN", "conditional DCGAN", "VAE")

MNIST, FASHION, CIFAR = DATA = ("mnist", "fashion-mnist", "cifar10")

CLASSIFIERS = {MNIST: "mnist-classifier", FASHION: "fashion-classifier", CIFAR: "cifar-classifier"}

# CIFAR-10's are of 32x32 pixels in three colours.  An entry of a list is named by its number; the
# number behind the last adds one.
COLOUR_MLP = {
    "model.generator.12.linear.units": 3072,
    "model.generator.13": {"reshape": {"shape": [3, 32, 32]}},
    "model.generator.14": {"sigmoid": {}},
}

# As configs/mnist-cond.yaml has it: z is joined by a vector of 32 numbers, and the last convolution
# becomes a linear layer, to whose inputs the projection looks.
COLOUR_CONDITIONAL = {
    "model.classes": 10,
    "model.label": {"generator": "embedding", "embedding": 32, "discriminator": "projection"},
    "model.generator.0.reshape.shape": [132, 1, 1],
    "model.discriminator.8": {"flatten": {}},
    "model.discriminator.9": {"linear": {"units": 1}},
}

# configs/mnist-vae-conv.yaml for larger images, at a constant rate.
COLOUR_VAE = {
    "model.latent": 64,
    "model.encoder.7.linear.units": 128,
    "model.decoder.2.linear.units": 4096,
    "model.decoder.4.reshape.shape": [64, 8, 8],
    "model.decoder.7.conv_transpose2d.channels": 3,
    "train.lr_schedule": None,
    "train.lr_final": None,
}


class Cell(typing.NamedTuple):
    data: str
    model: str
    config: str  # of configs/
    steps: int
    batch: int
    changes: typing.Mapping = {}

    @property
    def name(self):
        return f"{self.data}-{self.model}".lower().replace(" ", "-")

    @property
    def classifier(self):
        return CLASSIFIERS[self.data]


CELLS = [
    Cell(MNIST, MLP, "mnist-mlp", 500, 128),
    Cell(MNIST, DCGAN, "fashion-dcgan", 120, 64),
    Cell(MNIST, CONDITIONAL, "mnist-cond", 120, 64),
    Cell(MNIST, VAE, "mnist-vae", 1500, 128),
    Cell(FASHION, MLP, "fashion-mlp", 500, 128),
    Cell(FASHION, DCGAN, "fashion-dcgan", 120, 64),
    Cell(FASHION, CONDITIONAL, "mnist-cond", 120, 64),
    Cell(FASHION, VAE, "mnist-vae", 1500, 128),
    Cell(CIFAR, MLP, "mnist-mlp", 300, 128, COLOUR_MLP),
    Cell(CIFAR, DCGAN, "cifar-dcgan", 100, 64),
    Cell(CIFAR, CONDITIONAL, "cifar-dcgan", 100, 64, COLOUR_CONDITIONAL),
    Cell(CIFAR, VAE, "mnist-vae-conv", 300, 64, COLOUR_VAE),
]


def key_of(part, word):
    return int(word) if isinstance(part, list) else word


def changed(config, place, value):
    """Sets what a dotted place names, such as model.generator.0.linear.units; None takes it away."""
    *way, last = place.split(".")
    part = config
    for word in way:
        part = part[key_of(part, word)]
    last = key_of(part, last)
    if value is None:
        del part[last]
    elif isinstance(part, list) and last == len(part):
        part.append(value)
    else:
        part[last] = value


class Trial:
    """A cell's training with a seed by one side."""

    def __init__(self, cell, side, seed):
        self.cell, self.side, self.seed = cell, side, seed
        self.file = f"{cell.name}-{side.lower()}-{seed}.json"
        self.conditional = cell.model == CONDITIONAL

    def config(self):
        """Both sides read this one."""
        import yaml  # the table does without
        config = yaml.safe_load((CONFIGS / f"{self.cell.config}.yaml").read_text())
        config["train"].pop("epochs", None)
        config["data"]["path"] = self.cell.data
        config["train"].update(steps=self.cell.steps, batch=self.cell.batch)
        for place, value in copy.deepcopy(dict(self.cell.changes)).items():
            changed(config, place, value)
        config.update(seed=self.seed, name=self.cell.name, compute={"threads": 1},
                      checkpoint={"every_steps": self.cell.steps},
                      samples={"every_steps": self.cell.steps})
        return config

    def config_text(self):
        import yaml
        return yaml.safe_dump(self.config(), sort_keys=False)

    def facts(self):
        """What a file says of the training; the digest is of all of its config but the seed."""
        config = {key: value for key, value in self.config().items() if key != "seed"}
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
        return {"cell": self.cell.name, "data": self.cell.data, "model": self.cell.model,
                "side": self.side, "seed": self.seed, "steps": self.cell.steps,
                "batch": self.cell.batch, "config": self.cell.config, "config_digest": digest[:16]}

"""mpigan's training steps in PyTorch, from a config: of a GAN and of a variational autoencoder.

A GAN's step has the order of PyTorch's DCGAN example: the discriminator on a batch of data, then on
as many fakes, Adam; the generator from fresh noise through the discriminator, which gives input
gradients only, Adam.  A source gives the data: its batch() images, as the networks see them, and
their classes or None; its classes(n) those of fakes, or None.
"""
import argparse
import contextlib
import ctypes
import pathlib
import sys

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "parity"))
import sequential  # noqa: E402  (it stands beside the tests that hold it to mpigan's layers)

PIECE = 500  # samples that are made at once


class Unusable(Exception):
    """One sentence: what, and what is wanted."""


def positive(text):
    """A number of a command line."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 on")
    return int(text)


def keep_heap():
    """glibc gives large blocks back at each free, and the next step pays for their pages again;
    PyTorch's tuning guide preloads another allocator against that."""
    m_trim_threshold, m_mmap_threshold = -1, -3
    mallopt = ctypes.CDLL(None).mallopt
    if not (mallopt(m_mmap_threshold, 1 << 30) and mallopt(m_trim_threshold, (1 << 31) - 1)):
        raise Unusable("mallopt refuses the thresholds")


# ---- networks ----

def plain(network):
    """The modules alone, in a row, which torch.compile reads best; a network that is given classes
    stays as it is."""
    if network.label:
        return network
    return nn.Sequential(*([nn.Flatten()] if network.flattens else []), *network.children())


def start(network, model):
    """The first weights by model.init, as mpigan has them; vectors of classes beside z are N(0, 1)
    always."""
    std = float(model.get("init_std", 0.02))
    for layer in network.modules() if model.get("init", "pytorch") == "normal" else ():
        mean = 1.0 if isinstance(layer, nn.modules.batchnorm._BatchNorm) else 0.0
        if mean or isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, mean, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def built(model, name, shape):
    """A config's network for samples of a shape, with its first weights."""
    network = sequential.build(model[name], shape, **sequential.label_of(model, name))
    if network.label == "auxiliary":
        raise Unusable("label.discriminator: auxiliary is not measured")
    return plain(start(network, model))


def through(network, x, classes):
    return network(x) if classes is None else network(x, classes)


def sees_batch(network):
    """Whether what a sample becomes depends on the others."""
    return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in network.modules())


def adam_of(parameters, rates, key, fused):
    return torch.optim.Adam(parameters, lr=float(rates[key]), fused=fused,
                            betas=(rates.get("beta1", 0.5), rates.get("beta2", 0.999)))


def in_pieces(n, make):
    """(n, ...) of make(first, count)."""
    with torch.no_grad():
        return torch.cat([make(first, min(PIECE, n - first)) for first in range(0, n, PIECE)])


class Noise:
    """A source for measurements: one batch, always the same."""

    def __init__(self, batch, shape, channels_last):
        self.images = torch.rand(batch, *shape)
        if channels_last:
            self.images = self.images.contiguous(memory_format=torch.channels_last)

    def batch(self):
        return self.images, None

    def classes(self, _):
        return None


# ---- task: gan ----

class Gan:
    """Networks, optimizers, and where the data is from: without a source, noise."""

    def __init__(self, config, batch, precision="fp32", parts=(), source=None):
        model, rates = config["model"], config["train"]["optimizer"]
        if model.get("classes") and source is None:
            raise Unusable("models with classes are not measured")
        self.latent, self.batch, self.parts = model["latent"], batch, parts
        self.autocast = precision == "bf16" and "medium" not in parts
        self.shape = sequential.shape_of(model)
        self.generator = built(model, "generator", (self.latent,))
        self.discriminator = built(model, "discriminator", self.shape)
        self.check(len(self.shape))
        if "channels_last" in parts:
            self.generator.to(memory_format=torch.channels_last)
            self.discriminator.to(memory_format=torch.channels_last)
        self.source = source or Noise(batch, self.shape, "channels_last" in parts)
        self.adam_d = adam_of(self.discriminator.parameters(), rates, "lr_d", "fused" in parts)
        self.adam_g = adam_of(self.generator.parameters(), rates, "lr_g", "fused" in parts)
        if "compile" in parts:
            self.generator.compile()
            self.discriminator.compile()
        # The generator's update sees the discriminator without the sums over processes.
        self.judge, self.maker = self.discriminator, self.generator

    def check(self, rank):
        """That the setting means something here."""
        if "channels_last" in self.parts and rank != 3:
            raise Unusable("channels_last is for images")
        if "one_pass" in self.parts and sees_batch(self.discriminator):
            raise Unusable("one_pass would change the statistics of the discriminator's batch norm")

    def distribute(self):
        self.generator, self.discriminator = (
            nn.parallel.DistributedDataParallel(net, broadcast_buffers=False,
                                                gradient_as_bucket_view=True)
            for net in (self.generator, self.discriminator))

    def cast(self):
        return torch.autocast("cpu", torch.bfloat16, enabled=self.autocast)

    def noise(self):
        return torch.randn(self.batch, self.latent)

    def loss(self, judge, x, classes, label):
        with self.cast():
            logits = through(judge, x, classes)
        logits = logits.flatten().float()
        return binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))

    def one_pass(self, real, fake):
        """(images, classes) of both."""
        classes = None if real[1] is None else torch.cat([real[1], fake[1]])
        with self.cast():
            logits = through(self.discriminator, torch.cat([real[0], fake[0].view_as(real[0])]),
                             classes)
        logits = logits.flatten().float()
        label = torch.cat([torch.ones(self.batch), torch.zeros(self.batch)])
        (2 * binary_cross_entropy_with_logits(logits, label)).backward()

    def two_passes(self, real, fake):
        silent = getattr(self.discriminator, "no_sync", contextlib.nullcontext)
        with silent():
            self.loss(self.discriminator, *real, 1.0).backward()
        self.loss(self.discriminator, *fake, 0.0).backward()

    def discriminator_update(self):
        self.judge.requires_grad_(True)
        self.adam_d.zero_grad()
        real, classes = self.source.batch(), self.source.classes(self.batch)
        with torch.no_grad(), self.cast():
            fake = through(self.maker, self.noise(), classes).float()
        (self.one_pass if "one_pass" in self.parts else self.two_passes)(real, (fake, classes))
        self.adam_d.step()

    def generator_update(self):
        self.judge.requires_grad_(False)  # its gradients are not wanted
        self.adam_g.zero_grad()
        classes = self.source.classes(self.batch)
        with self.cast():
            fake = through(self.generator, self.noise(), classes)
        self.loss(self.judge, fake, classes, 1.0).backward()
        self.adam_g.step()

    def step(self):
        self.discriminator_update()
        self.generator_update()

    def samples(self, n, classes=None):
        """(n, ...) as the data is, of the classes if they are given."""
        self.generator.eval()

        def make(first, count):
            of = None if classes is None else classes[first:first + count]
            return through(self.generator, torch.randn(count, self.latent), of)

        return in_pieces(n, make).reshape(n, *self.shape)


# ---- task: vae ----

class Vae:
    """Kingma and Welling 2014, with a Bernoulli likelihood of values from 0 to 1."""

    def __init__(self, config, source, parts=()):
        model, rates = config["model"], config["train"]["optimizer"]
        self.latent, self.source = model["latent"], source
        self.shape = sequential.shape_of(model, "decoder")
        self.encoder = built(model, "encoder", self.shape)
        self.decoder = built(model, "decoder", (self.latent,))
        self.adam = adam_of([*self.encoder.parameters(), *self.decoder.parameters()], rates, "lr",
                            "fused" in parts)

    def loss(self, x):
        """The batch's negative evidence bound (equation 10), by one draw of z a sample."""
        mean, v = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(v / 2) * torch.randn_like(mean)
        reconstruction = binary_cross_entropy_with_logits(self.decoder(z).flatten(1), x.flatten(1),
                                                          reduction="sum")
        divergence = (mean ** 2 + torch.exp(v) - 1 - v).sum() / 2
        return (reconstruction + divergence) / len(x)

    def step(self):
        x, _ = self.source.batch()
        self.adam.zero_grad()
        self.loss(x).backward()
        self.adam.step()

    def samples(self, n, _=None):
        self.decoder.eval()
        made = in_pieces(n, lambda _, count: self.decoder(torch.randn(count, self.latent)))
        return torch.sigmoid(made).reshape(n, *self.shape)

"""The networks of an mpigan config in PyTorch, whose state_dict has the same names."""
import math

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm


# One function a layer: from the shape of what reaches it, (D,) or (C, H, W), and the layer's
# options to the module and the shape of what it gives.

def normalised(module, wanted):
    return spectral_norm(module) if wanted else module


def linear(incoming, units, bias=True, **spectral):
    module = nn.Linear(incoming[0], units, bias=bias)
    return normalised(module, spectral.get("spectral_norm")), (units,)


class Maxout(nn.Linear):
    """Goodfellow et al. 2013, section 3: the largest of each unit's pieces."""

    def __init__(self, inputs, units, pieces, bias):
        super().__init__(inputs, units * pieces, bias=bias)
        self.unflatten = (units, pieces)

    def forward(self, x):
        return super().forward(x).unflatten(-1, self.unflatten).max(-1).values


def maxout(incoming, units, pieces, bias=True, **spectral):
    module = Maxout(incoming[0], units, pieces, bias)
    return normalised(module, spectral.get("spectral_norm")), (units,)


def conv2d(incoming, channels, kernel, stride=1, padding=0, groups=1, bias=True, **spectral):
    module = nn.Conv2d(incoming[0], channels, kernel, stride, padding, groups=groups, bias=bias)
    shape = module(torch.zeros(1, *incoming)).shape[1:]
    return normalised(module, spectral.get("spectral_norm")), tuple(shape)


def conv_transpose2d(incoming, channels, kernel, stride=1, padding=0, groups=1, bias=True,
                     output_padding=0, **spectral):
    module = nn.ConvTranspose2d(incoming[0], channels, kernel, stride, padding, output_padding,
                                groups=groups, bias=bias)
    shape = module(torch.zeros(1, *incoming)).shape[1:]
    return normalised(module, spectral.get("spectral_norm")), tuple(shape)


def batchnorm(incoming, momentum=0.1, eps=1e-5, stats="global", ghost_size=None):
    """Ghost statistics are a matter of training: what is kept is used alike."""
    kind = nn.BatchNorm2d if len(incoming) == 3 else nn.BatchNorm1d
    return kind(incoming[0], momentum=momentum, eps=eps), incoming


def flatten(incoming):
    return nn.Flatten(), (math.prod(incoming),)


def reshape(_, shape):
    return (nn.Unflatten(1, shape) if len(shape) == 3 else nn.Flatten()), tuple(shape)


class Classes:
    """Those of the samples on their way through a network (Network.forward), and how many there
    are."""
    now, count = None, 0


def join(x, vectors):
    """Vectors (N, K) as further channels of x, the same for each of its pixels."""
    shape = (*vectors.shape, *[1] * (x.dim() - 2))
    return torch.cat([x, vectors.reshape(shape).expand(-1, -1, *x.shape[2:])], 1)


class OneHot(nn.Module):
    def forward(self, x):
        return join(x, functional.one_hot(Classes.now, Classes.count).to(x.dtype))


class Embedding(nn.Embedding):
    def forward(self, x):
        return join(x, super().forward(Classes.now))


def one_hot(incoming):
    return OneHot(), (incoming[0] + Classes.count, *incoming[1:])


def embedding(incoming, units):
    return Embedding(Classes.count, units), (incoming[0] + units, *incoming[1:])


def layernorm(incoming, eps=1e-5, affine=True):
    return nn.LayerNorm(incoming, eps=eps, elementwise_affine=affine), incoming


def instancenorm(incoming, eps=1e-5, affine=False):
    return nn.InstanceNorm2d(incoming[0], eps=eps, affine=affine), incoming


class PixelNorm(nn.Module):
    """Karras et al. 2018, section 4.2."""

    def __init__(self, eps=1e-8):
        super().__init__()
        self.eps = eps

    def forward(self, x):
        return x / torch.sqrt((x ** 2).mean(1, keepdim=True) + self.eps)


class MinibatchStddev(nn.Module):
    """Karras et al. 2018, section 3, over groups of samples that follow each other; group_size None:
    one group."""

    def __init__(self, group_size, channels):
        super().__init__()
        self.group_size, self.channels = group_size, channels

    def forward(self, x):
        images = x.reshape(*x.shape, 1, 1) if x.dim() == 2 else x
        groups = images.reshape(-1, self.group_size or len(x), self.channels,
                                images.shape[1] // self.channels, *images.shape[2:])
        means = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((2, 3, 4))
        return join(x, means.repeat_interleave(groups.shape[1], 0))


def minibatch_stddev(incoming, group_size=None, channels=1):
    return MinibatchStddev(group_size, channels), (incoming[0] + channels, *incoming[1:])


class SelfAttention(nn.Module):
    """Zhang et al. 2019, equations 1 to 3, with the values as they are."""

    def __init__(self, channels, reduction):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.query = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.key = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x):
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        beta = torch.softmax(query.transpose(1, 2) @ key, dim=2)  # (samples, N, N), over the keys
        return x + self.gamma * (value @ beta.transpose(1, 2)).reshape(x.shape)


def self_attention(incoming, reduction=8):
    return SelfAttention(incoming[0], reduction), incoming


class Residual(nn.Module):
    """main(x) + shortcut(x), or + x."""

    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return self.main(x) + self.shortcut(x)


class Concat(nn.Module):
    """The channels of main(x), then those of shortcut(x), or of x."""

    def __init__(self, main, shortcut):
        super().__init__()
        self.main, self.shortcut = main, shortcut

    def forward(self, x):
        return torch.cat([self.main(x), self.shortcut(x)], 1)


def branches(incoming, main, shortcut):
    """Both branches' modules and shapes; shortcut None is the input itself."""
    second = chain(shortcut, incoming) if shortcut else (nn.Identity(), incoming)
    return chain(main, incoming), second


def residual(incoming, main, shortcut=None):
    (first, shape), (second, _) = branches(incoming, main, shortcut)
    return Residual(first, second), shape


def concat(incoming, main, shortcut=None):
    (first, shape), (second, other) = branches(incoming, main, shortcut)
    return Concat(first, second), (shape[0] + other[0], *shape[1:])


def resample(make):
    """Of images; the shape behind it is PyTorch's business."""
    def layer(incoming, **options):
        module = make(**options)
        return module, tuple(module(torch.zeros(1, *incoming)).shape[1:])
    return layer


def upsample(scale=2, mode="nearest"):
    return nn.Upsample(scale_factor=scale, mode=mode)


def avgpool(kernel, stride=None, padding=0):
    return nn.AvgPool2d(kernel, stride, padding)


def maxpool(kernel, stride=None, padding=0):
    return nn.MaxPool2d(kernel, stride, padding)


def global_avgpool():
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def pointwise(module):
    return lambda incoming, **options: (module(**options), incoming)


LAYERS = {
    "linear": linear,
    "maxout": maxout,
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "one_hot": one_hot,
    "embedding": embedding,
    "batchnorm": batchnorm,
    "relu": pointwise(nn.ReLU),
    "leaky_relu": pointwise(lambda slope=0.01: nn.LeakyReLU(slope)),
    "tanh": pointwise(nn.Tanh),
    "sigmoid": pointwise(nn.Sigmoid),
    "silu": pointwise(nn.SiLU),
    "pixelnorm": pointwise(PixelNorm),
    "minibatch_stddev": minibatch_stddev,
    "gaussian_noise": pointwise(nn.Identity),  # likewise
    "layernorm": layernorm,
    "self_attention": self_attention,
    "instancenorm": instancenorm,
    "dropout": pointwise(lambda p=0.5: nn.Dropout(p)),
    "diff_augment": pointwise(nn.Identity),  # which takes any options; it acts in training only
    "flatten": flatten,
    "reshape": reshape,
    "residual": residual,
    "concat": concat,
    "upsample": resample(upsample),
    "avgpool": resample(avgpool),
    "maxpool": resample(maxpool),
    "global_avgpool": resample(global_avgpool),
}


def number(value):
    """PyYAML reads 1e-05, a float in YAML 1.2, as text: YAML 1.1 wants a dot.  Other text stays."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def module_of(entry, shape):
    """The module of a list's entry, and the shape of what it gives."""
    (kind, options), = entry.items() if isinstance(entry, dict) else [(entry, {})]
    options = {key: number(value) for key, value in (options or {}).items()}
    return LAYERS[kind](shape, **options)


def chain(layers, shape):
    """The nn.Sequential of `layers`, and the shape of what it gives."""
    modules = []
    for entry in layers:
        module, shape = module_of(entry, shape)
        modules.append(module)
    return nn.Sequential(*modules), shape


class Network(nn.Module):
    """An nn.Sequential that begins or ends with the class of a sample, as model.label says:
    one_hot (or channels), embedding, projection, auxiliary, or None."""

    def __init__(self, layers, shape, label=None, classes=0, units=0):
        super().__init__()
        Classes.count = self.classes = classes
        self.label, self.length, self.augments = label, len(layers), 0
        self.flattens = len(shape) == 3 and ("linear" in layers[0] or "maxout" in layers[0])
        while self.augments + 1 < len(layers) and "diff_augment" in layers[self.augments]:
            self.augments += 1
        if self.flattens:
            shape = (math.prod(shape),)
        for i, entry in enumerate(layers):
            if i == self.augments:
                shape = self.begin(shape, units)
            before = shape
            module, shape = module_of(entry, shape)
            self.add_module(str(i), module)
        if label == "projection":
            self.project = nn.Linear(before[0], classes, bias=False)
        if label == "auxiliary":
            self.classify = nn.Linear(math.prod(before), classes)

    def begin(self, shape, units):
        if self.label == "embedding":
            self.embed, shape = embedding(shape, units)
        if self.label in ("one_hot", "channels"):
            self.embed, shape = one_hot(shape)
        return shape

    def forward(self, x, classes=None):
        Classes.now, Classes.count = classes, self.classes
        x = x.flatten(1) if self.flattens else x
        for i in range(self.length):
            if i == self.augments and hasattr(self, "embed"):
                x = self.embed(x)
            features, x = x, getattr(self, str(i))(x)
        if self.label == "projection":
            return x.flatten(1) + self.projected(features, classes)
        if self.label == "auxiliary":
            return torch.cat([x.flatten(1), self.classify(features.flatten(1))], 1)
        return x

    def projected(self, features, classes):
        """Miyato and Koyama 2018, equation 4, over the sum of an image's pixels."""
        pixels = features.flatten(2).sum(2) if features.dim() == 4 else features
        return (self.project.weight[classes] * pixels).sum(1, keepdim=True)


def build(layers, shape, **label):
    """The network of `layers`, a list as yaml.safe_load gives it, for samples of `shape`, which is
    (D,) or (C, H, W).  Behind an image a first linear layer wants the image flattened."""
    return Network(layers, shape, **label)


def label_of(model, network):
    """How the class enters "generator" or "discriminator" of a config's `model`, for build."""
    if not model.get("classes"):
        return {}
    label = {"generator": "embedding", "embedding": 32, "discriminator": "channels",
             **(model.get("label") or {})}
    return {"label": label[network], "classes": model["classes"], "units": label["embedding"]}


def shape_of(model, maker="generator"):
    """Of the samples: (C, H, W), or (D,) for points.  A vector is a square grey image if it can."""
    latent = (model["latent"],)
    generator = build(model[maker], latent, **label_of(model, maker)).eval()
    made = generator(torch.zeros(1, *latent), torch.zeros(1, dtype=torch.long))
    shape = tuple(made.shape[1:])
    side = math.isqrt(shape[0])
    return (1, side, side) if len(shape) == 1 and side * side == shape[0] > 4 else shape

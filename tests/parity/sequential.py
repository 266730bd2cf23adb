"""The layers of an mpigan config as a torch.nn.Sequential, whose state_dict has the same names."""
import math

import torch
from torch import nn


# One function a layer: from the shape of what reaches it, (D,) or (C, H, W), and the layer's
# options to the module and the shape of what it gives.

def linear(incoming, units, bias=True):
    return nn.Linear(incoming[0], units, bias=bias), (units,)


def batchnorm(incoming, momentum=0.1, eps=1e-5, stats="global", ghost_size=None):
    """Ghost statistics are a matter of training: what is kept is used alike."""
    kind = nn.BatchNorm2d if len(incoming) == 3 else nn.BatchNorm1d
    return kind(incoming[0], momentum=momentum, eps=eps), incoming


def flatten(incoming):
    return nn.Flatten(), (math.prod(incoming),)


def reshape(_, shape):
    return (nn.Unflatten(1, shape) if len(shape) == 3 else nn.Flatten()), tuple(shape)


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
    "batchnorm": batchnorm,
    "relu": pointwise(nn.ReLU),
    "leaky_relu": pointwise(lambda slope=0.01: nn.LeakyReLU(slope)),
    "tanh": pointwise(nn.Tanh),
    "sigmoid": pointwise(nn.Sigmoid),
    "silu": pointwise(nn.SiLU),
    "pixelnorm": pointwise(PixelNorm),
    "layernorm": layernorm,
    "self_attention": self_attention,
    "instancenorm": instancenorm,
    "dropout": pointwise(lambda p=0.5: nn.Dropout(p)),
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


def chain(layers, shape):
    """The nn.Sequential of `layers`, and the shape of what it gives."""
    modules = []
    for entry in layers:
        (kind, options), = entry.items() if isinstance(entry, dict) else [(entry, {})]
        options = {key: number(value) for key, value in (options or {}).items()}
        module, shape = LAYERS[kind](shape, **options)
        modules.append(module)
    return nn.Sequential(*modules), shape


def build(layers, shape):
    """The nn.Sequential of `layers`, a list as yaml.safe_load gives it, for samples of `shape`,
    which is (D,) or (C, H, W).  Behind an image a first linear layer wants the image flattened."""
    if "linear" in layers[0]:
        shape = (math.prod(shape),)
    return chain(layers, shape)[0]

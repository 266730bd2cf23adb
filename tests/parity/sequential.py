"""The layers of an mpigan config as a torch.nn.Sequential, whose state_dict has the same names."""
import math

from torch import nn


# One function a layer: from the shape of what reaches it, (D,) or (C, H, W), and the layer's
# options to the module and the shape of what it gives.

def linear(incoming, units, bias=True):
    return nn.Linear(incoming[0], units, bias=bias), (units,)


def batchnorm(incoming, momentum=0.1, eps=1e-5):
    kind = nn.BatchNorm2d if len(incoming) == 3 else nn.BatchNorm1d
    return kind(incoming[0], momentum=momentum, eps=eps), incoming


def flatten(incoming):
    return nn.Flatten(), (math.prod(incoming),)


def reshape(_, shape):
    return (nn.Unflatten(1, shape) if len(shape) == 3 else nn.Flatten()), tuple(shape)


def pointwise(module):
    return lambda incoming, **options: (module(**options), incoming)


LAYERS = {
    "linear": linear,
    "batchnorm": batchnorm,
    "relu": pointwise(nn.ReLU),
    "leaky_relu": pointwise(lambda slope=0.01: nn.LeakyReLU(slope)),
    "tanh": pointwise(nn.Tanh),
    "sigmoid": pointwise(nn.Sigmoid),
    "dropout": pointwise(lambda p=0.5: nn.Dropout(p)),
    "diff_augment": pointwise(nn.Identity),  # which takes any options; it acts in training only
    "flatten": flatten,
    "reshape": reshape,
}


def number(value):
    """PyYAML reads 1e-05, a float in YAML 1.2, as text: YAML 1.1 wants a dot."""
    return float(value) if isinstance(value, str) else value


def build(layers, shape):
    """The nn.Sequential of `layers`, a list as yaml.safe_load gives it, for samples of `shape`,
    which is (D,) or (C, H, W).  Behind an image a first linear layer wants the image flattened."""
    if "linear" in layers[0]:
        shape = (math.prod(shape),)
    modules = []
    for entry in layers:
        (kind, options), = entry.items() if isinstance(entry, dict) else [(entry, {})]
        options = {key: number(value) for key, value in (options or {}).items()}
        module, shape = LAYERS[kind](shape, **options)
        modules.append(module)
    return nn.Sequential(*modules)

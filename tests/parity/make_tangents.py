#!/usr/bin/env python3
"""Makes golden/tangents.h5: gradients of gradients of networks, by PyTorch's double backward in float64.

    python3 tests/parity/make_tangents.py

Of a network f and given x, dy and a direction t: the output's change ty = J t, and the gradients of
<dy, J t> by the weights.  All inputs and weights are exact in float32; images lie channels last, as
the product has them.  Wants what make_golden.py wants.
"""
import json
import zlib

import h5py
import numpy as np
import torch

import sequential
from make_golden import GOLDEN, IMAGE, TANH, RELU, conv, deconv, double, exact, linear, maxout, \
    randomise, write

LEAKY, SILU, SIGMOID, FLATTEN = {"leaky_relu": {"slope": 0.2}}, {"silu": {}}, {"sigmoid": {}}, \
    {"flatten": {}}
SPECTRAL = {"spectral_norm": True}
N = 5

# name, layers, shape of a sample, and how the class enters
CASES = [
    ("linear", [linear(3)], (7,), {}),
    ("leaky_relu", [linear(9), LEAKY, linear(6), LEAKY, linear(1)], (7,), {}),
    ("relu", [linear(9), RELU, {"linear": {"units": 6, "bias": False}}, RELU, linear(2)], (7,), {}),
    ("tanh", [linear(9), TANH, linear(6), TANH, linear(1)], (7,), {}),
    ("sigmoid", [linear(9), SIGMOID, linear(6), SIGMOID, linear(1)], (7,), {}),
    ("silu", [linear(9), SILU, linear(6), SILU, linear(1)], (7,), {}),
    ("silu_below_leaky_relu", [linear(9), SILU, linear(6), LEAKY, linear(5), TANH], (7,), {}),
    ("spectral_linear", [{"linear": {"units": 8, **SPECTRAL}}, LEAKY, {"linear": {"units": 5, **SPECTRAL}},
                         TANH, linear(1)], (7,), {}),
    ("maxout", [maxout(6, 3), maxout(5, 2, spectral_norm=True), linear(1)], (7,), {}),
    ("maxout_below_tanh", [maxout(6, 3), linear(5), TANH, maxout(3, 2)], (7,), {}),
    ("conv2d", [conv(5, 3, padding=1), LEAKY, conv(4, 2, stride=2, bias=False), LEAKY, FLATTEN,
      linear(1)],
     IMAGE, {}),
    ("conv2d_below_silu",
     [conv(5, 3, padding=1, **SPECTRAL), SILU, conv(4, 2, stride=2, **SPECTRAL), TANH, FLATTEN,
      linear(1)], IMAGE, {}),
    ("conv2d_of_groups", [conv(6, 3, padding=1, groups=3), TANH, conv(1, 1), FLATTEN], IMAGE, {}),
    ("conv_transpose2d",
     [deconv(4, 4, stride=2, padding=1), SILU, deconv(2, 3, **SPECTRAL), TANH, FLATTEN, linear(1)],
     IMAGE, {}),
    ("avgpool", [conv(5, 3, padding=1), TANH, {"avgpool": {"kernel": 2}}, FLATTEN, linear(1)], IMAGE, {}),
    ("maxpool", [conv(5, 3, padding=1), TANH, {"maxpool": {"kernel": 2}}, FLATTEN, linear(3),
                 TANH], IMAGE, {}),
    ("global_avgpool", [conv(5, 3), SILU, {"global_avgpool": {}}, linear(1)], IMAGE, {}),
    ("upsample", [conv(4, 1), TANH, {"upsample": {"scale": 2}}, conv(3, 3), SILU,
                  {"upsample": {"scale": 2, "mode": "bilinear"}}, FLATTEN, linear(1)], IMAGE, {}),
    ("reshape", [linear(60), TANH, {"reshape": {"shape": IMAGE}}, conv(2, 3), SILU,
                 {"reshape": {"shape": [12]}}, linear(1)], (7,), {}),
    ("layernorm", [linear(9), {"layernorm": {}}, LEAKY, linear(6),
                   {"layernorm": {"affine": False}}, SILU, linear(1)], (7,), {}),
    ("layernorm_first", [{"layernorm": {"eps": 0.1}}, linear(4), TANH, linear(1)], (7,), {}),
    ("layernorm_of_images", [conv(4, 3), {"layernorm": {"eps": 1e-3}}, LEAKY, conv(3, 2), TANH,
                             FLATTEN, linear(1)],
     IMAGE, {}),
    ("residual", [linear(6), {"residual": {"main": [SILU, linear(6), TANH], "shortcut": [linear(6)]}},
                  {"residual": {"main": [LEAKY, {"residual": {"main": [linear(6)]}}, TANH]}}, linear(1)],
     (7,), {}),
    ("residual_without_bends", [linear(6), {"residual": {"main": [LEAKY, linear(6)]}}, LEAKY, linear(1)],
     (7,), {}),
    ("residual_of_the_input", [{"residual": {"main": [linear(7), TANH]}}, linear(2), SILU], (7,), {}),
    ("concat", [linear(6), {"concat": {"main": [linear(5), TANH], "shortcut": [linear(4)]}}, SILU,
                {"concat": {"main": [linear(3)]}}, linear(1)], (7,), {}),
    ("concat_of_images", [{"concat": {"main": [conv(2, 3, padding=1), TANH]}}, conv(2, 2), SILU, FLATTEN,
                          linear(1)], IMAGE, {}),
    ("one_hot", [{"one_hot": {}}, linear(5), TANH, linear(1)], (7,), {"classes": 3}),
    ("embedding", [{"embedding": {"units": 2}}, conv(3, 3), TANH, FLATTEN, linear(1)], IMAGE,
     {"classes": 3}),
    ("channels", [conv(2, 3), SILU, FLATTEN, linear(1)], IMAGE, {"classes": 3, "label": "one_hot"}),
    ("projection", [linear(5), TANH, linear(1)], (7,), {"classes": 3, "label": "projection"}),
    ("projection_of_images", [conv(5, 2), LEAKY, conv(1, 3)], (2, 4, 4),
     {"classes": 3, "label": "projection"}),
    ("auxiliary", [linear(5), TANH, linear(1)], (7,), {"classes": 3, "label": "auxiliary"}),
]


def channels_last(t):
    return t.movedim(1, -1) if t.dim() == 4 else t


def make_case(group, layers, shape, label, rng):
    model = sequential.build(layers, shape, **label).double()
    randomise(model, rng)
    group.attrs.update({"layers": json.dumps(layers), "label": label.get("label", "none"),
                        "classes": label.get("classes", 0)})
    for name, tensor in model.state_dict().items():
        write(group, "initial/" + name, tensor.float())
    group["labels"] = rng.integers(0, label.get("classes", 1), N, np.int32)
    labels = torch.from_numpy(group["labels"][()]).long()
    x, t = double(exact(rng, N, *shape)), double(exact(rng, N, *shape))
    x.requires_grad_()
    y = model(x, labels)
    dy = double(exact(rng, *y.shape)).requires_grad_()
    g, = torch.autograd.grad(y, x, dy, create_graph=True)
    along = (g * t).sum()  # <dy, J t>
    ty, = torch.autograd.grad(along, dy, retain_graph=True)
    along.backward()
    for name, tensor in (("x", x), ("t", t), ("dy", dy)):
        write(group, name, channels_last(tensor).contiguous().float())
    write(group, "ty", channels_last(ty).contiguous())
    for name, parameter in model.named_parameters():
        zero = torch.zeros_like(parameter)
        write(group, "gradient/" + name, zero if parameter.grad is None else parameter.grad)


def main():
    with h5py.File(GOLDEN / "tangents.h5", "w") as file:
        for name, layers, shape, label in CASES:
            make_case(file.create_group(name), layers, shape, label,
                      np.random.default_rng(zlib.crc32(name.encode())))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the goldens: what PyTorch computes in float64 for the C tests of this folder.

    golden/layers.h5      each layer family alone and in chains: forward, backward, statistics
    golden/objective.h5   the terms of the losses at single logits
    golden/adam.h5        Adam on given gradients
    golden/sgd.h5         SGD on given gradients
    golden/decay.h5       AdamW, RMSprop, L2 and clipped gradients likewise
    golden/GAN.h5         steps of each GAN in GAN.yaml, from golden/GAN_inputs.h5
    golden/VAE.h5         likewise of each VAE

A GAN's or VAE's first weights, batches, noise and classes are the product's own.  So it takes two stages:

    1.  build/release/tests/parity/parity_dump_inputs GAN...
    2.  python3 tests/parity/make_golden.py GAN...

The first is needed after a change of GAN.yaml, or of how weights, batches, noise or classes are
made; the test parity_gan says so.  Then both files are to be committed together.  Other words for
the second are layers, objective, adam, sgd and decay; with none it makes all.

All inputs and first weights are exact in float32, in which the product computes.  Wants torch (1.13
or newer), h5py, numpy and yaml.
"""
import functools
import json
import pathlib
import sys
import zlib

import h5py
import numpy as np
import torch
import yaml
from torch import distributions, nn
from torch.nn import functional

import sequential

FOLDER = pathlib.Path(__file__).resolve().parent
GOLDEN = FOLDER / "golden"
IMAGE = (3, 4, 5)  # C, H, W
SMALLEST, LARGEST = [0.0, -0.0, 1e-30, -1e-30], [100.0, -100.0]
TANH, RELU, BATCHNORM = {"tanh": {}}, {"relu": {}}, {"batchnorm": {}}


def linear(units):
    return {"linear": {"units": units}}


def maxout(units, pieces, **options):
    return {"maxout": {"units": units, "pieces": pieces, **options}}


def conv(channels, kernel, **options):
    return {"conv2d": {"channels": channels, "kernel": kernel, **options}}


def deconv(channels, kernel, **options):
    return {"conv_transpose2d": {"channels": channels, "kernel": kernel, **options}}


# name, layers, shape of a sample, samples, and what makes the case special
CASES = [
    ("linear", [{"linear": {"units": 19}}], (37,), 13, {}),
    ("linear_without_bias", [{"linear": {"units": 5, "bias": False}}], (3,), 7, {}),
    ("linear_of_one_sample", [{"linear": {"units": 3}}], (5,), 1, {}),
    ("linear_of_an_image", [{"linear": {"units": 7}}], IMAGE, 5, {}),
    ("linear_wide", [{"linear": {"units": 67}}], (19,), 6, {}),
    ("linear_to_an_image", [{"linear": {"units": 60}}, {"sigmoid": {}}], (11,), 5, {"out": IMAGE}),
    ("maxout", [maxout(7, 5)], (19,), 13, {"apart": 0.05}),
    ("maxout_without_bias", [maxout(5, 3, bias=False)], (7,), 9, {"apart": 0.05}),
    ("maxout_of_one_piece", [maxout(4, 1)], (3,), 5, {}),
    ("maxout_of_an_image", [maxout(3, 2)], IMAGE, 5, {"apart": 0.05}),
    ("maxout_spectral", [maxout(9, 3, spectral_norm=True)], (11,), 5, {"apart": 0.05}),
    ("maxout_in_a_chain", [maxout(6, 3), maxout(4, 2), TANH, linear(2)], (13,), 7,
     {"apart": 0.05}),
    ("batchnorm", [{"batchnorm": {}}], (19,), 13, {}),
    ("batchnorm_wide", [{"batchnorm": {}}], (67,), 9, {}),
    ("batchnorm_options", [{"batchnorm": {"momentum": 0.3, "eps": 0.01}}], (5,), 7, {}),
    ("batchnorm_momentum_1", [{"batchnorm": {"momentum": 1.0}}], (5,), 7, {}),
    ("batchnorm_far_from_0", [{"batchnorm": {}}], (7,), 11, {"shift": 20}),
    ("batchnorm_of_images", [{"batchnorm": {"eps": 1e-3}}], IMAGE, 3, {}),
    ("batchnorm_behind_bias", [{"linear": {"units": 9}}, {"batchnorm": {}}], (6,), 11, {}),
    ("relu", [{"relu": {}}], (29,), 5, {"ends": SMALLEST}),
    ("leaky_relu", [{"leaky_relu": {"slope": 0.2}}], (29,), 5, {"ends": SMALLEST}),
    ("leaky_relu_default", [{"leaky_relu": {}}], (29,), 5, {"ends": SMALLEST}),
    ("tanh", [{"tanh": {}}], (29,), 5, {"ends": SMALLEST + LARGEST}),
    ("tanh_small", [{"tanh": {}}], (29,), 5, {"scale": 0.1}),
    ("tanh_large", [{"tanh": {}}], (29,), 5, {"scale": 8}),
    ("sigmoid", [{"sigmoid": {}}], (29,), 5, {"ends": SMALLEST + LARGEST}),
    ("sigmoid_large", [{"sigmoid": {}}], (29,), 5, {"scale": 8}),
    ("dropout_of_nothing", [{"dropout": {"p": 0}}], (29,), 5, {}),
    ("flatten", [{"flatten": {}}], IMAGE, 5, {}),
    ("reshape_to_an_image", [{"reshape": {"shape": IMAGE}}], (60,), 5, {}),
    ("reshape_to_a_vector", [{"reshape": {"shape": [60]}}], IMAGE, 5, {}),
    ("chain_of_images",
     [{"linear": {"units": 60, "bias": False}}, {"reshape": {"shape": IMAGE}}, {"batchnorm": {}},
      {"leaky_relu": {"slope": 0.2}}, {"flatten": {}}, {"linear": {"units": 9}}, {"tanh": {}}],
     (11,), 7, {}),
    ("residual", [{"residual": {"main": [linear(7), TANH]}}], (7,), 5, {}),
    ("residual_with_shortcut",
     [{"residual": {"main": [linear(9), TANH], "shortcut": [linear(9)]}}], (7,), 5, {}),
    ("residual_of_images",
     [{"residual": {"main": [BATCHNORM, TANH], "shortcut": [BATCHNORM]}}], IMAGE, 3, {}),
    ("residual_in_residual",
     [linear(6),
      {"residual": {"main": [RELU, {"residual": {"main": [TANH, linear(6)]}}, BATCHNORM],
                    "shortcut": [linear(6)]}}, RELU], (5,), 7, {}),
    ("concat", [{"concat": {"main": [linear(5), TANH], "shortcut": [linear(4)]}}], (7,), 5, {}),
    ("concat_with_the_input", [{"concat": {"main": [linear(5)]}}, TANH], (7,), 5, {}),
    ("concat_of_images",
     [{"concat": {"main": [TANH], "shortcut": [{"concat": {"main": [BATCHNORM]}}]}}],
     IMAGE, 3, {}),
    ("concat_of_the_input",
     [{"residual": {"main": [{"concat": {"main": [{"flatten": {}}], "shortcut": [linear(2)]}}],
                    "shortcut": [linear(7)]}}], (5,), 6, {}),
    ("upsample", [{"upsample": {"scale": 2}}], IMAGE, 3, {}),
    ("upsample_bilinear", [{"upsample": {"scale": 3, "mode": "bilinear"}}], IMAGE, 3, {}),
    ("avgpool", [{"avgpool": {"kernel": 2}}], (3, 5, 7), 3, {}),
    ("avgpool_padded", [{"avgpool": {"kernel": 3, "stride": 2, "padding": 1}}], (2, 5, 8), 3, {}),
    ("maxpool", [{"maxpool": {"kernel": 2}}], (3, 5, 7), 3, {}),
    ("maxpool_padded", [{"maxpool": {"kernel": 3, "stride": 1, "padding": 1}}], (2, 5, 8), 3, {}),
    ("global_avgpool", [{"global_avgpool": {}}, linear(5)], IMAGE, 7, {}),
    ("linear_spectral", [{"linear": {"units": 9, "spectral_norm": True}}], (7,), 5, {}),
    ("conv2d", [conv(5, 3, padding=1)], IMAGE, 3, {}),
    ("conv2d_of_stride_2", [conv(4, 4, stride=2, padding=1, bias=False)], (3, 7, 10), 3, {}),
    ("conv2d_of_groups", [conv(9, 3, stride=3, padding=2, groups=3)], (6, 5, 7), 2, {}),
    ("conv2d_of_one_pixel", [conv(7, 1)], (5, 3, 4), 3, {}),
    ("conv2d_of_all", [conv(2, 4)], (3, 4, 4), 5, {}),
    ("conv2d_spectral", [conv(5, 3, padding=1, spectral_norm=True)], IMAGE, 3, {}),
    ("conv2d_spectral_without_bias",
     [conv(6, 3, groups=3, bias=False, spectral_norm=True)], (3, 4, 5), 3, {}),
    ("conv_transpose2d", [deconv(5, 4, stride=2, padding=1)], IMAGE, 3, {}),
    ("conv_transpose2d_padded",
     [deconv(3, 5, stride=3, padding=2, output_padding=2, bias=False)], (4, 3, 2), 3, {}),
    ("conv_transpose2d_of_groups", [deconv(9, 3, stride=2, groups=3)], (6, 2, 3), 2, {}),
    ("conv_transpose2d_of_one_pixel",
     [{"reshape": {"shape": [7, 1, 1]}}, deconv(6, 4)], (7,), 5, {}),
    ("conv_transpose2d_spectral",
     [deconv(5, 4, stride=2, padding=1, spectral_norm=True)], IMAGE, 3, {}),
    ("conv_transpose2d_spectral_of_groups",
     [deconv(4, 3, groups=2, spectral_norm=True)], (6, 2, 3), 3, {}),
    ("chain_of_convolutions",
     [{"reshape": {"shape": [7, 1, 1]}}, deconv(6, 3, bias=False), BATCHNORM, RELU,
      deconv(3, 4, stride=2, padding=1), TANH, conv(5, 4, stride=2, padding=1, spectral_norm=True),
      {"leaky_relu": {"slope": 0.2}}, conv(2, 2)], (7,), 6, {}),
    ("one_hot", [{"one_hot": {}}], IMAGE, 5, {"classes": 4}),
    ("embedding", [{"embedding": {"units": 3}}], IMAGE, 5, {"classes": 4}),
    ("embedding_of_vectors", [{"embedding": {"units": 2}}, linear(3)], (5,), 7, {"classes": 4}),
    ("label_one_hot", [linear(5)], (7,), 6, {"classes": 3, "label": "one_hot"}),
    ("label_embedding", [linear(5)], (7,), 6, {"classes": 3, "label": "embedding", "units": 4}),
    ("label_channels", [conv(2, 3)], IMAGE, 6, {"classes": 3, "label": "one_hot"}),
    ("label_projection", [linear(5), TANH, linear(1)], (7,), 6,
     {"classes": 3, "label": "projection"}),
    ("label_projection_of_images", [conv(5, 2), TANH, conv(1, 3)], (2, 4, 4), 6,
     {"classes": 3, "label": "projection"}),
    ("label_auxiliary", [linear(5), TANH, linear(1)], (7,), 6,
     {"classes": 3, "label": "auxiliary"}),
    ("label_auxiliary_of_images", [conv(5, 2), TANH, conv(1, 3)], (2, 4, 4), 6,
     {"classes": 3, "label": "auxiliary"}),
    ("layernorm", [{"layernorm": {}}], (19,), 7, {}),
    ("layernorm_of_images", [{"layernorm": {"eps": 1e-3}}], IMAGE, 3, {}),
    ("layernorm_without_weights", [{"layernorm": {"affine": False}}], (67,), 3, {"shift": 3}),
    ("instancenorm", [{"instancenorm": {}}], IMAGE, 3, {"shift": 3}),
    ("instancenorm_with_weights", [{"instancenorm": {"affine": True, "eps": 0.1}}], IMAGE, 3, {}),
    ("pixelnorm", [{"pixelnorm": {}}], IMAGE, 3, {}),
    ("pixelnorm_of_vectors", [{"pixelnorm": {"eps": 0.1}}], (19,), 5, {}),
    ("silu", [{"silu": {}}], (29,), 5, {"ends": SMALLEST + LARGEST}),
    ("self_attention", [{"self_attention": {}}], (16, 3, 5), 3, {"scale": 0.25}),
    ("self_attention_wide",
     [{"self_attention": {"reduction": 2}}], (6, 5, 2), 5, {"scale": 0.25}),
    ("minibatch_stddev", [{"minibatch_stddev": {"group_size": 3}}], IMAGE, 6, {}),
    ("minibatch_stddev_of_vectors", [{"minibatch_stddev": {}}, linear(5)], (19,), 7, {"shift": 3}),
    ("minibatch_stddev_of_channels",
     [conv(6, 2), {"minibatch_stddev": {"group_size": 2, "channels": 3}}, TANH], IMAGE, 4, {}),
    ("gaussian_noise_of_nothing", [{"gaussian_noise": {"std": 0}}], (29,), 5, {}),
]
PASSES = 2  # of training, whose gradients add up; then one in eval mode

# At 30 log(1 + exp(-x)) loses its digits, at 50 it is 0; at 1000 exp(x) overflows.
LOGITS = [sign * size for size in (0.5, 3.0, 20.0, 30.0, 50.0, 88.5, 100.0, 1000.0, 1e-4)
          for sign in (1, -1)] + [0.0]

ADAM_STEPS = 10
ADAM_CASES = {  # size of gradients, first weights' size, options
    "gan": (1.0, 0.0, {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8}),
    "small_gradients": (1e-6, 0.0, {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8}),
    "gradients_near_eps": (1e-3, 1.0, {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-3}),
    "without_momentum": (10.0, 1.0, {"lr": 1e-3, "betas": (0.0, 0.9), "eps": 1e-8}),
}

# Of Adam, AdamW and RMSprop: class, options; and the norm to which the gradient is clipped, by the
# product's own factor, which has no 1e-6 as clip_grad_norm_'s
DECAY_CASES = {
    "adamw": (torch.optim.AdamW, {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 0.3}, None),
    "adamw_clipped": (torch.optim.AdamW,
                      {"lr": 1e-3, "betas": (0.5, 0.999), "weight_decay": 0.01}, 0.5),
    "adam_l2": (torch.optim.Adam, {"lr": 1e-2, "betas": (0.9, 0.99), "weight_decay": 0.3}, None),
    "sgd_l2": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.7, "nesterov": True,
                                 "weight_decay": 0.2}, None),
    "sgd_clipped": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}, 1.5),
    "rmsprop": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.99, "eps": 1e-8}, None),
    "rmsprop_momentum": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-3,
                                               "momentum": 0.6, "weight_decay": 0.1}, None),
}
DECAY_MOMENTS = ("exp_avg", "exp_avg_sq", "square_avg", "momentum_buffer")

SGD_CASES = {  # options, then the momentum of the last updates, and behind how many it is reached
    "plain": ({"lr": 0.1}, None, 0),
    "momentum": ({"lr": 0.1, "momentum": 0.9}, None, 0),
    "nesterov": ({"lr": 0.05, "momentum": 0.7, "nesterov": True}, None, 0),
    "schedule": ({"lr": 0.1, "momentum": 0.5}, 0.7, 6),
    "schedule_of_nesterov": ({"lr": 0.1, "momentum": 0.9, "nesterov": True}, 0.25, 3),
}

# name: objective, d_steps, g_steps, steps, whether the state behind them is kept, other keys of
# `train`.  Where the name
# begins with "reuse" the generator's first update of a step sees the fakes that the discriminator
# has just seen, in the order of the DCGAN reference code (pytorch/examples, dcgan/main.py).
USUAL = {"usual": ("non_saturating", 1, 1, 3, True)}
UNEVEN = {"uneven": ("non_saturating", 2, 3, 2, True)}
GANS = {
    # A critic's last bias has no gradient but rounding, of which Adam makes a step of its own: not
    # where eps is larger.
    "gan": {"digits": ("non_saturating", 1, 1, 3, True),
            "minimax": ("minimax", 1, 1, 2, False), **UNEVEN,
            "relativistic": ("relativistic", 1, 2, 2, False),
            "hinge": ("hinge", 2, 1, 2, False, {"clip_norm": 0.25, "optimizer": {"eps": 1e-3}}),
            "smoothed": ("minimax", 1, 1, 2, False, {"label_real": 0.875, "label_fake": 0.0625})},
    "dcgan": {**USUAL, **UNEVEN, "reuse": USUAL["usual"], "reuse_uneven": UNEVEN["uneven"],
              "least_squares": ("least_squares", 1, 1, 2, False, {"label_real": 0.875})},
    "sngan": {**USUAL, **UNEVEN, "relativistic": ("relativistic", 1, 1, 2, False)},
    "cgan": {**USUAL, "reuse": USUAL["usual"]},
    "projection": {**USUAL, **UNEVEN},
    "acgan": {**USUAL, "minimax": ("minimax", 1, 2, 2, True),
              "relativistic": ("relativistic", 1, 1, 2, False)},
    "maxout": {**USUAL, **UNEVEN,
               "wasserstein": ("wasserstein", 2, 1, 2, False, {"weight_clip": 0.0625})},
    "simultaneous": {**USUAL, "minimax": ("minimax", 1, 1, 2, True)},
    "packed": USUAL,
    "packed_images": {**USUAL, **UNEVEN, "reuse": USUAL["usual"]},
}
PENALTIES = {name: ("non_saturating", 1, 1, 3, name == "lazy")
             for name in ("r1", "r2", "wgan_gp", "dragan", "lazy")}  # lazy: r1, every second time
GANS.update({"penalty_mlp": PENALTIES, "penalty_conv": PENALTIES})
WEIGHT, NOISE = 10.0, 0.1  # train.penalty.weight and .noise, as they are by default
VAES, VAE_STEPS = ("vae", "vae_gaussian"), 3
METRICS = ["d_loss", "g_loss", "d_real", "d_fake", "d_grad_norm", "g_grad_norm"]
PENALTY_METRICS = ["d_penalty", "d_penalty_norm"]
CLASS_METRICS = ["d_class_loss", "g_class_loss", "d_class_accuracy", "g_class_accuracy"]
NETWORKS = ["generator", "discriminator"]


def exact(rng, *shape):
    """Normal numbers that float32 has."""
    return rng.standard_normal(shape).astype(np.float32)


def double(values):
    return torch.from_numpy(np.asarray(values, dtype=np.float64))


def write(group, name, tensor):
    group[name] = tensor.detach().numpy() if torch.is_tensor(tensor) else tensor


def write_state(group, model):
    for name, tensor in model.state_dict().items():
        write(group, name, tensor)


def write_gradients(group, model):
    for name, parameter in model.named_parameters():
        write(group, name, parameter.grad)


# ---- layers ----

def randomise(model, rng):
    """Weights and statistics that no formula can mistake for 0 and 1."""
    state = {}
    for name, tensor in model.state_dict().items():
        values = exact(rng, *tensor.shape)
        if name.endswith("running_var") or (name.endswith("weight") and tensor.dim() == 1):
            values = 0.5 + np.abs(values)
        state[name] = torch.tensor(5) if tensor.dim() == 0 else double(values)
    model.load_state_dict(state)


def case_inputs(rng, shape, n, special):
    x = exact(rng, PASSES + 1, n, *shape) * np.float32(special.get("scale", 1))
    x += np.float32(special.get("shift", 0))
    ends = special.get("ends", [])
    x.reshape(PASSES + 1, -1)[:, :len(ends)] = ends
    return x


def keep_apart(model, x, classes, least, rng):
    """Draws samples anew until the largest piece of each maxout leads by `least` of their spread:
    another rounding, of bf16 too, must not choose another."""
    leads = []

    def look(module, inputs, _):
        pieces = nn.Linear.forward(module, inputs[0]).unflatten(-1, module.unflatten)
        first, second = pieces.topk(2, -1).values.unbind(-1)
        leads.append(((first - second) / pieces.std()).min(1).values)

    hooks = [m.register_forward_hook(look) for m in model.modules()
             if isinstance(m, sequential.Maxout)]
    model.eval()
    for samples, labels in zip(x, classes):
        while True:
            leads.clear()
            model(double(samples), labels)
            close = (torch.stack(leads).min(0).values < least).numpy()
            if not close.any():
                break
            samples[close] = exact(rng, *samples[close].shape)
    model.train()
    for hook in hooks:
        hook.remove()


def make_labels(group, n, special):
    """Always there; of no consequence to networks that know no classes."""
    group.attrs.update({"label": special.get("label", "none"),
                        "classes": special.get("classes", 0), "units": special.get("units", 0)})
    rng = np.random.default_rng(n)
    group["labels"] = rng.integers(0, max(1, special.get("classes", 0)), (PASSES + 1, n), np.int32)
    return torch.from_numpy(group["labels"][()]).long()


def make_case(group, layers, shape, n, special, rng):
    label = {key: special[key] for key in ("label", "classes", "units") if key in special}
    model = sequential.build(layers, shape, **label).double()
    randomise(model, rng)
    group.attrs["layers"] = json.dumps(layers)
    classes = make_labels(group, n, special)
    for name, tensor in model.state_dict().items():  # as stored: the product's types
        write(group, "initial/" + name, tensor.float() if tensor.dim() else tensor)
    inputs = case_inputs(rng, shape, n, special)
    if "apart" in special:
        keep_apart(model, inputs, classes, special["apart"], rng)
    group["x"] = inputs
    x = double(group["x"][()]).requires_grad_()
    shaped = lambda t: t.reshape(n, *special.get("out", t.shape[1:]))

    outputs = [shaped(model(x[i], classes[i])) for i in range(PASSES)]
    group["dy"] = exact(rng, PASSES, *outputs[0].shape)
    for y, dy in zip(outputs, group["dy"]):
        y.backward(double(dy))
    write_gradients(group.create_group("gradient"), model)
    for name, tensor in model.named_buffers():
        write(group, "after/" + name, tensor)
    write(group, "dx", x.grad[:PASSES])
    write(group, "y", torch.stack(outputs + [shaped(model.eval()(x[PASSES], classes[PASSES]))]))


def make_layers():
    with h5py.File(GOLDEN / "layers.h5", "w") as file:
        for name, layers, shape, n, special in CASES:  # a new case leaves the others as they are
            make_case(file.create_group(name), layers, shape, n, special,
                      np.random.default_rng(zlib.crc32(name.encode())))


# ---- objectives ----

def bce(logits, target):
    """Binary cross-entropy, the mean over the batch; target 1 is "real"."""
    targets = torch.full_like(logits, target)
    return functional.binary_cross_entropy_with_logits(logits, targets)


def half_mse(logits, target):
    return functional.mse_loss(logits, torch.full_like(logits, target)) / 2


def margin(logits, side):
    """PyTorch's loss of a margin of 1 between the logit, on its side, and 0."""
    return functional.margin_ranking_loss(logits, torch.zeros_like(logits),
                                          torch.full_like(logits, side), margin=1.0)


def cut(logits):
    return logits.clamp(0, 1)


def make_objective():
    """Each term at each logit, in a form that keeps its digits at the ends, where 1 - sigmoid
    does not; it must be PyTorch's loss of that name."""
    share = torch.sigmoid
    terms = {  # the term, the same in other words, how real a sample looks
        "real": (lambda x: -functional.logsigmoid(x), lambda x: bce(x, 1.0), share),
        "fake": (lambda x: -functional.logsigmoid(-x), lambda x: bce(x, 0.0), share),
        "minimax": (lambda x: functional.logsigmoid(-x), lambda x: -bce(x, 0.0), share),
        "hinge_real": (lambda x: functional.relu(1 - x), lambda x: margin(x, 1.0), share),
        "hinge_fake": (lambda x: functional.relu(1 + x), lambda x: margin(x, -1.0), share),
        "square_real": (lambda x: (x - 1) ** 2 / 2, lambda x: half_mse(x, 1.0), cut),
        "square_fake": (lambda x: x ** 2 / 2, lambda x: half_mse(x, 0.0), cut),
        "critic_real": (lambda x: -x, lambda x: -x.mean(), share),
        "critic_fake": (lambda x: x, lambda x: x.mean(), share),
    }
    with h5py.File(GOLDEN / "objective.h5", "w") as file:
        file["logits"] = np.array(LOGITS, dtype=np.float32)
        x = double(file["logits"][()])
        for name, (term, check, looks) in terms.items():
            losses = torch.stack([term(logit) for logit in x])
            checks = torch.stack([check(logit) for logit in x])
            assert torch.allclose(losses, checks, rtol=1e-13, atol=1e-13), name
            leaf = x.clone().requires_grad_()
            term(leaf).sum().backward()
            write(file, name + "/loss", losses)
            write(file, name + "/slope", leaf.grad)
            write(file, name + "/probability", looks(x))


# ---- Adam ----

def make_adam():
    n = 37
    with h5py.File(GOLDEN / "adam.h5", "w") as file:
        for i, (name, (size, first, options)) in enumerate(ADAM_CASES.items()):
            rng = np.random.default_rng(2000 + i)
            group = file.create_group(name)
            group.attrs["lr"], group.attrs["eps"] = options["lr"], options["eps"]
            group.attrs["beta1"], group.attrs["beta2"] = options["betas"]
            group["first"] = exact(rng, n) * np.float32(first)
            group["gradients"] = exact(rng, ADAM_STEPS, n) * np.float32(size)
            group["gradients"][:, 0] = 0.0  # a weight that learns nothing stays
            weights = nn.Parameter(double(group["first"][()]))
            adam = torch.optim.Adam([weights], **options)
            rows = {"params": [], "exp_avg": [], "exp_avg_sq": []}
            for gradient in group["gradients"]:
                weights.grad = double(gradient)
                adam.step()
                rows["params"].append(weights.detach().clone())
                for key in ("exp_avg", "exp_avg_sq"):
                    rows[key].append(adam.state[weights][key].clone())
            for key, values in rows.items():
                write(group, key, torch.stack(values))


# ---- SGD ----

def make_sgd():
    n = 37
    with h5py.File(GOLDEN / "sgd.h5", "w") as file:
        for i, (name, (options, final, steps)) in enumerate(SGD_CASES.items()):
            rng = np.random.default_rng(3000 + i)
            group = file.create_group(name)
            momentum = options.get("momentum", 0.0)
            group.attrs.update({"lr": options["lr"], "momentum": momentum,
                                "nesterov": int(options.get("nesterov", False)),
                                "momentum_steps": steps})
            if steps:
                group.attrs["momentum_final"] = final
            group["first"] = exact(rng, n)
            group["gradients"] = exact(rng, ADAM_STEPS, n)
            group["gradients"][:, 0] = 0.0  # a weight that learns nothing stays
            weights = nn.Parameter(double(group["first"][()]))
            sgd = torch.optim.SGD([weights], **options)
            rows = {"params": [], "momentum_buffer": []}
            for step, gradient in enumerate(group["gradients"]):
                if steps:
                    way = min(step / steps, 1.0)
                    sgd.param_groups[0]["momentum"] = momentum + (final - momentum) * way
                weights.grad = double(gradient)
                sgd.step()
                rows["params"].append(weights.detach().clone())
                if momentum:
                    rows["momentum_buffer"].append(sgd.state[weights]["momentum_buffer"].clone())
            for key, values in rows.items():
                if values:
                    write(group, key, torch.stack(values))


# ---- weight decay, clipping, RMSprop ----

def clip(gradient, norm):
    """Pascanu et al. 2013, algorithm 1."""
    length = gradient.norm()
    return gradient * (norm / length) if norm and length > norm else gradient


def make_decay():
    n = 37
    with h5py.File(GOLDEN / "decay.h5", "w") as file:
        for i, (name, (optimizer, options, norm)) in enumerate(DECAY_CASES.items()):
            rng = np.random.default_rng(4000 + i)
            group = file.create_group(name)
            flat = {**options, "type": optimizer.__name__.lower(), "clip_norm": norm or 0.0}
            flat["beta1"], flat["beta2"] = flat.pop("betas", (0.0, 0.0))
            group.attrs.update({key: int(v) if isinstance(v, bool) else v
                                for key, v in flat.items()})
            group["first"] = exact(rng, n)
            group["gradients"] = exact(rng, ADAM_STEPS, n)
            group["first"][0] = 0.0  # with no gradient nothing moves it
            group["gradients"][:, 0] = 0.0
            weights = nn.Parameter(double(group["first"][()]))
            stepper = optimizer([weights], **options)
            rows = {"params": []}
            for gradient in group["gradients"]:
                weights.grad = clip(double(gradient), norm)
                stepper.step()
                rows["params"].append(weights.detach().clone())
                for key in DECAY_MOMENTS:
                    if torch.is_tensor(stepper.state[weights].get(key)):
                        rows.setdefault(key, []).append(stepper.state[weights][key].clone())
            for key, values in rows.items():
                write(group, key, torch.stack(values))


# ---- GANs ----

def make_optimizer(parameters, options, name):
    """By the config; and the names of what it keeps."""
    lr = options["lr_" + name[0]]
    if options["type"] == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=options["momentum"]), \
            ("momentum_buffer",)
    adam = torch.optim.Adam(parameters, lr=lr, eps=options["eps"],
                            betas=(options["beta1"], options["beta2"]))
    return adam, ("exp_avg", "exp_avg_sq")


class Gan:
    """One run: the networks from the product's first weights, and its batches, noise and classes
    in turn."""

    def __init__(self, config, inputs, objective, reuse, settings, penalty=None):
        self.inputs, self.objective, self.reuse = inputs, objective, reuse
        self.settings, self.data = settings, None
        self.penalty = {"lazy": "r1"}.get(penalty, penalty)
        self.every = 2 if penalty == "lazy" else 1
        self.seen = None  # fakes and their classes, until the generator has learnt from them
        self.image = inputs["data"].shape[2:]
        model = config["model"]
        options = {**config["train"]["optimizer"], **settings.get("optimizer", {})}
        self.options, self.packing = options, model.get("packing", 1)
        self.weight = model.get("label", {}).get("auxiliary_weight", 1.0)
        self.nets, self.optimizers = {}, {}
        pack = (self.packing * self.image[0], *self.image[1:])
        shapes = {"generator": (model["latent"],), "discriminator": pack}
        for name in NETWORKS:
            label = sequential.label_of(model, name)
            net = sequential.build(model[name], shapes[name], **label)
            stored = inputs["initial"][name].items()
            net.load_state_dict({key: torch.from_numpy(np.asarray(t)) for key, t in stored})
            self.nets[name] = net.double()
            self.optimizers[name], self.moments = make_optimizer(net.parameters(), options, name)
        self.tells = label.get("label") == "auxiliary"
        self.metric_names = METRICS + (CLASS_METRICS if self.tells else [])
        self.metric_names = self.metric_names + (PENALTY_METRICS if penalty else [])
        self.d_updates = self.g_updates = 0
        self.metrics, self.gradients, self.outputs = {}, {}, {}

    def classes(self, of, i=...):
        """Those of data, of d's or g's fakes, or of samples; None if the networks know none."""
        name = "classes_" + of
        return torch.from_numpy(self.inputs[name][i]).long() if name in self.inputs else None

    def make(self, of, i=...):
        noise = double(self.inputs["noise_" + of][i])
        return self.nets["generator"](noise, self.classes(of, i)).reshape(-1, *self.image)

    def judge(self, images, classes):
        """All logits; the first alone; the loss of the classes, and the part told right."""
        packs = images.reshape(-1, self.packing * self.image[0], *self.image[1:])
        logits = self.nets["discriminator"](packs, classes)
        first = logits.flatten(1)[:, :1]
        if not self.tells:
            return logits, first, torch.zeros(()), torch.zeros(())
        rest = logits[:, 1:]
        loss = self.weight * functional.cross_entropy(rest, classes)
        return logits, first, loss, (rest.argmax(1) == classes).double().mean()

    def gradients_of(self, name, loss):
        """Those of a network's weights; the others stay as they are."""
        parameters = dict(self.nets[name].named_parameters())
        found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)
        return dict(zip(parameters, found))

    def simultaneous_update(self):
        """Both gradients from one forward pass, at the same weights; then both steps."""
        i, data = self.d_updates, double(self.inputs["data"][self.d_updates])
        real_logits, real, _, _ = self.judge(data, None)
        made = self.make("d", i)
        fake_logits, fake, _, _ = self.judge(made, None)
        self.outputs = {"real_logits": real_logits, "fake": made, "fake_logits": fake_logits}
        losses = {"discriminator": bce(real, 1.0) + bce(fake, 0.0),
                  "generator": -bce(fake, 0.0) if self.objective == "minimax" else bce(fake, 1.0)}
        self.gradients = {name: self.gradients_of(name, loss) for name, loss in losses.items()}
        self.metrics = {"d_real": torch.sigmoid(real).mean(), "d_fake": torch.sigmoid(fake).mean()}
        for name, loss in losses.items():
            norm = sum((g ** 2).sum() for g in self.gradients[name].values()).sqrt()
            self.metrics.update({name[0] + "_loss": loss, name[0] + "_grad_norm": norm})
            for key, parameter in self.nets[name].named_parameters():
                parameter.grad = self.gradients[name][key]
            self.optimizers[name].step()
        self.d_updates += 1

    def raise_momentum(self, name, updates):
        """As far as it is behind so many updates of a network."""
        if "momentum_final" in self.options:
            first, final = self.options["momentum"], self.options["momentum_final"]
            way = min(updates / self.options["momentum_steps"], 1.0)
            self.optimizers[name].param_groups[0]["momentum"] = first + (final - first) * way

    def penalised(self, data, made):
        """The penalty, by double backward through a forward of its own at what it looks at, whose
        classes are the data's but where there is none of it; 0 where it is not due."""
        i = self.d_updates
        if not self.penalty or i % self.every:
            return 0.0
        x, classes = data, self.classes("data", i)
        if self.penalty == "r2":
            x, classes = made, self.classes("d", i)
        elif self.penalty == "wgan_gp":
            e = double(self.inputs["penalty_e"][i]).reshape(-1, 1, 1, 1)
            x = e * data + (1 - e) * made
        elif self.penalty == "dragan":
            x = data + NOISE * double(self.inputs["penalty_noise"][i])
        x = x.detach().clone().requires_grad_()
        logits = self.judge(x, classes)[1]
        gradient, = torch.autograd.grad(logits.sum(), x, create_graph=True)
        norms = gradient.flatten(1).norm(dim=1)
        squared = self.penalty in ("r1", "r2")
        penalty = WEIGHT * (norms ** 2 / 2 if squared else (norms - 1) ** 2).mean()
        self.metrics.update({"d_penalty": penalty, "d_penalty_norm": norms.mean()})
        return penalty * self.every

    def update(self, name, loss, class_loss, told, penalty=0.0):
        """A step by the gradient of all losses, of which the norm and the tensors are kept."""
        net = self.nets[name]
        self.optimizers[name].zero_grad()
        (loss + class_loss + penalty).backward()
        self.gradients[name] = {key: p.grad.clone() for key, p in net.named_parameters()}
        squares = sum((g ** 2).sum() for g in self.gradients[name].values())
        self.metrics.update({name[0] + "_grad_norm": squares.sqrt(), name[0] + "_loss": loss,
                             name[0] + "_class_loss": class_loss,
                             name[0] + "_class_accuracy": told})
        if "clip_norm" in self.settings and squares.sqrt() > self.settings["clip_norm"]:
            for p in net.parameters():
                p.grad *= self.settings["clip_norm"] / squares.sqrt()
        self.optimizers[name].step()
        if "weight_clip" in self.settings and name == "discriminator":
            for p in net.parameters():
                p.data.clamp_(-self.settings["weight_clip"], self.settings["weight_clip"])

    def discriminator_loss(self, real, fake):
        if self.objective == "hinge":
            return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()
        if self.objective == "wasserstein":
            return fake.mean() - real.mean()
        if self.objective == "relativistic":
            return bce(real - fake.mean(), 1.0) + bce(fake - real.mean(), 0.0)
        to_real, to_fake = self.settings.get("label_real", 1.0), self.settings.get("label_fake", 0.0)
        term = half_mse if self.objective == "least_squares" else bce
        return term(real, to_real) + term(fake, to_fake)

    def generator_loss(self, fake, real):
        if self.objective in ("hinge", "wasserstein"):
            return -fake.mean()
        if self.objective == "relativistic":
            return bce(fake - real.mean(), 1.0) + bce(real - fake.mean(), 0.0)
        if self.objective == "least_squares":
            return half_mse(fake, 1.0)
        return -bce(fake, 0.0) if self.objective == "minimax" else bce(fake, 1.0)

    def looks(self, logits, others):
        """How real: see src/objective/objective.h."""
        if self.objective == "least_squares":
            return cut(logits).mean()
        return torch.sigmoid(logits - others.mean() if self.objective == "relativistic" else logits).mean()

    def rewind(self):
        """The discriminator's buffers as they were before the update."""
        for buffer, kept in zip(self.nets["discriminator"].buffers(), self.buffers):
            buffer.copy_(kept)

    def discriminator_update(self):
        self.buffers = [b.clone() for b in self.nets["discriminator"].buffers()]
        i, data = self.d_updates, double(self.inputs["data"][self.d_updates])
        real_logits, real, real_loss, told = self.judge(data, self.classes("data", i))
        fakes = self.make("d", i)
        made = fakes.detach()
        self.seen = (fakes, self.classes("d", i)) if self.reuse else None
        fake_logits, fake, fake_loss, _ = self.judge(made, self.classes("d", i))
        if self.objective == "relativistic" and not self.tells:  # one pass: a spectral norm's one step
            self.rewind()
            classes = self.classes("data", i)
            both = None if classes is None else torch.cat([classes, self.classes("d", i)])
            real, fake = self.judge(torch.cat([data, made]), both)[1].chunk(2)
        self.outputs = {"real_logits": real_logits, "fake": made, "fake_logits": fake_logits}
        self.metrics["d_real"], self.metrics["d_fake"] = self.looks(real, fake), self.looks(fake, real)
        self.data = data, self.classes("data", i)
        self.raise_momentum("discriminator", i)
        self.update("discriminator", self.discriminator_loss(real, fake), real_loss + fake_loss, told,
                    self.penalised(data, made))
        self.d_updates += 1

    def generator_update(self):
        i = self.g_updates
        fakes, classes = self.seen or (self.make("g", i), self.classes("g", i))
        self.seen = None
        _, real, _, _ = self.judge(*self.data) if self.objective == "relativistic" else [None] * 4
        _, logit, class_loss, told = self.judge(fakes, classes)
        loss = self.generator_loss(logit, real)
        self.raise_momentum("generator", i)
        self.update("generator", loss, class_loss, told)
        self.g_updates += 1

    def write_state(self, group):
        for name, net in self.nets.items():
            write_state(group.create_group(name + "/tensors"), net)
            for key, parameter in net.named_parameters():
                for moment in self.moments:
                    values = self.optimizers[name].state[parameter][moment]
                    write(group, "%s/%s/%s" % (name, moment, key), values)


def in_data_units(images, layers):
    """The data is uint8, in [0, 255]; what the generator ends in says what it gives."""
    return (images + 1) * 127.5 if "tanh" in layers[-1] else images * 255


def make_run(group, config, inputs, objective, d_steps, g_steps, steps, keep_state, settings=None):
    group.attrs.update({"objective": objective, "d_steps": d_steps, "g_steps": g_steps,
                        "steps": steps, "state": int(keep_state)})
    reuse = group.name.split("/")[-1].startswith("reuse")
    penalty = group.name.split("/")[-1] if group.name.split("/")[-1] in PENALTIES else None
    if settings:
        group.attrs["settings"] = "train={%s}" % ", ".join("%s: %r" % item
                                                           for item in settings.items())
    gan, metrics = Gan(config, inputs, objective, reuse, settings or {}, penalty), []
    together = config["train"].get("update") == "simultaneous"
    for step in range(steps):
        for _ in range(d_steps):
            gan.simultaneous_update() if together else gan.discriminator_update()
            if gan.d_updates == 1:
                for key, tensor in gan.outputs.items():
                    write(group, "first/" + key, tensor)
        for _ in range(0 if together else g_steps):
            gan.generator_update()
        metrics.append([gan.metrics[key].item() for key in gan.metric_names])
        if step == 0:
            for name, tensors in gan.gradients.items():
                for key, tensor in tensors.items():
                    write(group, "gradient/%s/%s" % (name, key), tensor)
    group["metrics"] = np.array(metrics)
    if keep_state:
        gan.write_state(group.create_group("state"))
    gan.nets["generator"].eval()
    write(group, "samples", in_data_units(gan.make("sample"), config["model"]["generator"]))


def make_gan(gan):
    config = yaml.safe_load((FOLDER / (gan + ".yaml")).read_text())
    with h5py.File(GOLDEN / (gan + "_inputs.h5"), "r") as inputs, \
            h5py.File(GOLDEN / (gan + ".h5"), "w") as file:
        for name, run in GANS[gan].items():
            make_run(file.create_group(name), config, inputs, *run)


# ---- VAEs ----

class Vae:
    """One run, as Gan: both networks by one Adam, from the product's first weights, batches and
    noise.  Likelihoods and divergence are those of torch.distributions."""

    def __init__(self, config, inputs):
        self.inputs, self.train = inputs, config["train"]
        self.image = inputs["data"].shape[2:]
        model, options = config["model"], self.train["optimizer"]
        self.likelihood = model.get("likelihood", "bernoulli")
        self.nets, self.optimizers, self.updates = {}, {}, 0
        for name, shape in (("encoder", self.image), ("decoder", (model["latent"],))):
            net = sequential.build(model[name], shape)
            stored = inputs["initial"][name].items()
            net.load_state_dict({key: torch.from_numpy(np.asarray(t)) for key, t in stored})
            self.nets[name] = net.double()
            self.optimizers[name] = torch.optim.Adam(
                net.parameters(), lr=options["lr"], eps=options["eps"],
                betas=(options["beta1"], options["beta2"]))

    def law(self, made):
        """Of an image, given what the decoder gives."""
        if self.likelihood == "gaussian":
            return distributions.Normal(made, self.train["decoder_std"])
        return distributions.Bernoulli(logits=made, validate_args=False)  # of grey values, too

    def beta(self):
        warmup = self.train.get("kl_warmup_steps", 0)
        return self.train["beta"] * (self.updates / warmup if self.updates < warmup else 1.0)

    def step(self):
        x = double(self.inputs["data"][self.updates])
        mean, v = self.nets["encoder"](x).chunk(2, 1)
        z = mean + torch.exp(v / 2) * double(self.inputs["noise_d"][self.updates])
        made = self.nets["decoder"](z).reshape(-1, *self.image)
        reconstruction = -self.law(made).log_prob(x).sum() / len(x)
        prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        posterior = distributions.Normal(mean, torch.exp(v / 2))
        kl = distributions.kl_divergence(posterior, prior).sum() / len(x)
        loss = reconstruction + self.beta() * kl
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        self.gradients = {name: {key: p.grad.clone() for key, p in net.named_parameters()}
                          for name, net in self.nets.items()}
        norm = sum((g ** 2).sum() for net in self.gradients.values() for g in net.values()).sqrt()
        metrics = [t.item() for t in (loss, reconstruction, kl, torch.tensor(self.beta()), norm)]
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.updates += 1
        return metrics

    def samples(self):
        """In the data's units: uint8, in [0, 255]."""
        made = self.nets["decoder"].eval()(double(self.inputs["noise_sample"][...]))
        return self.law(made.reshape(-1, *self.image)).mean * 255

    write_state = Gan.write_state


def make_vae(name):
    config = yaml.safe_load((FOLDER / (name + ".yaml")).read_text())
    with h5py.File(GOLDEN / (name + "_inputs.h5"), "r") as inputs, \
            h5py.File(GOLDEN / (name + ".h5"), "w") as file:
        group, vae, metrics = file.create_group("usual"), Vae(config, inputs), []
        group.attrs.update({"objective": "non_saturating", "d_steps": 1, "g_steps": 1,
                            "steps": VAE_STEPS, "state": 1})  # as a GAN's runs have them
        for step in range(VAE_STEPS):
            metrics.append(vae.step())
            for net, tensors in vae.gradients.items() if step == 0 else ():
                for key, tensor in tensors.items():
                    write(group, "gradient/%s/%s" % (net, key), tensor)
        group["metrics"] = np.array(metrics)
        vae.write_state(group.create_group("state"))
        write(group, "samples", vae.samples())


def main(wanted):
    makers = {"layers": make_layers, "objective": make_objective, "adam": make_adam, "sgd": make_sgd,
              "decay": make_decay,
              **{gan: functools.partial(make_gan, gan) for gan in GANS},
              **{vae: functools.partial(make_vae, vae) for vae in VAES}}
    torch.manual_seed(0)
    GOLDEN.mkdir(exist_ok=True)
    for name in wanted or makers:
        makers[name]()


if __name__ == "__main__":
    main(sys.argv[1:])

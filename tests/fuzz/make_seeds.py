#!/usr/bin/env python3
"""Makes the seeds of the fuzzers: small files that every reader accepts, and some that it does not.
What was found and mended lies beside them, as found-*; this script leaves those alone.

usage: make_seeds.py [FOLDER]
"""
import gzip
import pathlib
import struct
import sys


def idx(kind, dims, content):
    return bytes([0, 0, kind, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + content


def packed(content):
    return gzip.compress(content, mtime=0)


IMAGES = idx(8, (2, 2, 3), bytes(range(12)))
POINTS = idx(13, (3, 2), struct.pack(">6f", 0, -0.0, 1.5, -2.25, 1e-42, 3e38))
WIDE = idx(14, (1, 2, 2), struct.pack(">4d", 0.5, -1e300, 1e-310, float("nan")))
LABELS = idx(8, (2,), bytes([3, 9]))
RECORD = bytes([7]) + bytes(3072)

CONFIG = b"""# a config
name: 'digits'
seed: 1
data: {path: "builtin:digits", shards: 4}
model:
  latent: 32
  generator: &g
    - linear: {units: 128, bias: false}
    - batchnorm: {momentum: 0.1}
    - leaky_relu: {slope: 0.2}
    - dropout: {p: 0.5}
    - reshape: {shape: [1, 8, 16]}
    - flatten
    - sigmoid
  discriminator: [linear: {units: 1}]
train: {batch: 64, steps: 100, optimizer: {lr_d: 2.0e-4, beta1: 0.5}}
"""
SHORT = b"""data.path: '%s'
model: {generator: [linear: {units: 4}, tanh], discriminator: [linear: {units: 1}, relu]}
train: {epochs: 1.5, batch_per_rank: 6}
"""
RATES = b"""data: {path: "a\\tb\\u00e9\\x01"}
model: {generator: [linear: {units: 4}], discriminator: [linear: {units: 1}], init_from: null}
train:
  steps: 9
  lr_schedule: cosine
  lr_scaling: sqrt
  base_batch: 32
  lr_warmup_steps: 2
  lr_final: 0.25
compute: {threads: 2, reproducible: true}
"""

BLOCK = b"version 2\nbytes 1000\nxxh3-128 0123456789abcdef0123456789abcdef\n"

SEEDS = {
    "idx/images": b"\0" + IMAGES,
    "idx/points": b"\0" + POINTS,
    "idx/wide": b"\0" + WIDE,
    "idx/folder": bytes([len(LABELS)]) + LABELS + IMAGES,
    "idx/images-gz": b"\0" + packed(IMAGES),
    "idx/folder-gz": bytes([len(packed(LABELS))]) + packed(LABELS) + packed(IMAGES),
    "idx/huge": b"\0" + idx(14, (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), b""),
    "idx/huge-gz": b"\0" + packed(idx(8, (1, 1 << 20, 1 << 8), b"x")),
    "cifar/one": b"\0" + RECORD,
    "cifar/two": b"\1" + RECORD + RECORD,
    "cifar/label": b"\0\x0a" + bytes(3072),
    "cifar/torn": b"\1" + RECORD + RECORD[:-1],
    "cifar/one-gz": b"\0" + packed(RECORD),
    "cifar/bomb-gz": b"\0" + packed(RECORD * 256),
    "gzip/plain": b"\3some text",
    "gzip/one": b"\3" + packed(b"some text"),
    "gzip/members": b"\0" + packed(b"some") + packed(b"") + packed(b" text" * 50),
    "gzip/behind": b"\1" + packed(b"some text") + b"more",
    "gzip/bomb": b"\0" + packed(bytes(1 << 20)),
    "gzip/fields": b"\2\x1f\x8b\x08\x1e" + bytes(6) + b"\2\0xyname\0comment\0\xa7\xf6\3\0" + bytes(8),
    "config/full": CONFIG,
    "config/short": SHORT % b"x" + b"\xfftrain.steps=5\xffmodel.latent=3\xfftrain={batch: 12}",
    "config/text": SHORT % b"it''s: #1 \xc3\xa9",
    "config/rates": RATES,
    "config/words": SHORT % b"null" + b"data.images: \"~\"\ndata.labels: ' '\nname: \"1\"\n",
    "config/nul": SHORT % b"x" + b"\"seed\\0x\": 2\ntrain.objective: \"minimax\\0\"\n",
    "checkpoint/other": b"\0not a checkpoint",
    "checkpoint/short": b"\0mpigan checkpoint\n" + BLOCK,
    "checkpoint/block": b"\0" + (b"mpigan checkpoint\n" + BLOCK).ljust(511) + b"\nbody",
    "checkpoint/good": b"\1\0",
    "checkpoint/flipped": b"\1\0\2\1\4",
    "checkpoint/block-end": b"\1\0\1\xff\1",
    "checkpoint/body-start": b"\1\0\2\0\x80",
    "checkpoint/cut": b"\1\1",
    "checkpoint/longer": b"\1\x81",
    "checkpoint/number": b"\2version 2\nbytes 18446744073709551615\n",
    "checkpoint/version": b"\2version 99999999999999999999\n",
}


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "seeds")
    for name, content in SEEDS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    print(f"{len(SEEDS)} seeds, {sum(map(len, SEEDS.values()))} bytes in {root}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes the seeds of the fuzzers: small files that every reader accepts, and some that it does not.
What was found and mended lies beside them, as found-*; this script leaves those alone.

usage: make_seeds.py [FOLDER]
"""
import gzip
import pathlib
import struct
import sys
import zlib


def idx(kind, dims, content):
    return bytes([0, 0, kind, len(dims)]) + struct.pack(f">{len(dims)}I", *dims) + content


def packed(content):
    return gzip.compress(content, mtime=0)


def png(size, bits, kind, interlaced, rows, palette=b""):
    def chunk(name, body):
        return (struct.pack(">I", len(body)) + name + body
                + struct.pack(">I", zlib.crc32(name + body)))
    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (palette and chunk(b"PLTE", palette))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


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

# Of 9x9 pixels, by libjpeg: grey; colours, progressive; YCCK.
JPEG_GREY = bytes.fromhex("""
ffd8ffe000104a46494600010100000100010000ffdb0043000d090a0b0a080d0b0a0b0e0e0d0f13201513121213
271c1e17202e2931302e292d2c333a4a3e333646372c2d405741464c4e525352323e5a615a50604a51524fffc000
0b080009000901011100ffc40017000003010000000000000000000000000004050607ffc4001c10000103050000
00000000000000000000000506a11622324262ffda0008010100003f001d15b78d9052537c40d11753053fffd9""")
JPEG_COLOUR = bytes.fromhex("""
ffd8ffe000104a46494600010100000100010000ffdb0043000d090a0b0a080d0b0a0b0e0e0d0f13201513121213
271c1e17202e2931302e292d2c333a4a3e333646372c2d405741464c4e525352323e5a615a50604a51524fffdb00
43010e0e0e131113261515264f352d354f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f
4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4fffc20011080009000903012200021101031101ffc40016000101
0100000000000000000000000000020305ffc4001501010100000000000000000000000000000102ffda000c0301
0002100310000001355b2cff00ffc4001a100002020300000000000000000000000000010203131434ffda000801
01000105026b1d3ac4facfffc40014110100000000000000000000000000000000ffda0008010301013f017fffc4
001511010100000000000000000000000000000002ffda0008010201013f0197ffc4001a10010001050000000000
00000000000000021001033272b1ffda0008010100063f02368e4f9034a47fffc4001c1000010305000000000000
000000000000000110715161d1e1f0ffda0008010100013f21900db6c903a1556fffda000c030100020003000000
1017ffc400161101010100000000000000000000000000010041ffda0008010301013f105cbfffc4001911000203
010000000000000000000000000111002161a1ffda0008010201013f1026ce9e54ffc4001c100002020203000000
00000000000000000121113100104161f0ffda0008010100013f100812aa58ee7965d818f31b03ffd9""")
JPEG_CMYK = bytes.fromhex("""
ffd8ffee000e41646f626500640000000002ffdb0043000d090a0b0a080d0b0a0b0e0e0d0f13201513121213271c
1e17202e2931302e292d2c333a4a3e333646372c2d405741464c4e525352323e5a615a50604a51524fffdb004301
0e0e0e131113261515264f352d354f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f
4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4f4fffc00014080009000904012200021101031101042200ffc400180000
0301010000000000000000000000000405060103ffc4002c10000102040207090000000000000000000102110003
040506161214213574b4d2223241515455619293ffc40014010100000000000000000000000000000002ffc40019
1100020301000000000000000000000000000102113191ffda000e040100021103110400003f00d9d5530a6e5752
14a5ce3ab5380eea0e0a9878b9d103e4181726defdc6dff75f4c11237761ee3473062860c6496abe8e99d112e422
aa96894548a7b6ca351547b4c09483b52db4a521dc3f7c8f385f9c6fde82dbf94ceb87d3f78e21e08f2e227a3fff
d9""")

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
    "picture/grey": b"\4" + png((9, 2), 1, 0, 0, b"\0\xa5\x80\0\x5a\0"),
    "picture/palette": b"\2" + png((3, 2), 4, 3, 0, b"\0\x12\x30\0\x03\x10", bytes(range(48))),
    "picture/alpha": b"\1" + png((2, 2), 8, 6, 0, b"\0" + bytes(range(8)) + b"\2" + bytes(8)),
    "picture/interlaced": b"\3" + png((2, 1), 16, 2, 1, b"\0abcdef\0ghijkl"),
    "picture/bomb": b"\3" + png((6000, 6000), 1, 0, 0, bytes(751 * 60)),
    "picture/cut": b"\1" + png((9, 2), 1, 0, 0, b"\0\xa5\x80")[:60],
    "picture/jpeg": b"\7" + JPEG_GREY,
    "picture/jpeg-cut": b"\1" + JPEG_GREY[:-9],
    "picture/progressive": b"\2" + JPEG_COLOUR,
    "picture/cmyk": b"\5" + JPEG_CMYK,
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

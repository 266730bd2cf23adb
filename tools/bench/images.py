"""Images and labels of the usual data sets, as they lie on the disk, in NumPy."""
import gzip
import os
import pathlib
import zlib

import numpy as np

RANK = {"images": 3, "labels": 1}  # of MNIST's IDX files
CIFAR_SHAPE = (3, 32, 32)


class Unusable(Exception):
    """One sentence: what, where, and what is wanted."""


def content_of(path):
    """Of a file, plain or .gz."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            return file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise Unusable(f"{path}: {error}") from error


def read_idx(path):
    """The array in an IDX file of bytes (LeCun's format of MNIST)."""
    content = content_of(path)
    rank = content[3] if len(content) > 4 and content[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(content[4:4 + 4 * rank].ljust(4 * rank), ">i4")
    values = np.frombuffer(content[4 + 4 * rank:], np.uint8)
    if rank == 0 or min(shape) < 0 or values.size != np.prod(shape, dtype=np.int64):
        raise Unusable(f"{path}: not an IDX file of bytes, or cut off")
    return values.reshape(shape)


def read_cifar(path):
    """Images (N, 3, 32, 32) and labels of a file of CIFAR-10's binary version."""
    records = np.frombuffer(content_of(path), np.uint8)
    size = 1 + int(np.prod(CIFAR_SHAPE))
    if records.size == 0 or records.size % size:
        raise Unusable(f"{path}: {records.size} bytes are no records of {size}")
    records = records.reshape(-1, size)
    return records[:, 1:].reshape(-1, *CIFAR_SHAPE), records[:, 0]


def folder_of(name):
    """The folder itself, or one of that name under $MPIGAN_DATA."""
    for folder in (pathlib.Path(name), pathlib.Path(os.environ.get("MPIGAN_DATA", ".")) / name):
        if folder.is_dir():
            return folder
    raise Unusable(f"{name}: no such folder, here or under $MPIGAN_DATA")


def packed_or_not(folder, name):
    """The file's path, plain or .gz; None if neither is there."""
    return next((path for path in (folder / name, folder / (name + ".gz")) if path.exists()), None)


def read_idx_part(folder, part, what):
    """part: train or t10k; what: images or labels."""
    name = f"{part}-{what}-idx{RANK[what]}-ubyte"
    path = packed_or_not(folder, name)
    if path is None:
        raise Unusable(f"{folder}: no {name}, plain or .gz")
    return read_idx(path)


def read_training_set(name):
    """Images (N, C, H, W) and labels (N) in bytes: of a folder as MNIST's, or as CIFAR-10's."""
    folder = folder_of(name)
    batches = [packed_or_not(folder, f"data_batch_{i}.bin") for i in range(1, 6)]
    parts = [read_cifar(path) for path in batches if path]
    if parts:
        return tuple(np.concatenate(part) for part in zip(*parts))
    return read_idx_part(folder, "train", "images")[:, None], read_idx_part(folder, "train",
                                                                            "labels")

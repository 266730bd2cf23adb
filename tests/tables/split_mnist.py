"""Parts of MNIST as HDF5 files, for the rows of bins in README.md.

    split_mnist.py FOLDER

Writes train.h5 (50,000 training images), held-out.h5 (the other 10,000, drawn at random),
without-9.h5 (those of them that are no 9) and test.h5 (the 10,000 official test images).  Wants
MNIST's IDX files in a folder `mnist` under $MPIGAN_DATA; NumPy and h5py.
"""
import pathlib
import sys

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "bench"))
import images  # noqa: E402

HELD_OUT, SEED = 10000, 0


def main(folder):
    source = images.folder_of("mnist")
    pixels, labels = (images.read_idx_part(source, "train", what) for what in ("images", "labels"))
    order = np.random.default_rng(SEED).permutation(len(pixels))  # the file's end is another law
    train, held_out = order[HELD_OUT:], order[:HELD_OUT]
    parts = {"train": pixels[train], "held-out": pixels[held_out],
             "without-9": pixels[held_out[labels[held_out] != 9]],
             "test": images.read_idx_part(source, "t10k", "images")}
    for name, rows in parts.items():
        with h5py.File(pathlib.Path(folder) / f"{name}.h5", "w") as file:
            file["images"] = rows


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: split_mnist.py FOLDER")
    try:
        main(sys.argv[1])
    except (images.Unusable, OSError) as error:
        sys.exit(f"split_mnist.py: {error}")

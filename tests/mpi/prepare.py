#!/usr/bin/env python3
"""Trains the Fashion-MNIST config for 500 steps on one rank, for the test of single steps.

usage: prepare.py FOLDER      MPIGAN and MPIGAN_SOURCE are in the environment
"""
import os
import random
import shutil
import struct
import subprocess
import sys


def find_data(folder):
    """The real set where it is installed, else made-up images of the same shape."""
    places = os.environ.get("MPIGAN_DATA", "").split(":") + ["/usr/share/datasets"]
    for place in filter(None, places):
        if os.path.isdir(os.path.join(place, "fashion-mnist")):
            return os.path.join(place, "fashion-mnist")
    print("Fashion-MNIST is not installed: made-up images of its shape are used")
    path = os.path.join(folder, "made-up-idx3-ubyte")
    random.seed(1)
    with open(path, "wb") as file:
        file.write(struct.pack(">4i", 0x803, 6000, 28, 28))
        for _ in range(6000):
            row = bytes(random.choices((0, 0, 0, 60, 128, 200, 255), k=28))
            file.write(row * 28)
    return path


def main():
    folder = sys.argv[1]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    data = find_data(folder)
    with open(os.path.join(folder, "data"), "w") as file:
        file.write(data)
    config = os.path.join(os.environ["MPIGAN_SOURCE"], "configs", "fashion-mlp.yaml")
    subprocess.run([os.environ["MPIGAN"], "train", config, "--run-dir", folder + "/run",
                    "--set", f"data.path={data}", "--set", "train.steps=500",
                    "--set", "checkpoint.every_steps=100", "--set", "checkpoint.keep_last=9"],
                   check=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Trains a config on one rank, and saves at two steps: for the test of single steps.

usage: prepare.py FOLDER CONFIG EARLY LATE [smooth] [KEY=VALUE ...]      MPIGAN is in the environment

smooth: with silu in the place of all relus, whose gradients turn where they are zero.
Fashion-MNIST, where it is not installed, is made up.
"""
import os
import random
import re
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
    folder, config, steps, settings = sys.argv[1], sys.argv[2], sys.argv[3:5], sys.argv[5:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    text = open(config).read()
    if "path: fashion-mnist" in text:
        settings.append(f"data.path={find_data(folder)}")
    if "smooth" in settings:
        settings.remove("smooth")
        text = re.sub(r"\b(leaky_)?relu: \{.*?\}", "silu: {}", text)
    config = os.path.join(folder, "config.yaml")
    with open(config, "w") as file:
        file.write(text)
    for end in steps:  # its last step saves
        words = settings + [f"train.steps={end}", "train.epochs=null", "checkpoint.every_steps=0",
                            "checkpoint.keep_last=9", "samples.every_steps=0"]
        subprocess.run([os.environ["MPIGAN"], "train", config, "--run-dir", folder + "/run"]
                       + [word for setting in words for word in ("--set", setting)], check=True)


if __name__ == "__main__":
    main()

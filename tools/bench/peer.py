#!/usr/bin/env python3
"""The peer of `mpigan bench step`: the same training step in PyTorch, by the best of its settings.

    peer.py CONFIG.yaml [--batch N] [--threads N] [--precision fp32|bf16] [--settings NAME,...]
            [--processes N] [--cores 0,1] [--steps N | --serve]

One step is mpigan's (task: gan; the order is that of PyTorch's DCGAN example): the discriminator on
a batch of data, then on as many fakes, Adam; the generator from fresh noise through the
discriminator, which gives input gradients only, Adam.  Data is noise, in memory.  With --processes
it is DistributedDataParallel over gloo, which share the batch.

Each of --settings is tried on a few steps, and the fastest is taken.  Prints lines of JSON: one
that says what was tried, then one a block of steps.  --serve: a block for each number on stdin.
Wants PyTorch and PyYAML, which nothing else of mpigan needs.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

try:
    import torch
    import torch.distributed as dist
    import yaml
except ImportError as error:
    sys.exit(f"peer.py: {sys.executable} cannot give PyTorch and PyYAML: {error}")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from steps import Gan, Unusable, keep_heap, positive  # noqa: E402

WARM, TRIAL_S = 3, 1.0  # steps of a setting before it is timed, and seconds of those timed
RANK, PORT = "MPIGAN_PEER_RANK", "MPIGAN_PEER_PORT"  # of the processes behind the first

# What is tried.  Parts: compile (torch.compile), channels_last, fused (Adam, in place of foreach),
# one_pass (the discriminator sees data and fakes as one batch), medium (float32 products in bf16,
# by torch.set_float32_matmul_precision, in place of autocast).
SETTINGS = ("eager", "fused", "fused+one_pass", "fused+channels_last", "compile+fused",
            "compile+fused+one_pass", "compile+fused+channels_last", "medium+fused")


# ---- this process ----

def memory_of(key):
    """VmHWM, the largest size so far, or VmRSS, the size now, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise Unusable(f"/proc/self/status has no {key}")


# PyTorch loads much of itself when it first steps.
NOTHING_MUCH = {
    "model": {"latent": 4, "generator": [{"linear": {"units": 4}}],
              "discriminator": [{"linear": {"units": 1}}]},
    "train": {"optimizer": {"lr_d": 0, "lr_g": 0}}}


def sizes_at_start(options):
    """With PyTorch imported; and with all loaded that a step wants."""
    imported = memory_of("VmRSS")
    Gan(NOTHING_MUCH, 2, options.precision, ()).step()
    return {"above_start": imported, "above_loaded": memory_of("VmRSS")}


# ---- blocks of steps, alike on all processes ----

class Team:
    """The processes that share a batch; the first tells the others what to do."""

    def __init__(self, options, arguments):
        self.rank, self.size = int(os.environ.get(RANK, 0)), options.processes
        self.others = []
        if self.size == 1:
            return
        first = self.rank == 0
        store = dist.TCPStore("127.0.0.1", int(os.environ.get(PORT, 0)), self.size, first,
                              wait_for_workers=False)
        for rank in range(1, self.size if first else 0):
            environment = {**os.environ, RANK: str(rank), PORT: str(store.port)}
            self.others.append(subprocess.Popen([sys.executable, "-B", __file__, *arguments],
                                                env=environment, stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL))
        dist.init_process_group("gloo", store=store, rank=self.rank, world_size=self.size)

    def told(self, number):
        """The first one's number."""
        if self.size == 1:
            return number
        word = torch.tensor([number])
        dist.broadcast(word, 0)
        return int(word)

    def all_well(self, error):
        """None, or some process's error."""
        if self.size == 1:
            return error
        errors = [None] * self.size
        dist.all_gather_object(errors, error)
        return next((e for e in errors if e), None)

    def leave(self):
        if self.size > 1:
            dist.destroy_process_group()
        for process in self.others:
            process.wait()


def timed(gan, steps):
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        gan.step()
        times.append(time.perf_counter() - start)
    return times


def make(options, team, config, setting):
    """The Gan of a setting, warm; or the reason why there is none, the same on all."""
    gan, error = None, None
    try:
        parts = setting.split("+")
        if "medium" in parts and options.precision != "bf16":
            raise Unusable("medium is no float32")
        torch.set_float32_matmul_precision("medium" if "medium" in parts else "highest")
        gan = Gan(config, options.batch // team.size, options.precision, parts)
        if team.size == 1:
            timed(gan, WARM)
    except Exception as problem:  # of PyTorch's many: a setting that fails is none to choose
        error = f"{type(problem).__name__}: {problem}".splitlines()[0][:200]
    error = team.all_well(error)
    if error is None and team.size > 1:
        gan.distribute()
        timed(gan, WARM)
    return gan, error


def choose(options, team, config):
    """The fastest of the settings; medians of those tried, and why others were not."""
    tried, failed, best, chosen = {}, {}, None, None
    for setting in options.settings:
        gan, error = make(options, team, config, setting)
        if error:
            failed[setting] = error
            continue
        if len(options.settings) > 1:
            once = timed(gan, 1)[0]
            times = timed(gan, team.told(max(3, min(50, int(TRIAL_S / once)))))
            tried[setting] = statistics.median(times)
        if team.told(int(best is None or tried[setting] < tried[chosen])):
            best, chosen = gan, setting
    if best is None:
        raise Unusable(f"no setting works: {failed}")
    medium = "medium" in chosen
    torch.set_float32_matmul_precision("medium" if medium else "highest")
    return best, {"setting": chosen, "tried_s": tried, "failed": failed}


def blocks_wanted(options):
    """Numbers of steps."""
    if not options.serve:
        yield options.steps
        return
    for line in sys.stdin:
        yield int(line)


def say(team, made):
    if team.rank == 0:
        print(json.dumps(made), flush=True)


def serve(options, team, gan, start):
    """Blocks of steps until the first process has no more."""
    wanted = blocks_wanted(options) if team.rank == 0 else iter(())
    while steps := team.told(next(wanted, 0)):
        times = timed(gan, steps)
        peak = memory_of("VmHWM")
        say(team, {"step_s": times, **{name: peak - size for name, size in start.items()}})


# ---- command line ----

def parse(arguments):
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(description=description, epilog=more,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=pathlib.Path, metavar="CONFIG.yaml")
    parser.add_argument("--batch", type=positive, help="of all processes; default: the config's")
    parser.add_argument("--threads", type=positive, default=1, help="of each process; default: 1")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--settings", default=",".join(SETTINGS), type=lambda text: text.split(","),
                        help="default: %(default)s")
    parser.add_argument("--processes", type=positive, default=1)
    parser.add_argument("--cores", type=lambda text: [int(core) for core in text.split(",")],
                        help="a core for each process; default: as it was started")
    many = parser.add_mutually_exclusive_group()
    many.add_argument("--steps", type=positive, default=20)
    many.add_argument("--serve", action="store_true")
    return parser.parse_args(arguments)


def measure(options, arguments):
    team = Team(options, arguments)
    if options.cores and options.processes > 1:
        os.sched_setaffinity(0, {options.cores[team.rank]})
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    keep_heap()
    config = yaml.safe_load(options.config.read_text())
    options.batch = options.batch or config["train"]["batch"]
    start = sizes_at_start(options)
    gan, made = choose(options, team, config)
    say(team, {**made, "shape": gan.shape, "torch": torch.__version__, "batch": options.batch,
               "threads": options.threads, "processes": options.processes,
               "precision": options.precision})
    serve(options, team, gan, start)
    team.leave()


def main(arguments):
    try:
        measure(parse(arguments), arguments)
    except (Unusable, OSError) as error:
        sys.exit(f"peer.py: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

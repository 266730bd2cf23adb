"""The two sides of a comparison: mpigan, a process a block of steps; and the peer in PyTorch, one
process that waits between its blocks.  Both on the cores that they are given."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIMIT = 600  # seconds, of a block of mpigan's or a short run

# What a small machine's tests set so that more ranks than cores get on; it would cost both sides.
NOT_INHERITED = ("OMPI_MCA_rmaps_base_oversubscribe", "OMPI_MCA_mpi_yield_when_idle",
                 "PRTE_MCA_rmaps_default_mapping_policy", "OMP_WAIT_POLICY",
                 "OMPI_MCA_hwloc_base_binding_policy")


class Unusable(Exception):
    """One sentence: why there is nothing to measure."""


def environment(threads):
    inherited = {k: v for k, v in os.environ.items() if k not in NOT_INHERITED}
    if os.getuid() == 0:
        inherited.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return {**inherited, "OMP_NUM_THREADS": str(threads)}


def pinned(cores, *command):
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


def last_line(text):
    """mpigan's own, if it is there: mpirun adds lines to it."""
    lines = text.strip().splitlines() or ["nothing was said"]
    return ([line for line in lines if line.startswith("mpigan: ")] or lines)[-1]


def words_of(sets):
    """--set KEY=VALUE of each."""
    return [word for pair in sets for word in ("--set", pair)]


class Mpigan:
    """`mpigan bench step` on one rank or several."""

    def __init__(self, program, config, cores, *, batch, ranks=1, threads=1, sets=()):
        self.cores, self.threads = cores, threads
        launcher = [os.environ.get("MPIEXEC", "mpirun"), "-n", ranks] if ranks > 1 else []
        self.sets = words_of([f"train.batch={batch}", f"compute.threads={threads}", *sets])
        self.command = [*launcher, program]
        self.config = config

    def start(self, *arguments):
        return subprocess.Popen(pinned(self.cores, *self.command, *arguments, *self.sets),
                                env=environment(self.threads), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def start_block(self, steps):
        return self.start("bench", "step", self.config, "--repeat", steps)

    def block(self, steps):
        return read_step(*finish(self.start_block(steps)))


def finish(process):
    """What it said, and its exit status."""
    try:
        said, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired as late:
        process.terminate()  # which mpirun passes on
        raise Unusable(f"nothing within {LIMIT} s from {' '.join(process.args[3:])}") from late
    return said, process.returncode


def read_step(said, status):
    """Of what `mpigan bench step` prints: seconds of a step, its products and its Adam passes."""
    if status != 0:
        raise Unusable(last_line(said))
    rows = {"step": r"^step, median", "products": r"^its matrix products",
            "adam": r"^its Adam passes"}
    found = {name: re.search(text + r" +([\d.]+) ms", said, re.MULTILINE)
             for name, text in rows.items()}
    if None in found.values():
        raise Unusable(f"mpigan bench step says nothing that can be read: {last_line(said)}")
    return {name: 1e-3 * float(match[1]) for name, match in found.items()}


class Peer:
    """tools/bench/peer.py, with its settings chosen when it is started."""

    def __init__(self, python, config, cores, *, batch, threads=1, precision="fp32", processes=1,
                 settings=None):
        command = [python, "-B", HERE / "peer.py", config, "--batch", batch, "--threads", threads,
                   "--precision", precision, "--processes", processes, "--serve"]
        if processes > 1:
            command += ["--cores", ",".join(map(str, cores))]
        if settings:
            command += ["--settings", settings]
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(pinned(cores, *command), env=environment(threads),
                                        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints)
        self.chosen = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.complaints.seek(0)
        raise Unusable(last_line(self.complaints.read()))

    def block(self, steps):
        try:
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        except OSError:  # it has died; what it said last tells why
            pass
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
        except OSError:
            pass
        self.process.wait()
        self.complaints.close()


# ---- the machine ----

def said_by(*command):
    try:
        done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True,
                              env=environment(1), stderr=subprocess.DEVNULL)
    except OSError:
        return ""
    return done.stdout.strip()


def processor():
    """(model, cores, of what matters here the flags)"""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
    known = set(flags[1].split() if flags else ())
    return (model[1] if model else "unknown processor", len(os.sched_getaffinity(0)),
            [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in known])


def versions(program, python):
    probe = ("import torch, re; c = torch.__config__.show(); "
             "print('PyTorch', torch.__version__, '(' + ', '.join(re.findall("
             "r'(?:oneAPI Math Kernel Library|MKL-DNN|OpenBLAS).*?v?[\\d.]+', c)) + ')')")
    model, cores, flags = processor()
    return {"date": time.strftime("%Y-%m-%d %H:%M"), "processor": model, "cores": cores,
            "instructions": flags, "mpigan": said_by(program, "--version").splitlines(),
            "peer": said_by(python, "-c", probe) or f"{python} has no PyTorch",
            "python": sys.version.split()[0]}

"""What the run tests share: starting the program, folders, inputs, and looking at what it left.

CTest gives the places in the environment: MPIGAN (the program), MPIGAN_SOURCE (the checkout),
H5MAKE (run_h5make), MPIEXEC (mpirun), FAULTS_LIBRARY (libfaults.so).
"""
import array
import atexit
import concurrent.futures
import gzip
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MPIGAN = os.environ["MPIGAN"]
SOURCE = pathlib.Path(os.environ["MPIGAN_SOURCE"])
H5MAKE = os.environ["H5MAKE"]
FAULTS = os.environ.get("FAULTS_LIBRARY")
MPIEXEC = os.environ.get("MPIEXEC", "mpirun")

# Exit statuses, as include/mpigan/status.h numbers them.
OK, USAGE, INPUT, OUTPUT, NUMBERS, TEMPORARY = 0, 2, 3, 4, 5, 75

# What a stop and a resume may change in a line of metrics.jsonl.
TIME_FIELDS = ("start", "time", "wall_s", "images_per_s")

# Files of a run folder that every start writes to, whatever comes of it.
START_FILES = ("log.txt", "run.lock")

needs_h5_tools = unittest.skipUnless(
    all(map(shutil.which, ("h5diff", "h5dump", "h5ls"))),
    "h5diff, h5dump and h5ls are not here (Debian: hdf5-tools)")

# A GAN so small that starting it is most of the time.
TINY = """\
name: tiny
seed: 1
data:
  path: builtin:digits
model:
  latent: 8
  generator:
    - linear: {units: 32, bias: false}
    - batchnorm: {}
    - relu: {}
    - linear: {units: 64}
    - sigmoid: {}
  discriminator:
    - linear: {units: 32}
    - leaky_relu: {slope: 0.2}
    - linear: {units: 1}
train:
  batch: 24
  steps: 20
  log_every: 5
checkpoint: {every_steps: 10, keep_last: 10}
samples: {every_steps: 10, count: 8}
"""


def edit(text, *changes):
    """`text` with each (old, new) replaced; an `old` that is not there once is the test's bug."""
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def all_settings(*texts):
    """Words of the command line: --set for each."""
    return [word for text in texts for word in ("--set", text)]


class Result:
    def __init__(self, words, status, out, err):
        self.words, self.status, self.out, self.err = words, status, out, err
        self.complaints = [line for line in err.splitlines() if line.startswith("mpigan:")]

    def __str__(self):
        return (f"{' '.join(self.words)}\n--- status {self.status}\n--- stdout\n"
                f"{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}")


SESSIONS = tempfile.TemporaryDirectory(prefix="mpigan-sessions-", ignore_cleanup_errors=True)
atexit.register(SESSIONS.cleanup)


def struck(faults):
    """The words before a program some of whose calls into the system are struck, as
    tests/faults/faults.h says."""
    if faults is None:
        return []
    return ["env", f"LD_PRELOAD={FAULTS}", f"FAULTS={faults}"]


class Job:
    """A started program.  Its processes share a session, so none gets lost.  `launcher`: the words
    before the program, instead of mpirun with as many `ranks`."""

    def __init__(self, *words, ranks=None, launcher=None, cwd=None, env=None, before=None,
                 faults=None):
        if launcher is None:
            launcher = [] if ranks is None else [MPIEXEC, "-n", str(ranks)]
        program = struck(faults) + [MPIGAN]
        self.words = launcher + program + [str(word) for word in words]
        self.files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        # Open MPI's own folder: two mpiruns that make the shared one at once can fail.
        own = {}
        if launcher:
            own["OMPI_MCA_orte_tmpdir_base"] = tempfile.mkdtemp(dir=SESSIONS.name)
        self.process = subprocess.Popen(
            self.words, cwd=cwd, env=dict(os.environ, **own, **(env or {})), stdin=subprocess.DEVNULL,
            stdout=self.files[0], stderr=self.files[1], start_new_session=True, preexec_fn=before)
        self.pid = self.process.pid

    def members(self):
        """The processes of its session that live."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                text = pathlib.Path(f"/proc/{entry}/stat").read_text() if entry.isdigit() else ""
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            if fields and int(fields[3]) == self.pid and fields[0] not in "ZX":
                found.append(int(entry))
        return found

    def ranks(self):
        """Rank to process, of those that have begun to run."""
        found = {}
        for pid in self.members():
            try:
                words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                program = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                continue
            for word in words:
                name, _, value = word.partition(b"=")
                if name == b"OMPI_COMM_WORLD_RANK" and program == os.path.realpath(MPIGAN):
                    found[int(value)] = pid
        return found

    def ended(self):
        """Whether none of its ranks lives.  Open MPI 4.1's mpirun may: after a rank was killed it
        waits now and then for a lock of its own that nobody gives back (PMIx_server_finalize)."""
        return not self.ranks()

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def output(self):
        """What it has written to its standard output so far."""
        return os.pread(self.files[0].fileno(), 1 << 20, 0).decode(errors="replace")

    def result(self, timeout=120):
        """Waits for its end; asked for once."""
        late = False
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            late = True
            self.kill()
        texts = []
        for file in self.files:
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        result = Result(self.words, self.process.returncode, *texts)
        if late:
            raise AssertionError(f"did not end within {timeout} s: {result}")
        return result


def run(*words, timeout=120, **options):
    return Job(*words, **options).result(timeout)


def run_all(jobs, at_once=4):
    """The results of many run()s, given as (words, options), in order.  Starting MPI is mostly
    waiting, so some go side by side."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda job: run(*job[0], **job[1]), jobs))


def wait_for(condition, what, timeout=60):
    """Polls until condition() is true, and gives its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for {what}")
        time.sleep(0.005)


# ---- run folders ----


def snapshot(folder, but=()):
    """What a folder holds: path to content (or a link's target), without the names in `but`."""
    folder = pathlib.Path(folder)
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        name = str(path.relative_to(folder))
        if path.name in but:
            continue
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "a folder"
    return found


def lines(path):
    """The JSON objects of a .jsonl file, which must hold whole lines."""
    text = pathlib.Path(path).read_text()
    assert not text or text.endswith("\n"), f"{path} ends with half a line: {text[-80:]!r}"
    return [json.loads(line) for line in text.splitlines()]


def metrics(run_dir):
    return lines(pathlib.Path(run_dir) / "metrics.jsonl")


def untimed(records):
    return [{k: v for k, v in r.items() if k not in TIME_FIELDS} for r in records]


def last_step(run_dir):
    """The last step that metrics.jsonl tells of, while it may be growing; -1 before the first."""
    try:
        text = (pathlib.Path(run_dir) / "metrics.jsonl").read_text()
    except FileNotFoundError:
        return -1
    whole = text[:text.rfind("\n") + 1].splitlines()
    return json.loads(whole[-1])["step"] if whole else -1


def checkpoint(run_dir, step):
    return pathlib.Path(run_dir) / f"checkpoints/step-{step:08d}.h5"


def samples(run_dir, step, ending="h5"):
    return pathlib.Path(run_dir) / f"samples/step-{step:08d}.{ending}"


def checkpoints(run_dir):
    """The steps whose checkpoints are there."""
    names = (pathlib.Path(run_dir) / "checkpoints").glob("step-*.h5")
    return sorted(int(path.stem[5:]) for path in names)


def whole_checkpoints(run_dir):
    """Name to content of those that have their final name."""
    found = snapshot(pathlib.Path(run_dir) / "checkpoints")
    return {name: content for name, content in found.items() if name.endswith(".h5")}


# ---- HDF5, read by its own tools ----


def h5_differences(a, b, *objects, delta=None):
    """What h5diff finds between two files; "" where the objects are equal, to the bit unless a
    `delta` is given."""
    found = ""
    for name in objects:
        words = ["h5diff", "-v"] + ([f"--delta={delta}"] if delta else [])
        done = subprocess.run(words + [str(a), str(b), name], capture_output=True, text=True)
        text = done.stdout + done.stderr
        compared = text.count("differences found")
        if done.returncode > 1 or not compared or "not comparable" in text:
            raise AssertionError(f"h5diff {a} {b} {name}: {text[-2000:]}")
        found += text if done.returncode else ""
    return found


def h5_names(path):
    """Name to (shape or "Group") of everything in a file, from h5ls."""
    text = subprocess.run(["h5ls", "-r", str(path)], capture_output=True, text=True,
                          check=True).stdout
    rows = (line.split(None, 1) for line in text.splitlines())
    return {name: rest.replace("Dataset ", "").strip() for name, rest in rows}


def h5_attribute(path, name):
    """An attribute's value as h5dump prints it."""
    text = subprocess.run(["h5dump", "-a", name, str(path)], capture_output=True, text=True,
                          check=True).stdout
    return text.split("(0): ", 1)[1].rsplit("}\n}", 1)[0].rstrip(" \n}").strip()


def h5_numbers(path, name, code="f"):
    """A dataset's numbers, flat."""
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "raw"
        subprocess.run(["h5dump", "-d", name, "-b", "LE", "-o", str(raw), str(path)],
                       capture_output=True, check=True)
        numbers = array.array(code, raw.read_bytes())
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


# ---- inputs ----


def noise(n, seed=0):
    return random.Random(seed).randbytes(n)


def idx_bytes(dims, values, kind=8):
    return struct.pack(f">2xBB{len(dims)}I", kind, len(dims), *dims) + values


def write_idx(path, dims, values=None, kind=8):
    """An IDX file; .gz in the name compresses it.  Without values: noise."""
    if values is None:
        size = 1
        for n in dims:
            size *= n
        values = noise(size)
    content = idx_bytes(dims, values, kind)
    path = pathlib.Path(path)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def write_idx_folder(path, images, side=28):
    """A folder with the usual names, as MNIST comes: noise, and labels 0 to 9; a tenth as many to
    test on."""
    path = pathlib.Path(path)
    path.mkdir(parents=True)
    for name, n in (("train", images), ("t10k", images // 10)):
        write_idx(path / f"{name}-images-idx3-ubyte.gz", (n, side, side))
        write_idx(path / f"{name}-labels-idx1-ubyte.gz", (n,), bytes(i % 10 for i in range(n)))
    return path


def write_cifar_folder(path, images):
    """A folder with two packed files of CIFAR-10's binary version, half the images in each: noise, and
    labels 0 to 9."""
    path = pathlib.Path(path)
    path.mkdir(parents=True)
    pixels = noise(images * 3072)
    records = [bytes([i % 10]) + pixels[3072 * i:3072 * (i + 1)] for i in range(images)]
    for i, part in enumerate((records[:images // 2], records[images // 2:])):
        (path / f"data_batch_{i + 1}.bin.gz").write_bytes(gzip.compress(b"".join(part), mtime=0))
    return path


CODES = {"uint8": "B", "int32": "i", "int64": "q", "float32": "f", "float64": "d"}


def write_h5(path, **datasets):
    """An HDF5 file of name=(type, dims, values), or name="group"."""
    words = []
    with tempfile.TemporaryDirectory() as folder:
        for name, what in datasets.items():
            if what == "group":
                words += [name, "group", "-", "-"]
                continue
            kind, dims, values = what
            raw = pathlib.Path(folder) / name
            raw.write_bytes(array.array(CODES[kind], values).tobytes())
            words += [name, kind, ",".join(map(str, dims)), str(raw)]
        subprocess.run([H5MAKE, str(path)] + words, check=True)
    return pathlib.Path(path)


# ---- a test's own folder ----


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mpigan-run-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def config(self, text=TINY, *changes, name="config.yaml"):
        path = self.folder / name
        path.write_text(edit(text, *changes))
        return path

    def run_program(self, *words, **options):
        return run(*words, cwd=self.folder, **options)

    def start(self, *words, **options):
        """A job that this test's end takes along."""
        job = Job(*words, cwd=self.folder, **options)
        self.addCleanup(job.kill)
        return job

    def train(self, config, run_dir, *words, status=OK, **options):
        result = self.run_program("train", config, "--run-dir", run_dir, *words, **options)
        self.assertEqual(result.status, status, str(result))
        return result

    def assert_fails(self, result, status, *parts):
        """One message for the whole job, which holds all parts."""
        self.assertEqual(result.status, status, str(result))
        self.assertEqual(len(result.complaints), 1, str(result))
        message = result.err[result.err.index("mpigan:"):]
        for part in parts:
            self.assertIn(str(part), message, str(result))

    def assert_same_run(self, a, b, step, objects=("/generator", "/discriminator", "/data")):
        """Two run folders hold the same run, but for times."""
        a, b = pathlib.Path(a), pathlib.Path(b)
        self.assertEqual(untimed(metrics(a)), untimed(metrics(b)))
        self.assertEqual(snapshot(a / "samples"), snapshot(b / "samples"))
        self.assertEqual((a / "config.yaml").read_text(), (b / "config.yaml").read_text())
        if shutil.which("h5diff"):
            self.assertEqual(h5_differences(checkpoint(a, step), checkpoint(b, step), *objects), "")
        else:
            print("h5diff is not here (Debian: hdf5-tools): checkpoints are not compared")

    def exempt(self, path):
        """Where in a checkpoint the digest, the world size and the elapsed seconds stand."""
        content = path.read_bytes()
        digest = re.search(rb"xxh3-128 ([0-9a-f]{32})", content[:512])
        places = set(range(*digest.span(1)))
        world = struct.pack("<q", int(h5_attribute(path, "world_size")))
        text = subprocess.run(["h5dump", "-a", "/state/elapsed_s", "-m", "%.17g", str(path)],
                              capture_output=True, text=True, check=True).stdout
        elapsed = struct.pack("<d", float(text.split("(0): ", 1)[1].split()[0]))
        for name, value in ((b"world_size\0", world), (b"elapsed_s\0", elapsed)):
            at = content.index(name, 512)  # the value stands a few words behind the name
            found = [i for i in range(at, at + 96) if content[i:i + 8] == value]
            self.assertTrue(found, name)
            places |= {i + k for i in found for k in range(8)}
        return places

    def assert_same_bytes(self, a, b):
        """Two checkpoints are the same, byte for byte, but for what is exempt."""
        x, y = a.read_bytes(), b.read_bytes()
        self.assertEqual(len(x), len(y))
        differ = {i for i, (p, q) in enumerate(zip(x, y)) if p != q}
        self.assertEqual(differ - self.exempt(a), set())
        self.assertEqual(differ - self.exempt(b), set())


def main():
    unittest.main(verbosity=2)

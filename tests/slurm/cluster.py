"""A Slurm cluster on this machine, thrown away afterwards: munged, slurmctld and one slurmd a node,
with a key, sockets, ports and a folder of their own, so that nothing of the system is touched.

Whoever runs this needs no rights: all daemons are theirs.  A guard outside of this process's family
ends everything when the process is gone, however it went.
"""
import atexit
import getpass
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

# Where Debian has the daemons, on the path of root alone.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel",
            "squeue", "setsid")

# The mark by which the guard knows what belongs to a cluster: in the environment of all it starts.
MARK = "MPIGAN_SLURM_CLUSTER"

# Nodes have more processors than the machine, as most jobs of the tests sleep.  A job that is put
# back into the queue waits for cred_expire seconds (120 by default).  A node that does not answer
# for SlurmdTimeout is down.
CONFIG = """\
ClusterName=mpigan
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
TmpFS={folder}/tmp-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=pmix
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
SlurmdTimeout=15
MaxArraySize=100
{nodes}
{partitions}
"""

# Partition to its nodes and options.  Who breaks a node works apart from the others; on the nodes of
# `spot` a job of `urgent` pushes others back into the queue.
PARTITIONS = {
    "main": (range(0, 4), "Default=YES PreemptMode=OFF"),
    "frail": (range(4, 7), "PreemptMode=OFF"),
    "frozen": (range(7, 10), "PreemptMode=OFF"),
    "spot": (range(10, 12), "PriorityTier=1 PreemptMode=REQUEUE GraceTime=30"),
    "urgent": (range(10, 12), "PriorityTier=9 PreemptMode=OFF"),
}


def missing():
    """The programs that a cluster needs and that are not here."""
    return [name for name in PROGRAMS if not shutil.which(name, path=PATH)]


def free_ports(count):
    """Ports that nobody has, and that the system gives to nobody who does not ask for them."""
    ports = []
    for port in random.sample(range(17000, 32000), 15000):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            break
    return ports


def environment(pid):
    try:
        words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        return dict(word.partition("=")[::2] for word in words.split("\0"))
    except OSError:  # it has ended, or is another user's
        return {}


def stat(pid):
    """State (R, S, T, Z and so on), parent and what follows; [] where it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def command(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def marked(folder):
    """The living processes of the cluster in that folder: pid to environment."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            words = environment(entry)
            if words.get(MARK) == str(folder) and stat(entry)[:1] not in (["Z"], ["X"], []):
                found[int(entry)] = words
    return found


def guard(folder):
    """Waits until whoever holds the other end of the pipe is gone; then ends all and tidies up."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end = time.monotonic() + 30
    while time.monotonic() < end and (pids := marked(folder)):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.05)
    shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    def __init__(self):
        # Sockets want short names.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mpigan-slurm-", dir="/tmp"))
        self.folder.chmod(0o755)
        self.environment = dict(os.environ, PATH=PATH, SLURM_CONF=str(self.folder / "slurm.conf"),
                                **{MARK: str(self.folder)})
        self.daemons = {}
        self.guard = subprocess.Popen(
            ["setsid", "--fork", sys.executable, "-B", __file__, str(self.folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.end)

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.guard:
            self.guard.stdin.close()
            self.guard.stdout.read()  # until the guard has ended
            self.guard.wait()
            self.guard = None
        for daemon in self.daemons.values():
            daemon.wait()

    # ---- daemons ----

    def start(self, name, *words):
        output = open(self.folder / f"{name}.out", "ab")
        self.daemons[name] = subprocess.Popen(words, env=self.environment, cwd=self.folder,
                                              stdin=subprocess.DEVNULL, stdout=output,
                                              stderr=output, start_new_session=True)
        output.close()

    def start_node(self, node):
        self.start(node, "slurmd", "-D", "-N", node, "-f", self.environment["SLURM_CONF"])

    def begin(self):
        nodes = [f"node{i}" for i in sorted({i for ids, _ in PARTITIONS.values() for i in ids})]
        self.write_config(nodes)
        subprocess.run(["mungekey", "-c", "-k", self.folder / "munge.key"], check=True,
                       env=self.environment)
        # --force: /tmp lets everybody write, which munged dislikes of the folders above its own.
        self.start("munged", "munged", "--foreground", "--force",
                   f"--socket={self.folder}/munge.socket", f"--key-file={self.folder}/munge.key",
                   f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                   f"--seed-file={self.folder}/munged.seed")
        self.wait_for(lambda: (self.folder / "munge.socket").exists(), "munged's socket", 20)
        self.start("slurmctld", "slurmctld", "-D", "-f", self.environment["SLURM_CONF"])
        for node in nodes:
            self.start_node(node)
        self.wait_for(lambda: set(self.node_states().values()) == {"idle"}, "idle nodes", 60)

    def write_config(self, nodes):
        ports = free_ports(1 + len(nodes))
        host = socket.gethostname().partition(".")[0]
        rows = [f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 "
                "RealMemory=4096 State=UNKNOWN" for node, port in zip(nodes, ports[1:])]
        parts = [f"PartitionName={name} Nodes={','.join(f'node{i}' for i in ids)} State=UP "
                 f"MaxTime=INFINITE {options}" for name, (ids, options) in PARTITIONS.items()]
        text = CONFIG.format(host=host, user=getpass.getuser(), folder=self.folder, ports=ports,
                             nodes="\n".join(rows), partitions="\n".join(parts))
        (self.folder / "slurm.conf").write_text(text)
        for name in ["state"] + [f"{what}-{node}" for what in ("spool", "tmp") for node in nodes]:
            (self.folder / name).mkdir(mode=0o755)

    def wait_for(self, condition, what, timeout):
        end = time.monotonic() + timeout
        while not condition():
            ended = [name for name, daemon in self.daemons.items() if daemon.poll() is not None]
            if ended or time.monotonic() > end:
                raise RuntimeError(f"no {what} in {timeout} s; ended: {ended}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self):
        """The ends of the daemons' logs."""
        text = ""
        for path in sorted(self.folder.glob("*.log")) + sorted(self.folder.glob("*.out")):
            tail = path.read_text(errors="replace").splitlines()[-15:]
            text += f"--- {path.name}\n" + "\n".join(tail) + "\n" if tail else ""
        return text

    # ---- what a user does ----

    def call(self, *words, check=True, **options):
        """Runs a client program, and gives what it wrote."""
        options.setdefault("env", self.environment)
        done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, **options)
        if check and done.returncode:
            raise RuntimeError(f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip() if check else done

    def node_states(self):
        text = self.call("sinfo", "-h", "-N", "-o", "%N %T", check=False).stdout
        return dict(line.split() for line in text.splitlines())

    def show(self, job):
        """The fields of a job; an array gives those of one of its tasks, so name the task."""
        text = self.call("scontrol", "-o", "show", "job", job)
        return dict(word.partition("=")[::2] for word in text.split() if "=" in word)

    # ---- nodes that break ----

    def members(self):
        """The living processes of the cluster: pid to environment."""
        return marked(self.folder)

    def on_node(self, node):
        """What runs on a node: its slurmd, the processes of its jobs, and the slurmstepd above each
        of these."""
        found = {self.daemons[node].pid}
        for pid, words in marked(self.folder).items():
            if words.get("SLURMD_NODENAME") == node:
                found.add(pid)
                parent = stat(pid)[1:2]
                if parent and command(parent[0]).startswith("slurmstepd"):
                    found.add(int(parent[0]))
        return sorted(found)

    def kill_node(self, node, number=signal.SIGKILL):
        """What the power cut does; SIGSTOP: what a node does that hangs."""
        for pid in self.on_node(node):
            try:
                os.kill(pid, number)
            except OSError:
                pass
        if number == signal.SIGKILL:
            self.daemons.pop(node).wait()


if __name__ == "__main__":
    guard(sys.argv[1])

"""Several hosts: network namespaces of this machine with addresses and host names of their own, a
switch between them (a bridge), and TCP as the only way from rank to rank.  Needs root and iproute2."""
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time
import unittest

import support
from support import (MPIEXEC, OK, TEMPORARY, TINY, Case, edit, last_step, needs_h5_tools, snapshot,
                     wait_for)

HOSTS, STEPS, LIMIT = 3, 1500, 3

# Beyond the limit: ticks, stagger, an MPI_Abort that waits for the dead link, a busy machine.
SLACK_S = 25

# How often TCP sends anew what nobody acknowledges before it gives up: mpirun waits that long for its
# daemon on a host that is cut off.  Linux's 15 takes a quarter of an hour, this some seconds.
RETRIES = 5

CONFIG = edit(TINY, ("steps: 20\n", f"steps: {STEPS}\n  watchdog_s: {LIMIT}\n"),
              ("log_every: 5", "log_every: 10"),
              ("every_steps: 10, keep_last: 10", "every_steps: 50, keep_last: 1000"),
              ("every_steps: 10, count", "every_steps: 500, count"))

PREFIX = f"gan{os.getpid() % 100000}"


def ip(*words, check=True):
    return subprocess.run(["ip"] + [str(word) for word in words], check=check, capture_output=True,
                          text=True)


def why_not():
    """What is missing here for namespaces with a network between them; None if nothing is."""
    for program in ("ip", "unshare"):
        if not shutil.which(program):
            return f"{program} is not here (Debian: iproute2, util-linux)"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    name = f"{PREFIX}try"
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "add", "name", "try0", "type", "veth", "peer", "name", "try1")
        ip("-n", name, "link", "add", "name", "try2", "type", "bridge")
    except subprocess.CalledProcessError as error:
        return f"network namespaces do not work here: {error.stderr.strip()}"
    finally:
        ip("netns", "del", name, check=False)
    return None


class Network:
    """node0, node1, ...: namespaces at a switch, which is one too."""

    def __init__(self, folder):
        self.switch = f"{PREFIX}sw"
        self.nodes = [f"{PREFIX}n{i}" for i in range(HOSTS)]
        self.addresses = [f"10.77.0.{i + 1}" for i in range(HOSTS)]
        self.agent = folder / "agent"
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "name", "bridge", "type", "bridge")
        ip("-n", self.switch, "link", "set", "bridge", "up")
        for i, node in enumerate(self.nodes):
            ip("netns", "add", node)
            ip("-n", self.switch, "link", "add", "name", f"port{i}", "type", "veth", "peer", "name", "eth0",
               "netns", node)
            ip("-n", self.switch, "link", "set", f"port{i}", "master", "bridge", "up")
            ip("-n", node, "link", "set", "lo", "up")
            ip("-n", node, "addr", "add", f"{self.addresses[i]}/24", "dev", "eth0")
            ip("-n", node, "link", "set", "eth0", "up")
            ip("netns", "exec", node, "sh", "-c",
               f"echo {RETRIES} > /proc/sys/net/ipv4/tcp_retries2")
        # What mpirun uses in place of ssh: agent ADDRESS COMMAND
        cases = "".join(f"  {address}) node={node} name=node{i} ;;\n" for i, (address, node)
                        in enumerate(zip(self.addresses, self.nodes)))
        self.agent.write_text(f"""#!/bin/sh
address=$1
shift
case $address in
{cases}  *) exit 1 ;;
esac
exec ip netns exec "$node" unshare --uts sh -c "hostname $name; $*"
""")
        self.agent.chmod(0o755)

    def launcher(self, folder):
        """A rank a host."""
        hosts = ",".join(f"{address}:1" for address in self.addresses)
        words = [shutil.which(MPIEXEC) or MPIEXEC, "--host", hosts, "-n", str(HOSTS),
                 "--mca", "plm_rsh_agent", str(self.agent), "--mca", "btl", "tcp,self",
                 "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0",
                 "--mca", "pml", "ob1", "--mca", "orte_tmpdir_base", str(folder)]
        return [str(self.agent), self.addresses[0], "exec " + shlex.join(words)]

    def link(self, i, state):
        ip("-n", self.switch, "link", "set", f"port{i}", state)

    def processes(self, i):
        """The programs that run on a host, by process."""
        found = {}
        for pid in ip("netns", "pids", self.nodes[i]).stdout.split():
            try:
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found[int(pid)] = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
        return found

    def ranks(self, i):
        program = os.path.basename(os.path.realpath(support.MPIGAN))
        return [pid for pid, name in self.processes(i).items() if name == program]

    def kill(self, i):
        for pid in self.processes(i):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def close(self):
        for i in range(HOSTS):
            self.kill(i)
        for name in self.nodes + [self.switch]:
            ip("netns", "del", name, check=False)


REASON = why_not()


@needs_h5_tools
@unittest.skipIf(REASON, REASON)
class Hosts(Case):
    def setUp(self):
        super().setUp()
        self.network = Network(self.folder)
        self.addCleanup(self.network.close)
        self.path = self.config(CONFIG)
        self.straight = self.folder / "straight"
        self.train(self.path, self.straight, ranks=HOSTS)

    def job(self, run_dir):
        # the agent's shell gets the program's words behind mpirun's
        return self.start("train", self.path, "--run-dir", run_dir,
                          launcher=self.network.launcher(self.folder))

    def assert_straight(self, job, run_dir):
        result = job.result()
        self.assertEqual(result.status, OK, str(result))
        self.assert_same_run(self.straight, run_dir, STEPS)
        return result

    def assert_on_all_hosts(self):
        for i in range(HOSTS):
            self.assertEqual(len(self.network.ranks(i)), 1, f"ranks on node{i}")

    def test_hosts_leave_the_bits_alone(self):
        run_dir = self.folder / "hosts"
        job = self.job(run_dir)
        wait_for(lambda: last_step(run_dir) >= 10 or job.process.poll() is not None, "a step")
        self.assert_on_all_hosts()
        self.assert_straight(job, run_dir)

    def test_delay_leaves_the_bits_alone(self):
        node = self.network.nodes[1]
        done = subprocess.run(["ip", "netns", "exec", node, "tc", "qdisc", "add", "dev", "eth0", "root",
                               "netem", "delay", "2ms", "1ms"], capture_output=True, text=True)
        if done.returncode:
            self.skipTest(f"this kernel cannot delay packets (netem): {done.stderr.strip()}")
        run_dir = self.folder / "slow"
        self.assert_straight(self.job(run_dir), run_dir)

    def cut(self, victim):
        """A job whose link to a host goes down; nobody is left behind, on either side of it."""
        run_dir = self.folder / "cut"
        job = self.job(run_dir)
        wait_for(lambda: last_step(run_dir) >= 100 or job.process.poll() is not None, "a step")
        self.assert_on_all_hosts()
        self.network.link(victim, "down")
        since = time.monotonic()
        left = {}
        while any(self.network.ranks(i) for i in range(HOSTS)):
            if time.monotonic() > since + LIMIT + SLACK_S:
                left = {i: self.network.processes(i) for i in range(HOSTS)}
                break
            time.sleep(0.05)
        print(f"link to node{victim} down: all ranks ended after {time.monotonic() - since:.1f} s",
              flush=True)
        self.assertEqual(left, {})
        kept = snapshot(run_dir / "checkpoints")
        result = job.result(60)
        print(f"mpirun ended after {time.monotonic() - since:.1f} s", flush=True)
        self.assertEqual(result.status, TEMPORARY, str(result))
        wait_for(lambda: not any(self.network.processes(i) for i in range(HOSTS)),
                 "the end of all processes on all hosts", 60)
        print(f"all processes ended after {time.monotonic() - since:.1f} s", flush=True)
        self.network.link(victim, "up")
        self.assertEqual(support.run("inspect", run_dir, "--verify").status, OK)
        again = self.assert_straight(self.job(run_dir), run_dir)
        self.assertIn("resuming from step", again.out)
        now = snapshot(run_dir / "checkpoints")
        whole = [name for name in kept if name.endswith(".h5")]
        self.assertEqual([kept[name] for name in whole], [now.get(name) for name in whole])
        return result

    def test_link_of_another_host(self):
        result = self.cut(2)
        self.assert_fails(result, TEMPORARY, "no progress for", "rank 2 (node2) has not finished",
                          "rank 0 (node0) and rank 1 (node1) have waited for",
                          "it does not answer: its process is stopped, or its node or link is gone")

    def test_link_of_the_first_host(self):
        """Rank 0 and mpirun are alone then; ranks 1 and 2 end by themselves."""
        result = self.cut(0)
        self.assert_fails(result, TEMPORARY, "no progress for",
                          "rank 1 (node1) and rank 2 (node2) have not finished",
                          "rank 0 (node0) has waited for", "they do not answer")


if __name__ == "__main__":
    support.main()

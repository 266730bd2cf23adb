"""compute.threads: what auto goes by, that the number is kept, that the environment cannot change a
run behind it, and what is said where threads have too few cores."""
import os
import pathlib
import re
import unittest

import support
from support import MPIEXEC, OK, TINY, USAGE, Case, edit, run_all


def cores(cpus):
    """How many cores these hardware threads belong to."""
    path = "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list"
    return len({pathlib.Path(path % cpu).read_text() for cpu in cpus})


CPUS = sorted(os.sched_getaffinity(0))
CORES = cores(CPUS)
MACHINE = cores(range(os.cpu_count()))
HAS_QUOTA = any(text and text.split()[0] not in ("max", "-1")
                for text in (p.read_text() for p in map(pathlib.Path, (
                    "/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"))
                    if p.exists()))

# What CTest and a job's own surroundings say is left out.
FORGET = ["env", "-u", "OMP_NUM_THREADS", "-u", "SLURM_CPUS_PER_TASK"]
RANKS = FORGET + [MPIEXEC, "--bind-to", "none", "-n"]

# Products that are large enough for the library to share, and passes that are for us.
WIDE = edit(TINY, ("    - linear: {units: 32, bias: false}", "    - linear: {units: 600, bias: false}"),
            ("    - linear: {units: 32}\n", "    - linear: {units: 600}\n"), ("batch: 24", "batch: 96"))


class Threads(Case):
    def plan(self, *words, launcher, status=OK):
        result = self.run_program("train", self.config(), "--dry-run", *words, launcher=launcher)
        self.assertEqual(result.status, status, str(result))
        return result

    def assert_threads(self, count, origin, *words, launcher=FORGET, **variables):
        """`variables` are set behind what the launcher forgets."""
        settings = [f"{k}={v}" for k, v in variables.items()]
        result = self.plan(*words, launcher=launcher + settings)
        found = re.search(r"^ranks: \d+, (\d+) threads? each( \(.*?\))?;", result.out, re.MULTILINE)
        self.assertTrue(found, str(result))
        self.assertEqual((int(found[1]), found[2] or ""), (count, origin), str(result))

    def test_environment(self):
        for count, origin, variables in (
                (3, "OMP_NUM_THREADS", {"OMP_NUM_THREADS": 3}),
                (3, "OMP_NUM_THREADS", {"OMP_NUM_THREADS": "3,2"}),
                (3, "OMP_NUM_THREADS", {"OMP_NUM_THREADS": 3, "SLURM_CPUS_PER_TASK": 2}),
                (4, "SLURM_CPUS_PER_TASK", {"SLURM_CPUS_PER_TASK": 4}),
                (4, "SLURM_CPUS_PER_TASK", {"OMP_NUM_THREADS": "many", "SLURM_CPUS_PER_TASK": 4}),
                (1, "OMP_THREAD_LIMIT", {"OMP_NUM_THREADS": 3, "OMP_THREAD_LIMIT": 1})):
            with self.subTest(variables):
                self.assert_threads(count, f" (auto: {origin})", **variables)

    @unittest.skipIf(HAS_QUOTA, "a control group limits the processors of this test")
    def test_cores(self):
        def share(ranks, have=CORES):
            return (f" (auto: {have} core{'s' * (have > 1)} for {ranks} rank{'s' * (ranks > 1)} "
                    "on the node)")
        self.assert_threads(CORES, share(1))
        self.assert_threads(CORES, share(1), OMP_PROC_BIND="true")
        self.assert_threads(1, share(1, 1), launcher=FORGET + ["taskset", "-c", str(CPUS[0])])
        for ranks in (2, 3):
            self.assert_threads(max(1, CORES // ranks), share(ranks), launcher=RANKS + [str(ranks), "env"])

    def test_given(self):
        self.assert_threads(2, "", "--set", "compute.threads=2", OMP_NUM_THREADS=3)
        self.assert_threads(3, " (auto: OMP_NUM_THREADS)", "--set", "compute.threads=auto",
                            OMP_NUM_THREADS=3)

    def test_ranks_agree(self):
        """On the fewest that one has."""
        each = 'OMP_NUM_THREADS=$((4 - OMPI_COMM_WORLD_RANK)) exec "$@"'
        self.assert_threads(2, " (auto: as rank 2, which has the fewest)",
                            launcher=RANKS + ["3", "sh", "-c", each, "sh", "env"])

    def test_limit(self):
        result = self.plan("--set", "compute.threads=2", launcher=FORGET + ["OMP_THREAD_LIMIT=1"],
                           status=USAGE)
        self.assert_fails(result, USAGE, "compute.threads", "2", "OMP_THREAD_LIMIT allows 1")

    def test_number_is_kept(self):
        """The saved config gives the same run wherever it starts."""
        self.train(self.config(WIDE), "a", env={"OMP_NUM_THREADS": "3"})
        self.assertIn("threads: 3\n", (self.folder / "a/config.yaml").read_text())
        self.train(self.folder / "a/config.yaml", "b", env={"OMP_NUM_THREADS": "1"})
        self.assert_same_run(self.folder / "a", self.folder / "b", 20)

    def test_environment_does_not_matter(self):
        """Once the number is given, no variable of OpenMP or the library has the last word."""
        config = self.config(WIDE)
        variables = ({}, {"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "8"},
                     {"GOTO_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "5"}, {"OMP_DYNAMIC": "true"},
                     {"OMP_PROC_BIND": "true"}, {"OMP_SCHEDULE": "dynamic,1"},
                     {"OMP_MAX_ACTIVE_LEVELS": "4"}, {"OMP_WAIT_POLICY": "active"})
        results = run_all([(("train", config, "--run-dir", self.folder / f"run-{i}", "--set",
                             "compute.threads=2"), {"env": env})
                           for i, env in enumerate(variables)], at_once=2)
        for i, result in enumerate(results):
            self.assertEqual(result.status, OK, str(result))
            with self.subTest(variables[i]):
                self.assert_same_run(self.folder / "run-0", self.folder / f"run-{i}", 20)

    def advice(self, *words, launcher=FORGET):
        """The line about cores, without the host's name; "": there is none."""
        found = re.findall(r"too few cores: on \S+ (.*)", self.plan(*words, launcher=launcher).out)
        self.assertLessEqual(len(found), 1)
        return found[0] if found else ""

    def test_advice(self):
        mine = f"{CORES} core{'s' * (CORES > 1)}"
        self.assertEqual(self.advice("--set", "compute.threads=1"), "")
        self.assertEqual(self.advice("--set", f"compute.threads={MACHINE + 1}"),
                         f"the threads of 1 rank, {MACHINE + 1} each, share {mine}; use "
                         f"compute.threads={CORES}")
        crowd = MACHINE + 1
        self.assertEqual(self.advice("--set", "compute.threads=1", launcher=RANKS + [str(crowd)]),
                         f"the threads of {crowd} ranks, 1 each, share {mine}; start at most "
                         f"{CORES} rank{'s' * (CORES > 1)} on a node")
        self.assertIn("use compute.threads=1, and start at most",
                      self.advice("--set", "compute.threads=2", launcher=RANKS + [str(crowd)]))

    @unittest.skipIf(CORES < 2, "wants two cores")
    def test_advice_about_binding(self):
        one = FORGET + ["taskset", "-c", str(CPUS[0])]
        self.assertEqual(self.advice("--set", "compute.threads=2", launcher=one),
                         f"the threads of 1 rank, 2 each, share 1 core; the node has {MACHINE}: start "
                         "it with mpirun --bind-to core --map-by slot:PE=2, or srun "
                         "--cpus-per-task=2 --cpu-bind=cores")
        self.assertEqual(self.advice(launcher=RANKS + ["2"]), "")
        # OpenMP pins each rank's only thread to the first core that the rank may use.
        pinned = self.advice("--set", "compute.threads=1",
                             launcher=RANKS + ["2", "env", "OMP_PROC_BIND=true"])
        self.assertIn("the threads of 2 ranks, 1 each, share 1 core", pinned)
        self.assertIn("OMP_PROC_BIND", pinned.split(";")[1])


if __name__ == "__main__":
    support.main()

#define _GNU_SOURCE /* sched_getaffinity */
#include "base/cores.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has(const gan_cores *cores, int i) {
  return cores->bits[i / 64] >> i % 64 & 1;
}

static void put(gan_cores *cores, int i) {
  if (i >= 0 && i < GAN_CORES_MOST) cores->bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* The first number of a file, -1 where there is none ("max"). */
static long first_number(const char *path) {
  long number = -1;
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  if (fscanf(file, "%ld", &number) != 1) number = -1;
  fclose(file);
  return number;
}

/* A set of hardware threads becomes that of their cores. */
static gan_cores cores_of(const gan_cores *hardware) {
  gan_cores cores = {{0}};
  for (int i = 0; i < GAN_CORES_MOST; i++) {
    char path[96];
    if (!has(hardware, i)) continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i);
    long first = first_number(path);
    put(&cores, first >= 0 ? (int)first : i);
  }
  return cores;
}

/* Hardware threads that the calling thread may use. */
static gan_cores allowed(void) {
  gan_cores set = {{0}};
#ifdef __linux__
  if (sched_getaffinity(0, sizeof set, (cpu_set_t *)&set) == 0) return set;
#endif
  for (int i = 0; i < omp_get_num_procs(); i++) put(&set, i);
  return set;
}

/* A thread that OpenMP has bound shows its own place only; the places together are the process's.
 */
gan_cores gan_cores_of_process(void) {
  gan_cores set = {{0}};
  int ids[GAN_CORES_MOST];
  if (omp_get_num_places() == 0) set = allowed();
  for (int p = 0; p < omp_get_num_places(); p++) {
    int n = omp_get_place_num_procs(p);
    if (n > GAN_CORES_MOST) continue;
    omp_get_place_proc_ids(p, ids);
    for (int i = 0; i < n; i++) put(&set, ids[i]);
  }
  return cores_of(&set);
}

gan_cores gan_cores_of_threads(int threads) {
  gan_cores set = {{0}};
#pragma omp parallel num_threads(threads)
  {
    gan_cores mine = allowed();
#pragma omp critical(gan_cores)
    gan_cores_join(&set, &mine);
  }
  return cores_of(&set);
}

int gan_cores_of_machine(void) {
  gan_cores all = {{0}};
  for (int i = 0; i < sysconf(_SC_NPROCESSORS_ONLN); i++) put(&all, i);
  gan_cores cores = cores_of(&all);
  return gan_cores_count(&cores);
}

int gan_cores_count(const gan_cores *cores) {
  int count = 0;
  for (int i = 0; i < GAN_CORES_MOST; i++) count += has(cores, i);
  return count;
}

void gan_cores_join(gan_cores *cores, const gan_cores *others) {
  for (int i = 0; i < GAN_CORES_MOST / 64; i++) cores->bits[i] |= others->bits[i];
}

/* ---- control groups ---- */

/* "200000 100000": microseconds of processors in so many of the clock; "max": no limit. */
static int quota_of(const char *path) {
  long quota = -1, period = 0;
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  bool limited = fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0;
  fclose(file);
  if (!limited) return 0;
  return quota < period ? 1 : (int)(quota / period);
}

/* The group's path, as version 2 has it: "0::/job_7/step_0". */
static void group_of(char *group, size_t size) {
  char line[512];
  FILE *file = fopen("/proc/self/cgroup", "r");
  *group = '\0';
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "0::", 3) == 0) snprintf(group, size, "%s", line + 3);
  }
  if (file) fclose(file);
}

int gan_cores_quota(void) {
  char group[512], path[600];
  int least = 0;
  group_of(group, sizeof group);
  for (;;) { /* and the groups that it lies in */
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    int quota = quota_of(path);
    if (quota && (!least || quota < least)) least = quota;
    char *slash = strrchr(group, '/');
    if (!slash) break;
    *slash = '\0';
  }
  long quota = first_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"); /* version 1 */
  long period = first_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota > 0 && period > 0) least = quota < period ? 1 : (int)(quota / period);
  return least;
}

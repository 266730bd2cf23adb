#include "train/threads.h"

#include "base/cores.h"
#include "base/memory.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = 64, MOST = 1024 };

/* What a rank tells the others. */
typedef struct {
  char host[HOST];
  gan_cores cores; /* that it may use, or that its threads do */
  int64_t named;   /* threads that the environment asks for, 0: none */
  int limit;       /* on threads, of OpenMP */
  int quota;       /* of processors, of the control group */
  int machine;     /* cores of the machine */
} rank_facts;

/* A node, as the ranks on it see it. */
typedef struct {
  int ranks, cores;
} node_facts;

/* All ranks' facts in rank order, to be freed.  Collective. */
static gan_status gather(gan_comm *comm, rank_facts *mine, rank_facts **all) {
  snprintf(mine->host, sizeof mine->host, "%s", gan_comm_host(comm));
  mine->limit = omp_get_thread_limit();
  mine->quota = gan_cores_quota();
  mine->machine = gan_cores_of_machine();
  *all = gan_alloc((size_t)gan_comm_size(comm), sizeof **all, "the ranks' cores");
  gan_status status = gan_comm_agree(comm, *all ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for the ranks' cores");
  if (status == GAN_OK)
    status = gan_comm_gather(comm, mine, sizeof *mine, *all, "the exchange of the ranks' cores");
  if (status != GAN_OK) gan_free(all);
  return status;
}

/* The node of a rank: cores that its ranks have together, within what their group allows. */
static node_facts node_of(const rank_facts *all, int size, int rank) {
  gan_cores joined = {{0}};
  node_facts node = {0};
  for (int r = 0; r < size; r++) {
    if (strcmp(all[r].host, all[rank].host) != 0) continue;
    node.ranks++;
    gan_cores_join(&joined, &all[r].cores);
  }
  node.cores = gan_cores_count(&joined);
  if (all[rank].quota && all[rank].quota < node.cores) node.cores = all[rank].quota;
  return node;
}

/* ---- auto ---- */

/* The first number of a variable ("4,2" is for nested regions); 0: it is not set, or is none. */
static int64_t number_in(const char *variable) {
  const char *text = getenv(variable);
  long number = text ? strtol(text, NULL, 10) : 0;
  return number < 1 ? 0 : number > MOST ? MOST : number;
}

static const char *const variables[] = {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK", NULL};

/* What the environment asks for; else the cores that a rank is bound to, but no more than its share
 * of the node's. */
static int64_t threads_of(const rank_facts *all, int size, int rank) {
  node_facts node = node_of(all, size, rank);
  int own = gan_cores_count(&all[rank].cores), share = node.cores / node.ranks;
  int64_t threads = all[rank].named ? all[rank].named : own < share ? own : share;
  if (threads > all[rank].limit) threads = all[rank].limit;
  return threads < 1 ? 1 : threads > MOST ? MOST : threads;
}

static int rank_of_least(const rank_facts *all, int size) {
  int least = 0;
  int64_t threads = threads_of(all, size, 0);
  for (int r = 1; r < size; r++) {
    int64_t others = threads_of(all, size, r);
    if (others < threads) least = r;
    if (others < threads) threads = others;
  }
  return least;
}

/* In the words of rank 0, which are shown. */
static void set_origin(gan_config *config, const rank_facts *all, int size, int least,
                       const char *variable) {
  char *text = config->resolved.threads_from;
  size_t room = sizeof config->resolved.threads_from;
  node_facts node = node_of(all, size, 0);
  if (least)
    snprintf(text, room, "auto: as rank %d, which has the fewest", least);
  else if (config->compute.threads == all[0].limit)
    snprintf(text, room, "auto: OMP_THREAD_LIMIT");
  else if (all[0].named)
    snprintf(text, room, "auto: %s", variable ? variable : "the environment of rank 0");
  else
    snprintf(text, room, "auto: %d core%s for %d rank%s on the node", node.cores,
             node.cores == 1 ? "" : "s", node.ranks, node.ranks == 1 ? "" : "s");
}

/* OpenMP gives no more, and products that wait for the rest would wait for ever. */
static gan_status check_limit(const gan_config *config) {
  char place[600];
  if (config->compute.threads <= omp_get_thread_limit()) return GAN_OK;
  return gan_fail(GAN_USAGE, "%s is %lld, but OMP_THREAD_LIMIT allows %d",
                  gan_config_place(config, "compute.threads", place, sizeof place),
                  (long long)config->compute.threads, omp_get_thread_limit());
}

gan_status gan_threads_resolve(gan_comm *comm, gan_config *config) {
  rank_facts mine = {.cores = gan_cores_of_process()}, *all;
  int size = gan_comm_size(comm), i = 0;
  if (config->compute.threads != GAN_AUTO_INT)
    return gan_comm_agree(comm, check_limit(config), "agreeing on compute.threads");
  while (variables[i] && !(mine.named = number_in(variables[i]))) i++;
  GAN_TRY(gather(comm, &mine, &all));
  int least = rank_of_least(all, size);
  config->compute.threads = threads_of(all, size, least);
  set_origin(config, all, size, least, variables[i]);
  gan_free(&all);
  return GAN_OK;
}

/* ---- advice ---- */

/* What to do on a machine with `online` cores. */
static void write_cure(const node_facts *node, int threads, int online, char *text, size_t size) {
  int fit = node->cores / node->ranks;
  if (node->ranks * threads <= online)
    snprintf(text, size,
             "the node has %d: start it with mpirun --bind-to core --map-by slot:PE=%d, or srun "
             "--cpus-per-task=%d --cpu-bind=cores%s",
             online, threads, threads,
             getenv("OMP_PROC_BIND") || getenv("OMP_PLACES")
                 ? ", and leave OMP_PROC_BIND and OMP_PLACES to it"
                 : "");
  else if (fit >= 1)
    snprintf(text, size, "use compute.threads=%d", fit);
  else
    snprintf(text, size, "%sstart at most %d rank%s on a node",
             threads > 1 ? "use compute.threads=1, and " : "", node->cores,
             node->cores == 1 ? "" : "s");
}

gan_status gan_threads_advise(gan_comm *comm, const gan_config *config,
                              char advice[GAN_ADVICE_MAX]) {
  int threads = (int)config->compute.threads, size = gan_comm_size(comm);
  rank_facts mine = {.cores = gan_cores_of_threads(threads)}, *all;
  char cure[GAN_ADVICE_MAX / 2];
  *advice = '\0';
  GAN_TRY(gather(comm, &mine, &all));
  for (int r = 0; r < size && !*advice; r++) {
    node_facts node = node_of(all, size, r);
    if (node.ranks * threads <= node.cores) continue;
    write_cure(&node, threads, all[r].machine, cure, sizeof cure);
    snprintf(advice, GAN_ADVICE_MAX,
             "too few cores: on %s the threads of %d rank%s, %d each, share %d core%s; %s",
             all[r].host, node.ranks, node.ranks == 1 ? "" : "s", threads, node.cores,
             node.cores == 1 ? "" : "s", cure);
  }
  gan_free(&all);
  return GAN_OK;
}

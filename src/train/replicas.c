#include "train/replicas.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum {
  HOST_BYTES = 64,
  NETWORK_PARTS = 3,
  PARTS_MAX = 2 * NETWORK_PARTS + GAN_MOMENTS_MAX,
  NAMED_MAX = 8,
  STATES_MAX = GAN_CHECKPOINT_NETWORKS_MAX + 1
};

struct gan_replicas {
  const gan_task *task;
  int ranks;
  char *hosts;     /* (ranks, HOST_BYTES) */
  gan_digest *all; /* (ranks, states of a rank) */
  bool *odd;       /* (ranks) whether a rank is not with the majority */
  int64_t checks;  /* done so far */
  double seconds;  /* in them, waiting for others included */
};

/* One slab of a learner, and the tensors in it. */
typedef struct {
  const gan_net *net; /* whose tensors they are: the learner's, or its average's */
  const char *moment; /* its name; NULL: it is none */
  const void *slab;
  size_t bytes, number_size;
  gan_tensor_kind kind;
} part;

/* How many they are. */
static int parts_of_network(const gan_net *net, part *parts) {
  parts[0] = (part){net,           NULL,
                    net->params,   (size_t)net->slab_size * sizeof(float),
                    sizeof(float), GAN_TENSOR_PARAM};
  parts[1] = (part){net,           NULL,
                    net->buffers,  (size_t)net->buffer_size * sizeof(float),
                    sizeof(float), GAN_TENSOR_BUFFER};
  parts[2] = (part){net,
                    NULL,
                    net->counters,
                    (size_t)net->counter_count * sizeof(int64_t),
                    sizeof(int64_t),
                    GAN_TENSOR_COUNTER};
  return NETWORK_PARTS;
}

static int parts_of(const gan_learner *learner, part parts[PARTS_MAX]) {
  const gan_net *net = learner->net;
  const gan_optimizer *optimizer = learner->optimizer;
  size_t slab = (size_t)net->slab_size * sizeof(float);
  int count = parts_of_network(net, parts);
  for (int i = 0; i < optimizer->type->moment_count; i++)
    parts[count++] = (part){net,
                            optimizer->type->moments[i],
                            optimizer->moments[i],
                            slab,
                            sizeof(float),
                            GAN_TENSOR_PARAM};
  if (learner->average) count += parts_of_network(learner->average->net, parts + count);
  return count;
}

static gan_digest learner_digest(const gan_learner *learner) {
  const int64_t *step = &learner->optimizer->step;
  part parts[PARTS_MAX];
  gan_digest digests[PARTS_MAX + 2];
  int count = parts_of(learner, parts);
  for (int i = 0; i < count; i++) digests[i] = gan_digest_of(parts[i].slab, parts[i].bytes);
  digests[count++] = gan_digest_of(step, sizeof *step);
  if (learner->average)
    digests[count++] = gan_digest_of(&learner->average->updates, sizeof(int64_t));
  return gan_digest_of(digests, (size_t)count * sizeof *digests);
}

static gan_digest counters_digest(const gan_task *task) {
  int64_t values[GAN_CHECKPOINT_COUNTERS] = {0};
  for (int i = 0; i < task->counter_count; i++) values[i] = *task->counters[i].value;
  return gan_digest_of(values, sizeof values);
}

/* One digest a learner, then that of the task's counters; how many. */
static int states_of(const gan_task *task, gan_digest states[STATES_MAX]) {
  for (int i = 0; i < task->learner_count; i++) states[i] = learner_digest(&task->learners[i]);
  states[task->learner_count] = counters_digest(task);
  return task->learner_count + 1;
}

static gan_status create(const gan_task *task, gan_replicas **out) {
  gan_replicas *replicas;
  GAN_TRY_ALLOC(replicas, 1, "the replica check");
  *out = replicas;
  replicas->task = task;
  replicas->ranks = gan_comm_size(task->comm);
  GAN_TRY_ALLOC(replicas->hosts, replicas->ranks * HOST_BYTES, "the ranks' hosts");
  GAN_TRY_ALLOC(replicas->all, replicas->ranks * STATES_MAX, "the ranks' digests");
  GAN_TRY_ALLOC(replicas->odd, replicas->ranks, "the odd ranks");
  return GAN_OK;
}

gan_status gan_replicas_create(const gan_task *task, gan_replicas **out) {
  char host[HOST_BYTES];
  *out = NULL;
  gan_status status = gan_comm_agree(task->comm, create(task, out),
                                     "agreeing whether all have room for the replica check");
  snprintf(host, sizeof host, "%s", gan_comm_host(task->comm));
  if (status == GAN_OK)
    status = gan_comm_gather(task->comm, host, sizeof host, (*out)->hosts,
                             "the exchange of the hosts' names");
  if (status != GAN_OK) gan_replicas_destroy(out);
  return status;
}

void gan_replicas_destroy(gan_replicas **replicas) {
  if (!*replicas) return;
  gan_free(&(*replicas)->hosts);
  gan_free(&(*replicas)->all);
  gan_free(&(*replicas)->odd);
  gan_free(replicas);
}

/* Whether the ranks' `count` digests from `all` are the same everywhere. */
static bool alike(const gan_replicas *replicas, int count) {
  size_t bytes = (size_t)count * sizeof(gan_digest);
  for (int r = 1; r < replicas->ranks; r++)
    if (memcmp(replicas->all, replicas->all + r * count, bytes) != 0) return false;
  return true;
}

/* Marks the ranks that are not with the majority; without one all of them, and returns false. */
static bool find_odd(gan_replicas *replicas, int count) {
  size_t bytes = (size_t)count * sizeof(gan_digest);
  for (int r = 0; r < replicas->ranks; r++) {
    int same = 0;
    for (int i = 0; i < replicas->ranks; i++) {
      replicas->odd[i] = memcmp(replicas->all + r * count, replicas->all + i * count, bytes) != 0;
      same += !replicas->odd[i];
    }
    if (2 * same > replicas->ranks) return true;
  }
  memset(replicas->odd, true, (size_t)replicas->ranks * sizeof *replicas->odd);
  return false;
}

/* "rank 2 (node7) and rank 5 (node9)"; returns how many are odd. */
static int odd_text(const gan_replicas *replicas, char *text, size_t size) {
  int count = 0, total = 0;
  size_t used = 0;
  for (int r = 0; r < replicas->ranks; r++) total += replicas->odd[r];
  for (int r = 0; r < replicas->ranks && count < NAMED_MAX && used < size; r++) {
    if (!replicas->odd[r]) continue;
    const char *join = count == 0 ? "" : count + 1 == total ? " and " : ", ";
    used += (size_t)snprintf(text + used, size - used, "%srank %d (%s)", join, r,
                             replicas->hosts + r * HOST_BYTES);
    count++;
  }
  if (count < total && used < size)
    snprintf(text + used, size - used, " and %d more", total - count);
  return total;
}

/* Whether a piece of memory differs between ranks.  Collective, as all that follows. */
static gan_status differs(gan_replicas *replicas, const void *bytes, size_t n, bool *out) {
  gan_digest mine = gan_digest_of(bytes, n);
  GAN_TRY(gan_comm_gather(replicas->task->comm, &mine, sizeof mine, replicas->all,
                          "the exchange of digests of a state that differs"));
  *out = !alike(replicas, 1);
  return GAN_OK;
}

/* The first tensor of a learner that differs, as "generator exp_avg of 4.weight". */
static gan_status name_tensor(gan_replicas *replicas, const gan_learner *learner, char *text,
                              size_t size) {
  const int64_t *step = &learner->optimizer->step;
  part parts[PARTS_MAX];
  bool found;
  int count = parts_of(learner, parts);
  for (int p = 0; p < count; p++) {
    const gan_net *net = parts[p].net;
    for (int i = 0; i < net->tensor_count; i++) {
      const gan_tensor *tensor = &net->tensors[i];
      if (tensor->kind != parts[p].kind) continue;
      const char *at = (const char *)parts[p].slab + (size_t)tensor->offset * parts[p].number_size;
      GAN_TRY(differs(replicas, at, (size_t)tensor->size * parts[p].number_size, &found));
      if (!found) continue;
      snprintf(text, size, "%s %s%s%s", net->name, parts[p].moment ? parts[p].moment : "",
               parts[p].moment ? " of " : "", tensor->name);
      return GAN_OK;
    }
  }
  GAN_TRY(differs(replicas, step, sizeof *step, &found));
  snprintf(text, size, "%s %s", learner->net->name,
           found ? "step of the optimizer" : "gaps between its tensors");
  if (found || !learner->average) return GAN_OK;
  GAN_TRY(differs(replicas, &learner->average->updates, sizeof(int64_t), &found));
  if (found) snprintf(text, size, "%s count of updates", learner->average->net->name);
  return GAN_OK;
}

static gan_status name_counter(gan_replicas *replicas, char *text, size_t size) {
  const gan_task *task = replicas->task;
  for (int i = 0; i < task->counter_count; i++) {
    bool found;
    GAN_TRY(differs(replicas, task->counters[i].value, sizeof(int64_t), &found));
    if (found) snprintf(text, size, "counter %s", task->counters[i].name);
    if (found) return GAN_OK;
  }
  return GAN_OK;
}

/* The index of the first state that is not rank 0's on some rank. */
static int first_odd_state(const gan_replicas *replicas, int count) {
  for (int i = 0; i < count; i++)
    for (int r = 1; r < replicas->ranks; r++)
      if (!gan_digest_equal(replicas->all[i], replicas->all[r * count + i])) return i;
  return count - 1;
}

static gan_status report(gan_replicas *replicas, int64_t step, int count) {
  const gan_task *task = replicas->task;
  char ranks[NAMED_MAX * (HOST_BYTES + 32)], where[256] = "";
  int state = first_odd_state(replicas, count);
  bool majority = find_odd(replicas, count);
  int odd = odd_text(replicas, ranks, sizeof ranks);
  if (state < task->learner_count)
    GAN_TRY(name_tensor(replicas, &task->learners[state], where, sizeof where));
  else
    GAN_TRY(name_counter(replicas, where, sizeof where));
  return gan_fail(GAN_INTERNAL,
                  "step %lld: %s %s; the first difference is in %s; no checkpoint is written: "
                  "suspect the memory of %s, and start again without it; the same command goes on "
                  "from the newest checkpoint",
                  (long long)step, ranks,
                  !majority  ? "hold different states, and no majority says which is right"
                  : odd == 1 ? "holds another state than all others"
                             : "hold another state than the majority",
                  where, odd == 1 ? "that node" : "those nodes");
}

gan_status gan_replicas_check(gan_replicas *replicas, int64_t step) {
  gan_digest mine[STATES_MAX];
  double start = gan_clock();
  int count = states_of(replicas->task, mine);
  size_t bytes = (size_t)count * sizeof *mine;
  GAN_TRY(gan_comm_gather(replicas->task->comm, mine, bytes, replicas->all, "the replica check"));
  bool good = alike(replicas, count);
  replicas->checks++;
  replicas->seconds += gan_clock() - start;
  return good ? GAN_OK : report(replicas, step, count);
}

void gan_replicas_log_cost(const gan_replicas *replicas) {
  if (replicas->checks)
    gan_log("replica checks: %lld, %.2f ms each", (long long)replicas->checks,
            1e3 * replicas->seconds / (double)replicas->checks);
}

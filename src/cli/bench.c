/* mpigan bench step: what a training step costs, beside what it cannot cost less than: its matrix
 * products alone and one Adam pass, on this machine, now.
 *
 * mpigan bench reproducible: the price of compute.reproducible, as a ratio. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "kernels/gemm.h"
#include "train/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE "step|reproducible CONFIG.yaml [--set KEY=VALUE ...] [--repeat N]"

typedef struct {
  gan_gemm_call *calls; /* (room) */
  int count, room;      /* count goes on beyond the room */
} call_list;

/* Threads that share the shards call it at the same time. */
static void record(void *context, const gan_gemm_call *call) {
  call_list *list = context;
  int at;
#pragma omp atomic capture
  at = list->count++;
  if (at < list->room) list->calls[at] = *call;
}

/* The products of a step: one to count them, one to keep them. */
static gan_status record_step(gan_task *task, call_list *list) {
  for (int i = 0; i < 2; i++) {
    list->count = 0;
    gan_gemm_observe(record, list);
    gan_status status = task->type->step(task);
    gan_gemm_observe(NULL, NULL);
    GAN_TRY(status);
    if (i > 0) break;
    list->calls = gan_alloc((size_t)list->count, sizeof *list->calls, "a list of products");
    list->room = list->count;
    GAN_TRY(gan_comm_agree(task->comm, list->calls ? GAN_OK : GAN_NO_MEMORY,
                           "agreeing whether all have room for a list of products"));
  }
  return GAN_OK;
}

/* The very products of a step, on the very memory, without what stands between them. */
static void replay(const call_list *list) {
  for (int i = 0; i < list->count; i++) gan_gemm_run(&list->calls[i]);
}

/* Products that are played again find other numbers in the layers' scratch, or what are none. */
static void clear_gradients(gan_task *task) {
  for (int i = 0; i < task->learner_count; i++) gan_net_clear_gradients(task->learners[i].net);
}

/* Once over the weights of each update, with a learning rate of 0 so that they stay. */
static void adam_passes(gan_task *task) {
  const gan_config *config = task->config;
  for (int i = 0; i < task->learner_count; i++) {
    gan_learner *learner = &task->learners[i];
    double lr = learner->adam->lr;
    learner->adam->lr = 0;
    int64_t passes = i == 0 ? config->train.g_steps : config->train.d_steps;
    for (int64_t k = 0; k < passes; k++)
      gan_adam_step_once(learner->adam, learner->net->grads, learner->net->params);
    learner->adam->lr = lr;
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int n) {
  qsort(values, (size_t)n, sizeof *values, ascending);
  return values[n / 2];
}

static double flops(const call_list *list) {
  double sum = 0;
  for (int i = 0; i < list->count; i++)
    sum += 2.0 * (double)list->calls[i].m * (double)list->calls[i].n * (double)list->calls[i].k;
  return sum;
}

static double weights(const gan_task *task) {
  double sum = 0;
  for (int i = 0; i < task->learner_count; i++) sum += (double)task->learners[i].net->slab_size;
  return sum;
}

/* Step, products and Adam in turn, so that a change of the machine's speed meets all three. */
static gan_status measure(gan_session *session, int repeat, call_list *calls, double *times) {
  gan_task *task = session->task;
  double *step = times, *gemm = times + repeat, *adam = times + 2 * repeat;
  for (int i = 0; i < 3; i++) GAN_TRY(task->type->step(task)); /* warm */
  GAN_TRY(record_step(task, calls));
  for (int i = 0; i < repeat; i++) {
    double t0 = gan_clock();
    GAN_TRY(task->type->step(task));
    double t1 = gan_clock();
    replay(calls);
    double t2 = gan_clock();
    clear_gradients(task);
    double t3 = gan_clock();
    adam_passes(task);
    double t4 = gan_clock();
    step[i] = t1 - t0;
    gemm[i] = t2 - t1;
    adam[i] = t4 - t3;
  }
  return GAN_OK;
}

static void report(const gan_session *session, int repeat, const call_list *calls, double *times) {
  char library[512];
  double least = times[0], most = times[0];
  for (int i = 1; i < repeat; i++) {
    if (times[i] < least) least = times[i];
    if (times[i] > most) most = times[i];
  }
  double step = median(times, repeat), gemm = median(times + repeat, repeat);
  double adam = median(times + 2 * repeat, repeat), n = weights(session->task);
  const gan_config *config = &session->config;
  gan_log("%s: global batch %lld, %d rank%s, %lld thread%s, %d steps; %s", config->file,
          (long long)config->train.batch, gan_comm_size(session->comm),
          gan_comm_size(session->comm) == 1 ? "" : "s", (long long)config->compute.threads,
          config->compute.threads == 1 ? "" : "s", repeat,
          gan_gemm_library(library, sizeof library));
  gan_log("step, median          %9.3f ms   (%.3f to %.3f), %.0f images/s", 1e3 * step, 1e3 * least,
          1e3 * most, (double)(config->train.batch * config->train.d_steps) / step);
  gan_log("its matrix products   %9.3f ms   %d calls, %.3f GFLOP at %.1f GFLOP/s", 1e3 * gemm,
          calls->count, 1e-9 * flops(calls), 1e-9 * flops(calls) / gemm);
  gan_log("its Adam passes       %9.3f ms   %.0f weights, 28 bytes each, %.1f GB/s", 1e3 * adam, n,
          1e-9 * 28 * n / adam);
  gan_log("step / (products + Adam)  %.3f", step / (gemm + adam));
}

static gan_status bench_step(gan_session *session, int repeat) {
  call_list calls = {0};
  double *times = gan_alloc(3 * (size_t)repeat, sizeof *times, "times");
  gan_status status = gan_comm_agree(session->comm, times ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for times");
  if (status == GAN_OK) status = measure(session, repeat, &calls, times);
  if (status == GAN_OK) report(session, repeat, &calls, times);
  gan_free(&calls.calls);
  gan_free(&times);
  return status;
}

static gan_status open_session(gan_session *session, const char *config,
                               const gan_argument_list *overrides) {
  GAN_TRY(gan_session_config(session, config, overrides->values, overrides->count));
  GAN_TRY(gan_session_build_synthetic(session));
  gan_task_init(session->task);
  return GAN_OK;
}

static gan_status measure_step(gan_comm *comm, const char *config,
                               const gan_argument_list *overrides, int repeat) {
  gan_session session = {.comm = comm};
  gan_status status = open_session(&session, config, overrides);
  if (status == GAN_OK) status = bench_step(&session, repeat);
  gan_session_reset(&session);
  return status;
}

/* ---- the price of reproducible sums ---- */

enum { VARIANTS = 5 };

typedef struct {
  gan_session session;
  char shards[64]; /* the override */
  double *times;   /* (repeat) */
} variant;

/* The config with plain sums, then with order-free ones on its own number of shards, and on half as
 * many each time, while these fit batch and ranks. */
static gan_status open_variants(gan_comm *comm, const char *config,
                                const gan_argument_list *overrides, int repeat, variant *variants,
                                int *count) {
  int64_t shards = 0;
  for (*count = 0; *count < VARIANTS; ++*count) {
    variant *v = &variants[*count];
    gan_argument_list all = *overrides;
    if (all.count + 2 > GAN_ARGUMENT_LIST_MAX)
      return gan_fail(GAN_USAGE, "bench: --set is given too often");
    if (*count > 1) {
      if (shards % 2 || shards / 2 < gan_comm_size(comm)) break;
      shards /= 2;
      snprintf(v->shards, sizeof v->shards, "data.shards=%lld", (long long)shards);
      all.values[all.count++] = v->shards;
    }
    all.values[all.count++] = *count ? "compute.reproducible=true" : "compute.reproducible=false";
    v->session.comm = comm;
    GAN_TRY(open_session(&v->session, config, &all));
    if (*count == 0) shards = v->session.config.data.shards;
    v->times = gan_alloc((size_t)repeat, sizeof *v->times, "times");
    GAN_TRY(gan_comm_agree(comm, v->times ? GAN_OK : GAN_NO_MEMORY,
                           "agreeing whether all have room for times"));
  }
  return GAN_OK;
}

/* In turn, so that a change of the machine's speed meets all. */
static gan_status measure_variants(variant *variants, int count, int repeat) {
  const int warm = 2;
  for (int i = -warm; i < repeat; i++)
    for (int k = 0; k < count; k++) {
      gan_session *session = &variants[k].session;
      gan_gemm_set_threads(k ? 1 : (int)session->config.compute.threads);
      double start = gan_clock();
      GAN_TRY(session->task->type->step(session->task));
      if (i >= 0) variants[k].times[i] = gan_clock() - start;
    }
  return GAN_OK;
}

static void report_variants(const variant *variants, int count, int repeat) {
  double plain = median(variants[0].times, repeat);
  const gan_config *config = &variants[0].session.config;
  int ranks = gan_comm_size(variants[0].session.comm);
  gan_log("%s: global batch %lld, %d rank%s, %lld thread%s, %d steps each, medians", config->file,
          (long long)config->train.batch, ranks, ranks == 1 ? "" : "s",
          (long long)config->compute.threads, config->compute.threads == 1 ? "" : "s", repeat);
  gan_log("plain sums                                     %9.3f ms", 1e3 * plain);
  for (int k = 1; k < count; k++) {
    long long shards = variants[k].session.config.data.shards;
    double time = median(variants[k].times, repeat);
    gan_log("reproducible, %5lld shards of %5lld samples    %9.3f ms   %.2f times plain", shards,
            (long long)config->train.batch / shards, 1e3 * time, time / plain);
  }
  gan_log(
      "matrix products on few rows are slow: a larger train.batch / data.shards lowers the price; "
      "data.shards is the most ranks that a run can use");
}

static gan_status measure_reproducible(gan_comm *comm, const char *config,
                                       const gan_argument_list *overrides, int repeat) {
  variant *variants = gan_alloc(VARIANTS, sizeof *variants, "sessions");
  int count = 0;
  gan_status status = gan_comm_agree(comm, variants ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for sessions");
  if (status == GAN_OK) status = open_variants(comm, config, overrides, repeat, variants, &count);
  if (status == GAN_OK) status = measure_variants(variants, count, repeat);
  if (status == GAN_OK) report_variants(variants, count, repeat);
  for (int k = 0; variants && k < VARIANTS; k++) {
    gan_session_reset(&variants[k].session);
    gan_free(&variants[k].times);
  }
  gan_free(&variants);
  return status;
}

static const struct {
  const char *name;
  gan_status (*measure)(gan_comm *comm, const char *config, const gan_argument_list *overrides,
                        int repeat);
} measurements[] = {{"step", measure_step}, {"reproducible", measure_reproducible}};

static gan_status run(gan_comm *comm, int argc, char **argv) {
  const char *what = NULL, *config = NULL;
  int64_t repeat = 50;
  gan_argument_list overrides = {.count = 0};
  const gan_argument table[] = {
      {.what = "what to measure (step or reproducible)", .text = &what, .required = true},
      {.what = "CONFIG.yaml", .text = &config, .required = true},
      {.name = "--set", .what = "KEY=VALUE", .list = &overrides},
      {.name = "--repeat", .what = "N", .integer = &repeat, .min = 1, .max = 100000},
  };
  GAN_TRY(gan_arguments_parse("bench", USAGE, table, sizeof table / sizeof *table, argc, argv));
  for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++)
    if (strcmp(what, measurements[i].name) == 0)
      return measurements[i].measure(comm, config, &overrides, (int)repeat);
  return gan_fail(GAN_USAGE, "bench: unknown measurement '%.100s'; there are: step, reproducible",
                  what);
}

const gan_command gan_command_bench = {
    .name = "bench",
    .usage = USAGE,
    .summary = "what a training step costs here, beside its matrix products and Adam alone; "
               "reproducible: the price of compute.reproducible",
    .mpi = GAN_MPI_ALWAYS,
    .run = run,
};

/* mpigan bench step: what a training step costs, beside what it cannot cost less than: its matrix
 * products alone and one Adam pass, on this machine, now. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "kernels/gemm.h"
#include "train/session.h"

#include <stdlib.h>
#include <string.h>

#define USAGE "step CONFIG.yaml [--set KEY=VALUE ...] [--repeat N]"

enum { CALLS_MAX = 4096 };

typedef struct {
  gan_gemm_call calls[CALLS_MAX];
  int count;
} call_list;

static void record(void *context, const gan_gemm_call *call) {
  call_list *list = context;
  GAN_ASSERT(list->count < CALLS_MAX);
  list->calls[list->count++] = *call;
}

/* The very products of a step, on the very memory, without what stands between them. */
static void replay(const call_list *list) {
  for (int i = 0; i < list->count; i++) {
    const gan_gemm_call *call = &list->calls[i];
    gan_gemm(call->transpose_a, call->transpose_b, call->m, call->n, call->k, call->a, call->b,
             call->beta, call->c);
  }
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
  gan_gemm_observe(record, calls);
  gan_status status = task->type->step(task);
  gan_gemm_observe(NULL, NULL);
  GAN_TRY(status);
  for (int i = 0; i < repeat; i++) {
    double t0 = gan_clock();
    GAN_TRY(task->type->step(task));
    double t1 = gan_clock();
    replay(calls);
    double t2 = gan_clock();
    adam_passes(task);
    double t3 = gan_clock();
    step[i] = t1 - t0;
    gemm[i] = t2 - t1;
    adam[i] = t3 - t2;
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
  call_list *calls = gan_alloc(1, sizeof *calls, "a list of products");
  double *times = gan_alloc(3 * (size_t)repeat, sizeof *times, "times");
  gan_status status = calls && times ? GAN_OK : GAN_NO_MEMORY;
  status = gan_comm_agree(session->comm, status);
  if (status == GAN_OK) status = measure(session, repeat, calls, times);
  if (status == GAN_OK) report(session, repeat, calls, times);
  gan_free(&calls);
  gan_free(&times);
  return status;
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  const char *what = NULL, *config = NULL;
  int64_t repeat = 50;
  gan_argument_list overrides = {.count = 0};
  const gan_argument table[] = {
      {.what = "what to measure (step)", .text = &what, .required = true},
      {.what = "CONFIG.yaml", .text = &config, .required = true},
      {.name = "--set", .what = "KEY=VALUE", .list = &overrides},
      {.name = "--repeat", .what = "N", .integer = &repeat, .min = 1, .max = 100000},
  };
  GAN_TRY(gan_arguments_parse("bench", USAGE, table, sizeof table / sizeof *table, argc, argv));
  if (strcmp(what, "step") != 0)
    return gan_fail(GAN_USAGE, "bench: unknown measurement '%.100s'; there is: step", what);
  gan_session session = {.comm = comm};
  gan_status status = gan_session_config(&session, config, overrides.values, overrides.count);
  if (status == GAN_OK) status = gan_session_build_synthetic(&session);
  if (status == GAN_OK) {
    gan_task_init(session.task);
    status = bench_step(&session, (int)repeat);
  }
  gan_session_reset(&session);
  return status;
}

const gan_command gan_command_bench = {
    .name = "bench",
    .usage = USAGE,
    .summary = "what a training step costs here, beside its matrix products and Adam alone",
    .starts_mpi = true,
    .run = run,
};

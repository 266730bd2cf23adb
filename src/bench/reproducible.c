/* The price of reproducible sums: steps of the config with plain sums, then with order-free ones on
 * its own number of shards, and on half as many each time, while these fit batch and ranks. */
#include "base/log.h"
#include "base/memory.h"
#include "bench/timing.h"
#include "bench/trial.h"
#include "kernels/gemm.h"

enum { VARIANTS = 5 };

typedef struct {
  gan_trial trial;
  int library_threads;
  double *times; /* (repeat) */
} variant;

/* The library's threads are the process's, not the session's. */
static gan_status step(void *context) {
  variant *v = context;
  gan_gemm_set_threads(v->library_threads);
  return gan_trial_step(&v->trial);
}

static gan_status open_variants(const gan_bench *bench, variant *variants, int *count) {
  int64_t shards = 0;
  for (*count = 0; *count < VARIANTS; ++*count) {
    variant *v = &variants[*count];
    if (*count > 1) {
      if (shards % 2 || shards / 2 < gan_comm_size(bench->comm)) break;
      shards /= 2;
      gan_trial_set(&v->trial, "data.shards=%lld", (long long)shards);
    }
    gan_trial_set(&v->trial, "compute.reproducible=%s", *count ? "true" : "false");
    GAN_TRY(gan_trial_open(&v->trial, bench, bench->comm));
    const gan_config *config = &v->trial.session.config;
    if (*count == 0) shards = config->data.shards;
    v->library_threads = *count ? 1 : (int)config->compute.threads;
    GAN_TRY(gan_bench_doubles(bench->comm, (size_t)bench->repeat, &v->times));
  }
  return GAN_OK;
}

static gan_status measure(variant *variants, int count, int repeat) {
  gan_rival rivals[VARIANTS];
  for (int k = 0; k < count; k++)
    rivals[k] = (gan_rival){.run = step, .context = &variants[k], .times = variants[k].times};
  return gan_rivals_run(rivals, count, 2, repeat);
}

static const gan_column columns[] = {
    {"sums", "sums", -12, 0, 0},
    {"shards", "shards", 6, 0, 1},
    {"samples_a_shard", "samples a shard", 15, 0, 1},
    {"seconds", "step ms", 9, 3, 1e3},
    {"seconds_low", NULL, 0, 0, 0},
    {"seconds_high", NULL, 0, 0, 0},
    {"ratio", "times plain", 11, 2, 1},
};

static void report_variants(const gan_bench *bench, variant *variants, int count,
                            gan_bench_report *report) {
  double plain = 0;
  gan_bench_report_table(report, "variants", columns, sizeof columns / sizeof *columns);
  for (int k = 0; k < count; k++) {
    const gan_config *config = &variants[k].trial.session.config;
    gan_quartiles time = gan_quartiles_of(variants[k].times, bench->repeat);
    if (k == 0) plain = time.median;
    gan_bench_report_row(report, (gan_cell[]){
                                     GAN_TEXT(k ? "reproducible" : "plain"),
                                     GAN_NUMBER(config->data.shards),
                                     GAN_NUMBER(config->train.batch / config->data.shards),
                                     GAN_NUMBER(time.median),
                                     GAN_NUMBER(time.low),
                                     GAN_NUMBER(time.high),
                                     GAN_NUMBER(time.median / plain),
                                 });
  }
  gan_log(
      "matrix products on few rows are slow: a larger train.batch / data.shards lowers the price; "
      "data.shards is the most ranks that a run can use");
}

static gan_status measure_and_report(const gan_bench *bench, variant *variants) {
  gan_bench_report report;
  int count, nodes;
  GAN_TRY(open_variants(bench, variants, &count));
  GAN_TRY(gan_bench_nodes(bench->comm, &nodes));
  GAN_TRY(measure(variants, count, bench->repeat));
  gan_bench_report_begin(&report, "reproducible");
  gan_trial_describe(&variants[0].trial, bench, nodes, &report);
  report_variants(bench, variants, count, &report);
  return gan_bench_report_end(&report, bench->comm, bench->json);
}

gan_status gan_bench_reproducible(const gan_bench *bench) {
  variant *variants = gan_alloc(VARIANTS, sizeof *variants, "sessions");
  gan_status status = gan_comm_agree(bench->comm, variants ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for sessions");
  if (status == GAN_OK) status = measure_and_report(bench, variants);
  for (int k = 0; variants && k < VARIANTS; k++) {
    gan_trial_reset(&variants[k].trial);
    gan_free(&variants[k].times);
  }
  gan_free(&variants);
  return status;
}

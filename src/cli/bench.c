/* mpigan bench: what to measure, and on what; src/bench does it. */
#include "bench/bench.h"
#include "cli/arguments.h"
#include "cli/cli.h"

#include <string.h>

#define USAGE                                                                                      \
  "step|gemm|allreduce|scaling|reproducible CONFIG.yaml [--set KEY=VALUE ...] [--repeat N] "       \
  "[--json FILE] [--plot FILE.svg] [--predict nodes=N latency=T bandwidth=R [KEY=VALUE ...]]"

static const struct {
  const char *name;
  gan_status (*measure)(const gan_bench *bench);
  int64_t repeat;
} measurements[] = {
    {"step", gan_bench_step, 50},
    {"gemm", gan_bench_gemm, 15},
    {"allreduce", gan_bench_allreduce, 25},
    {"scaling", gan_bench_scaling, 15},
    {"reproducible", gan_bench_reproducible, 50},
};

enum { MEASUREMENTS = sizeof measurements / sizeof *measurements };

static const char *name_of(const void *table, int i) {
  (void)table;
  return measurements[i].name;
}

static gan_status find(const char *what, int *out) {
  for (*out = 0; *out < MEASUREMENTS; ++*out)
    if (strcmp(what, measurements[*out].name) == 0) return GAN_OK;
  const char *nearest = gan_nearest(what, MEASUREMENTS, name_of, measurements);
  return gan_fail(GAN_USAGE,
                  "bench: unknown measurement '%.100s'%s%s%s; there are: step, gemm, allreduce, "
                  "scaling, reproducible",
                  what, nearest ? " (did you mean '" : "", nearest ? nearest : "",
                  nearest ? "'?)" : "");
}

/* Words with a '=' describe a network, in front of the config or behind it. */
static gan_status sort_words(const gan_argument_list *words, gan_argument_list *network,
                             gan_bench *bench) {
  for (int i = 0; i < words->count; i++) {
    const char *word = words->values[i];
    if (bench->predict && strchr(word, '='))
      network->values[network->count++] = word;
    else if (!bench->config)
      bench->config = word;
    else
      return gan_fail(GAN_USAGE, "bench: unexpected argument '%.100s'\nusage: mpigan bench %s",
                      word, USAGE);
  }
  bench->network = network->values;
  bench->network_count = network->count;
  if (bench->config) return GAN_OK;
  return gan_fail(GAN_USAGE, "bench: CONFIG.yaml is missing\nusage: mpigan bench %s", USAGE);
}

/* Options that only some measurements have. */
static gan_status check_options(const gan_bench *bench, const char *what) {
  bool scaling = strcmp(what, "scaling") == 0;
  if (!scaling && bench->predict)
    return gan_fail(GAN_USAGE, "bench: --predict belongs to scaling, not to %s", what);
  if (!scaling && bench->plot)
    return gan_fail(GAN_USAGE, "bench: --plot belongs to scaling, not to %s", what);
  size_t length = bench->plot ? strlen(bench->plot) : 0;
  if (bench->plot && (length < 4 || strcmp(bench->plot + length - 4, ".svg") != 0))
    return gan_fail(GAN_USAGE, "bench: --plot is '%.200s'; the plot is SVG: call it FILE.svg",
                    bench->plot);
  return GAN_OK;
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  const char *what = NULL;
  int64_t repeat = 0;
  int which;
  gan_bench bench = {.comm = comm};
  gan_argument_list overrides = {.count = 0}, words = {.count = 0}, network = {.count = 0};
  const gan_argument table[] = {
      {.what = "what to measure", .text = &what, .required = true},
      {.what = "CONFIG.yaml", .list = &words},
      {.name = "--set", .what = "KEY=VALUE", .list = &overrides},
      {.name = "--repeat", .what = "N", .integer = &repeat, .min = 1, .max = 100000},
      {.name = "--json", .what = "FILE", .text = &bench.json},
      {.name = "--plot", .what = "FILE.svg", .text = &bench.plot},
      {.name = "--predict", .flag = &bench.predict},
  };
  GAN_TRY(gan_arguments_parse("bench", USAGE, table, sizeof table / sizeof *table, argc, argv));
  GAN_TRY(find(what, &which));
  GAN_TRY(sort_words(&words, &network, &bench));
  GAN_TRY(check_options(&bench, what));
  bench.overrides = overrides.values;
  bench.override_count = overrides.count;
  bench.repeat = (int)(repeat ? repeat : measurements[which].repeat);
  return measurements[which].measure(&bench);
}

const gan_command gan_command_bench = {
    .name = "bench",
    .usage = USAGE,
    .summary = "what this machine can do, and what a step costs on it: phases against their floor, "
               "matrix products, sums, ranks; a prediction for larger machines",
    .mpi = GAN_MPI_ALWAYS,
    .run = run,
};

#include "bench/bench.h"
#include "cli/arguments.h"
#include "cli/cli.h"

#include <string.h>

#define USAGE "step|reproducible CONFIG.yaml [--set KEY=VALUE ...] [--repeat N] [--json FILE]"

static const struct {
  const char *name;
  gan_status (*measure)(const gan_bench *bench);
} measurements[] = {
    {"step", gan_bench_step},
    {"gemm", gan_bench_gemm},
    {"allreduce", gan_bench_allreduce},
    {"reproducible", gan_bench_reproducible},
};

static gan_status run(gan_comm *comm, int argc, char **argv) {
  const char *what = NULL;
  int64_t repeat = 50;
  gan_bench bench = {.comm = comm};
  gan_argument_list overrides = {.count = 0};
  const gan_argument table[] = {
      {.what = "what to measure (step or reproducible)", .text = &what, .required = true},
      {.what = "CONFIG.yaml", .text = &bench.config, .required = true},
      {.name = "--set", .what = "KEY=VALUE", .list = &overrides},
      {.name = "--repeat", .what = "N", .integer = &repeat, .min = 1, .max = 100000},
      {.name = "--json", .what = "FILE", .text = &bench.json},
  };
  GAN_TRY(gan_arguments_parse("bench", USAGE, table, sizeof table / sizeof *table, argc, argv));
  bench.overrides = overrides.values;
  bench.override_count = overrides.count;
  bench.repeat = (int)repeat;
  for (size_t i = 0; i < sizeof measurements / sizeof *measurements; i++)
    if (strcmp(what, measurements[i].name) == 0) return measurements[i].measure(&bench);
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

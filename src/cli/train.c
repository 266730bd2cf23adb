#include "train/train.h"
#include "cli/arguments.h"
#include "cli/cli.h"

#define USAGE                                                                                      \
  "CONFIG.yaml [--set KEY=VALUE ...] [--run-dir DIR] [--resume auto|never|CHECKPOINT] "            \
  "[--force-config] [--dry-run]"

static gan_status run(gan_comm *comm, int argc, char **argv) {
  gan_train_options options = {.resume = "auto"};
  gan_argument_list overrides = {.count = 0};
  const gan_argument table[] = {
      {.what = "CONFIG.yaml", .text = &options.config, .required = true},
      {.name = "--set", .what = "KEY=VALUE", .list = &overrides},
      {.name = "--run-dir", .what = "DIR", .text = &options.run_dir},
      {.name = "--resume", .what = "auto, never or a checkpoint", .text = &options.resume},
      {.name = "--force-config", .flag = &options.force_config},
      {.name = "--dry-run", .flag = &options.dry_run},
  };
  GAN_TRY(gan_arguments_parse("train", USAGE, table, sizeof table / sizeof *table, argc, argv));
  options.overrides = overrides.values;
  options.override_count = overrides.count;
  return gan_train(comm, &options);
}

const gan_command gan_command_train = {
    .name = "train",
    .usage = USAGE,
    .summary = "train as the config says; continues a run that was stopped",
    .mpi = GAN_MPI_ALWAYS,
    .saves_on_signals = true,
    .run = run,
};

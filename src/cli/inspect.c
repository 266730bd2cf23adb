#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/store.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/history.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>

#define USAGE "CHECKPOINT|RUN_DIR [--verify]"

enum { TEXT = 4096 };

/* A network's tensors, collected so that their sum can be printed above them. */
typedef struct {
  long long total;
  char lines[16 * TEXT];
  size_t used;
} tensor_list;

static void add_tensor(void *context, const char *name, int rank, const int64_t *dims) {
  tensor_list *list = context;
  char shape[GAN_DIMS_TEXT];
  long long size = 1;
  for (int i = 0; i < rank; i++) size *= dims[i];
  list->total += size;
  if (list->used < sizeof list->lines)
    list->used += (size_t)snprintf(list->lines + list->used, sizeof list->lines - list->used,
                                   "\n  %-24s %s", name, gan_dims_text(rank, dims, shape));
}

/* Each name of a comma-separated list. */
static gan_status print_networks(gan_checkpoint *checkpoint) {
  const char *at = gan_checkpoint_networks(checkpoint);
  gan_status status = GAN_OK;
  tensor_list *list;
  GAN_TRY_ALLOC(list, 1, "a list of tensors");
  while (status == GAN_OK && *at) {
    char name[64];
    size_t length = strcspn(at, ",");
    snprintf(name, sizeof name, "%.*s", (int)length, at);
    at += length + (at[length] == ',');
    *list = (tensor_list){0};
    status = gan_checkpoint_tensors(checkpoint, name, "param", add_tensor, list);
    if (status == GAN_OK) gan_log("%s: %lld parameters%s", name, list->total, list->lines);
  }
  gan_free(&list);
  return status;
}

/* Of a conditional model: its classes, and how each network gets them. */
static void print_classes(const gan_config *config) {
  char labels[256], generator[32], discriminator[32];
  gan_options options = gan_config_options();
  const gan_option *of_generator = gan_options_find(options, "model.label.generator");
  const gan_option *of_discriminator = gan_options_find(options, "model.label.discriminator");
  if (!config->model.classes) return;
  gan_log("conditional on %lld classes (%s); generator: %s, discriminator: %s",
          (long long)config->model.classes, gan_config_classes_text(config, labels, sizeof labels),
          gan_option_text(of_generator, config, generator, sizeof generator),
          gan_option_text(of_discriminator, config, discriminator, sizeof discriminator));
}

/* A config that another version wrote may not parse; what else the file holds is shown all the
 * same.
 */
static void print_model(const gan_checkpoint *checkpoint) {
  const char *text = gan_checkpoint_config(checkpoint), *path = gan_checkpoint_path(checkpoint);
  gan_layer_schemas layers = gan_layer_table();
  gan_config config;
  if (gan_config_parse(&config, text, strlen(text), path, NULL, 0, 1, &layers) == GAN_OK) {
    print_classes(&config);
  } else {
    gan_log("its config is not one of this version's: %s", gan_error_message());
    gan_fail_clear();
  }
  gan_config_reset(&config);
}

static gan_status print_checkpoint(gan_checkpoint *checkpoint) {
  const gan_run_facts *facts = gan_checkpoint_facts(checkpoint);
  const gan_data_facts *data = &facts->data;
  char time[32], digest[33];
  gan_log("%s: verified", gan_checkpoint_path(checkpoint));
  gan_log("task %s, step %lld, epoch %.4g, %s of training on %lld rank%s, seed %lld, by mpigan %s",
          gan_checkpoint_task(checkpoint), (long long)facts->step, facts->epoch,
          gan_duration_text(time, facts->elapsed_s), (long long)facts->world_size,
          facts->world_size == 1 ? "" : "s", (long long)facts->seed,
          gan_checkpoint_program(checkpoint));
  if (facts->rollbacks)
    gan_log("roll-backs: %lld, learning rates are %g of the config's", (long long)facts->rollbacks,
            facts->lr_factor);
  if (facts->skipped)
    gan_log("steps with a skipped update: %lld, the last %lld in a row", (long long)facts->skipped,
            (long long)facts->skipped_in_a_row);
  gan_log("data: %lld rows of %lldx%lldx%lld in [%g, %g], %lld classes, digest %s",
          (long long)data->n, (long long)data->h, (long long)data->w, (long long)data->c, data->low,
          data->high, (long long)data->classes, gan_digest_text(digest, data->digest));
  print_model(checkpoint);
  GAN_TRY(print_networks(checkpoint));
  gan_log("config:\n%s", gan_checkpoint_config(checkpoint));
  return GAN_OK;
}

/* Every checkpoint of a run; the first damaged one decides the status. */
static gan_status verify_folder(const char *run_dir) {
  char **names, *folder = gan_format("%s/checkpoints", run_dir);
  int count, damaged = 0;
  if (!folder) return GAN_NO_MEMORY;
  gan_status status = gan_folder_list(folder, "step-", ".h5", &names, &count);
  for (int i = 0; status == GAN_OK && i < count; i++) {
    gan_checkpoint *checkpoint;
    char *path = gan_format("%s/%s", folder, names[i]);
    status = path ? gan_checkpoint_open(path, &checkpoint) : GAN_NO_MEMORY;
    if (status == GAN_OK) {
      gan_log("%s: verified", path);
      gan_checkpoint_close(&checkpoint);
    } else if (status == GAN_INPUT) {
      gan_log("%s", gan_error_message());
      damaged++;
      status = GAN_OK;
    }
    gan_free(&path);
  }
  if (status == GAN_OK) gan_names_free(&names, count);
  if (status == GAN_OK && (damaged || !count))
    status =
        gan_fail(GAN_INPUT, count ? "%s: %d of %d checkpoints are damaged" : "%s: no checkpoint",
                 folder, damaged, count);
  gan_free(&folder);
  return status;
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  (void)comm;
  const char *path = NULL;
  bool verify = false;
  const gan_argument table[] = {
      {.what = "CHECKPOINT or RUN_DIR", .text = &path, .required = true},
      {.name = "--verify", .flag = &verify},
  };
  GAN_TRY(gan_arguments_parse("inspect", USAGE, table, sizeof table / sizeof *table, argc, argv));
  gan_checkpoint *checkpoint = NULL;
  if (verify && gan_folder_exists(path)) return verify_folder(path);
  if (!verify && gan_folder_exists(path)) GAN_TRY(gan_history_print(path));
  GAN_TRY(gan_store_open(path, &checkpoint));
  gan_status status = GAN_OK;
  if (verify)
    gan_log("%s: verified", gan_checkpoint_path(checkpoint));
  else
    status = print_checkpoint(checkpoint);
  gan_checkpoint_close(&checkpoint);
  return status;
}

const gan_command gan_command_inspect = {
    .name = "inspect",
    .usage = USAGE,
    .summary = "what is in a checkpoint or run folder; --verify: is it whole",
    .run = run,
};

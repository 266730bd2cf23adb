#include "bench/trial.h"

#include "base/log.h"
#include "base/memory.h"
#include "kernels/gemm.h"
#include "kernels/onednn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_MAX = 256 };

void gan_trial_set(gan_trial *trial, const char *format, ...) {
  GAN_ASSERT(trial->setting_count < GAN_TRIAL_SETTINGS);
  va_list args;
  va_start(args, format);
  vsnprintf(trial->settings[trial->setting_count++], sizeof trial->settings[0], format, args);
  va_end(args);
}

gan_status gan_trial_read(gan_trial *trial, const gan_bench *bench, gan_comm *comm) {
  int count = bench->override_count;
  trial->session.comm = comm;
  const char **all = gan_alloc((size_t)(count + trial->setting_count), sizeof *all, "settings");
  gan_status status = gan_comm_agree(comm, all ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for settings");
  if (status == GAN_OK) {
    for (int i = 0; i < count; i++) all[i] = bench->overrides[i];
    for (int i = 0; i < trial->setting_count; i++) all[count + i] = trial->settings[i];
    status = gan_session_config(&trial->session, bench->config, all, count + trial->setting_count);
  }
  gan_free(&all);
  return status;
}

gan_status gan_bench_threads(const gan_bench *bench, int64_t *threads) {
  gan_trial trial = {.setting_count = 0};
  gan_status status = gan_trial_read(&trial, bench, bench->comm);
  *threads = trial.session.config.compute.threads;
  gan_trial_reset(&trial);
  return status;
}

gan_status gan_trial_open(gan_trial *trial, const gan_bench *bench, gan_comm *comm) {
  GAN_TRY(gan_trial_read(trial, bench, comm));
  GAN_TRY(gan_session_build_synthetic(&trial->session));
  gan_task_init(trial->session.task);
  return GAN_OK;
}

void gan_trial_reset(gan_trial *trial) {
  gan_session_reset(&trial->session);
}

gan_status gan_trial_step(void *trial) {
  gan_task *task = ((gan_trial *)trial)->session.task;
  return task->type->step(task);
}

gan_status gan_bench_doubles(gan_comm *comm, size_t n, double **out) {
  *out = gan_alloc(n, sizeof **out, "times");
  return gan_comm_agree(comm, *out ? GAN_OK : GAN_NO_MEMORY,
                        "agreeing whether all have room for times");
}

static int by_name(const void *a, const void *b) {
  return strncmp(a, b, HOST_MAX);
}

gan_status gan_bench_nodes(gan_comm *comm, int *nodes) {
  int ranks = gan_comm_size(comm);
  char mine[HOST_MAX] = "";
  snprintf(mine, sizeof mine, "%s", gan_comm_host(comm));
  char *hosts = gan_alloc((size_t)ranks, HOST_MAX, "names of hosts");
  gan_status status = gan_comm_agree(comm, hosts ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for the hosts' names");
  if (status == GAN_OK) status = gan_comm_gather(comm, mine, HOST_MAX, hosts, "the hosts' names");
  *nodes = 1;
  if (status == GAN_OK) {
    qsort(hosts, (size_t)ranks, HOST_MAX, by_name);
    for (int i = 1; i < ranks; i++)
      *nodes += by_name(hosts + (i - 1) * HOST_MAX, hosts + i * HOST_MAX) != 0;
  }
  gan_free(&hosts);
  return status;
}

void gan_trial_describe(const gan_trial *trial, const gan_bench *bench, int nodes,
                        gan_bench_report *report) {
  char library[512], products[256];
  const gan_config *config = &trial->session.config;
  int ranks = gan_comm_size(bench->comm);
  long long threads = config->compute.threads;
  gan_gemm_library(library, sizeof library);
  gan_log("%s: global batch %lld, %d rank%s on %d node%s, %lld thread%s, %d repeats; %s",
          config->file, (long long)config->train.batch, ranks, ranks == 1 ? "" : "s", nodes,
          nodes == 1 ? "" : "s", threads, threads == 1 ? "" : "s", bench->repeat, library);
  gan_compute now = gan_compute_now();
  const char *precision = now.precision == GAN_PRECISION_BF16 ? "bf16" : "fp32";
  if (now.library == GAN_LIBRARY_ONEDNN)
    gan_onednn_text(products, sizeof products);
  else
    snprintf(products, sizeof products, "OpenBLAS");
  gan_log("products: %s, %s", products, precision);
  gan_json *head = &report->head;
  gan_json_text(head, "config", config->file);
  gan_json_int(head, "batch", config->train.batch);
  gan_json_int(head, "ranks", ranks);
  gan_json_int(head, "nodes", nodes);
  gan_json_int(head, "threads", threads);
  gan_json_int(head, "repeat", bench->repeat);
  gan_json_text(head, "library", library);
  gan_json_text(head, "products_by", products);
  gan_json_text(head, "precision", precision);
}

#include "train/plan.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/version.h"
#include "kernels/gemm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_config(const gan_session *session) {
  gan_options options = gan_config_options();
  const gan_config *config = &session->config;
  for (int i = 0; i < options.count; i++) {
    char value[2048], origin[512];
    gan_option_text(&options.rows[i], config, value, sizeof value);
    gan_origin_text(origin, sizeof origin, config->origins[i]);
    gan_log("  %-28s %-24s %s", options.rows[i].key, value, origin);
  }
}

static void print_network(const gan_learner *learner) {
  const gan_net *net = learner->net;
  char in[64], out[64], slab[16], activations[16];
  gan_bytes_text(slab, (double)net->slab_size * sizeof(float));
  gan_bytes_text(activations, (double)net->activation_bytes);
  gan_log("%s: %s -> %s, %lld parameters in %d layers", net->name, gan_shape_text(net->in, in),
          gan_shape_text(net->out, out), (long long)net->param_count, net->layer_count);
  gan_log("  memory: weights %s, gradients %s, moments 2 x %s, activations %s", slab, slab, slab,
          activations);
}

/* "16 shards; ranks own 5 or 6 of them, 40 or 48 samples of a batch" */
static void print_split(const gan_session *session) {
  const gan_config *config = &session->config;
  int ranks = gan_comm_size(session->comm);
  long long shards = config->data.shards, batch = config->train.batch;
  long long low = shards / ranks, high = (shards + ranks - 1) / ranks;
  gan_log("batch: %lld samples over %lld shards of the data, %lld from each", batch, shards,
          batch / shards);
  if (low == high)
    gan_log("  each of %d ranks owns %lld shards: %lld samples of a batch", ranks, low,
            low * batch / shards);
  else
    gan_log("  each of %d ranks owns %lld or %lld shards: %lld or %lld samples of a batch; the "
            "larger ones set the pace",
            ranks, low, high, low * batch / shards, high * batch / shards);
}

/* What a rank holds of the data. */
static void print_data_memory(const gan_session *session) {
  const gan_config *config = &session->config;
  const gan_data_info *info = &session->info;
  double row = (double)gan_data_row_bytes(info), ranks = gan_comm_size(session->comm);
  gan_window_cut cut = gan_dataset_cut(config, info);
  char size[16];
  if (config->data.cache == GAN_CACHE_MEMORY) {
    gan_log("  about %s a rank", gan_bytes_text(size, (double)info->n * row / ranks));
    return;
  }
  long long window = gan_window_rows_max(cut, (info->n - 1) / config->data.shards + 1);
  gan_bytes_text(size, 2 * row * (double)window * ceil((double)config->data.shards / ranks));
  gan_log("  streamed: two windows a shard, of %lld rows in blocks of %lld: at most %s a rank",
          window, (long long)cut.block, size);
}

void gan_plan_print(const gan_session *session, const char *run_dir) {
  const gan_config *config = &session->config;
  char data[256], library[512];
  const gan_data_info *info = &session->info;
  int64_t steps = gan_session_steps(session);
  double step_samples = (double)(config->train.batch * config->train.d_steps);
  gan_log("mpigan %s (%s, %s)", gan_version(), gan_git_hash(), gan_build_type());
  gan_log("config %s", config->file);
  print_config(session);
  gan_log("run folder: %s", run_dir);
  gan_log("data: %s: %s", config->data.path, gan_data_info_text(info, data, sizeof data));
  print_data_memory(session);
  gan_log("ranks: %d, %lld thread%s each; %s", gan_comm_size(session->comm),
          (long long)config->compute.threads, config->compute.threads == 1 ? "" : "s",
          gan_gemm_library(library, sizeof library));
  print_split(session);
  for (int i = 0; i < session->task->learner_count; i++) print_network(&session->task->learners[i]);
  gan_log("length: %lld steps, %.4g epochs of %.4g steps", (long long)steps,
          (double)steps * step_samples / (double)info->n, (double)info->n / step_samples);
}

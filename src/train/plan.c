#include "train/plan.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/version.h"
#include "checkpoint/snapshot.h"
#include "config/networks.h"
#include "kernels/compute.h"
#include "kernels/gemm.h"
#include "kernels/onednn.h"
#include "optim/schedule.h"
#include "train/evaluations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A checkpoint is a copy of the state, the file's image that HDF5 builds of it, and that image
 * again on its way to the disk. */
static const double CHECKPOINT_COPIES = 3;

/* What OpenBLAS was seen to touch of the buffers that it packs matrices into, a thread. */
static const double BLAS_BYTES = 8 << 20;

static void print_config(const gan_session *session) {
  gan_options options = gan_config_options();
  const gan_config *config = &session->config;
  for (int i = 0; i < options.count; i++) {
    char value[2048], origin[512];
    gan_option_text(&options.rows[i], config, value, sizeof value);
    gan_origin_text(origin, sizeof origin, config->origins[i]);
    if (strcmp(options.rows[i].key, "compute.threads") == 0 && *config->resolved.threads_from)
      snprintf(origin, sizeof origin, "%s", config->resolved.threads_from);
    gan_log("  %-28s %-24s %s", options.rows[i].key, value, origin);
  }
}

/* A line a layer: name, kind, the shape that it gives, how many numbers it learns, and what
 * multiplies. */
static void print_layers(const gan_net *net) {
  const gan_tensor *tensor = net->tensors;
  for (int i = 0; i < net->layer_count; i++) {
    const gan_layer *layer = &net->layers[i];
    char shape[64];
    int64_t learned = 0;
    for (int t = 0; t < layer->tensor_count; t++, tensor++)
      if (tensor->kind == GAN_TENSOR_PARAM) learned += tensor->size;
    if (*layer->name)
      gan_log("  %-18s %-18s %12s %12lld%s%s", layer->name, layer->type->schema.name,
              gan_shape_text(layer->out, shape), (long long)learned,
              layer->product.samples ? "  " : "",
              layer->product.samples ? gan_product_text(&layer->product) : "");
  }
}

/* Whether an update of the discriminator takes one pass or two, and why. */
static void print_passes(const gan_net *net) {
  const gan_layer *layer;
  const char *why = gan_net_apart(net, &layer);
  if (why)
    gan_log("  it sees real and generated samples in a pass each: layer %s (%s) %s", layer->name,
            layer->type->schema.name, why);
  else
    gan_log("  it sees real and generated samples in one pass");
}

static void print_packs(const gan_config *config) {
  long long m = config->model.packing;
  if (m > 1)
    gan_log("  it judges packs of %lld samples: %lld of a batch", m,
            (long long)config->train.batch / m);
}

static void print_average(const gan_average *average) {
  char warmup[96] = "", slab[16];
  if (average->warmup > 0)
    snprintf(warmup, sizeof warmup, ", at most %g of the images so far", average->warmup);
  gan_log("  %s: a moving average of its weights, half-life %.6g images%s; it makes the samples; "
          "memory: %s",
          average->net->name, average->half_life, warmup,
          gan_bytes_text(slab, (double)average->net->slab_size * sizeof(float)));
}

static void print_penalty(const gan_config *config, const gan_net *net) {
  char bytes[16], times[48] = "in every update";
  long long every = config->train.penalty_every;
  if (config->train.penalty == GAN_PENALTY_NONE) return;
  if (every > 1) snprintf(times, sizeof times, "in one update of %lld, times %lld", every, every);
  gan_bytes_text(bytes, (double)net->tangent.bytes);
  gan_log(
      "  it pays for its gradient: %s, weight %g, %s; directions take %s of the activations",
      gan_options_find(gan_config_options(), "train.penalty.type")->choices[config->train.penalty],
      config->train.penalty_weight, times, bytes);
}

static void print_judge(const gan_config *config, const gan_net *net) {
  print_passes(net);
  print_packs(config);
  print_penalty(config, net);
}

static void print_network(const gan_learner *learner) {
  const gan_net *net = learner->net;
  char in[64], out[64], slab[16], activations[16], sums[256];
  gan_bytes_text(slab, (double)net->slab_size * sizeof(float));
  gan_bytes_text(activations, (double)net->activation_bytes);
  gan_log("%s: %s -> %s, %lld parameters in %d layers", net->name, gan_shape_text(net->in, in),
          gan_shape_text(net->out, out), (long long)net->param_count, net->layer_count);
  print_layers(net);
  if (net->buckets.reducer)
    gan_log("  sums of gradients: %s", gan_reducer_text(net->buckets.reducer, sums, sizeof sums));
  gan_log("  memory: weights %s, gradients %lld x %s, moments %d x %s, activations %s", slab,
          (long long)gan_net_parts(net), slab, learner->optimizer->type->moment_count, slab,
          activations);
  if (learner->average) print_average(learner->average);
}

/* Numbers of ranks that own equally many of so many shards: the divisors, those near `ranks` where
 * they are many.  "1, 2, 4, 8, 16" */
static char *even_ranks(int64_t shards, int ranks, char text[128]) {
  enum { BELOW = 6, ALL = 2 * BELOW };
  int64_t found[ALL] = {0};
  int count = 0, used = 0;
  for (int64_t d = 1; d <= shards && count < ALL; d++) {
    if (shards % d) continue;
    if (count == BELOW && d <= ranks) memmove(found, found + 1, --count * sizeof *found);
    found[count++] = d;
  }
  for (int i = 0; i < count; i++)
    used += snprintf(text + used, 128 - (size_t)used, "%s%lld", i ? ", " : "", (long long)found[i]);
  return text;
}

static void print_split(const gan_session *session) {
  const gan_config *config = &session->config;
  int ranks = gan_comm_size(session->comm);
  long long shards = config->data.shards, batch = config->train.batch;
  long long low = shards / ranks, high = (shards + ranks - 1) / ranks;
  char origin[64] = "", even[128];
  if (config->resolved.batch_per_rank)
    snprintf(origin, sizeof origin, " (batch_per_rank %lld x %d ranks)",
             (long long)config->resolved.batch_per_rank, config->resolved.ranks);
  gan_log("batch: %lld samples%s over %lld shards of the data, %lld from each", batch, origin,
          shards, batch / shards);
  if (low == high) {
    gan_log("  each of %d ranks owns %lld shards: %lld samples of a batch", ranks, low,
            low * batch / shards);
    return;
  }
  double pace = (double)shards / (double)high; /* of equal ranks */
  gan_log("  each of %d ranks owns %lld or %lld shards: %lld or %lld samples of a batch", ranks,
          low, high, low * batch / shards, high * batch / shards);
  gan_log("  uneven: rank 0 works on %lld of %lld samples, %.0f%% more than the mean: %d ranks "
          "cannot be faster than %.2f equal ones; even are %s ranks",
          high * batch / shards, batch, 100 * ((double)ranks / pace - 1), ranks, pace,
          even_ranks(shards, ranks, even));
}

/* What multiplies what. */
static void print_rule(void) {
  gan_compute now = gan_compute_now();
  char text[128];
  int count;
  const gan_compute_rule *rules = gan_compute_rules(&count);
  if (now.library != GAN_LIBRARY_ONEDNN) return;
  gan_log("products: %s, which takes those that are narrower than",
          gan_onednn_text(text, sizeof text));
  for (int i = 0; i < count; i++)
    if (rules[i].precision == now.precision)
      gan_log("  %-42s %3lld   %s", rules[i].what, (long long)rules[i].least_width,
              rules[i].otherwise);
}

static void print_sums(const gan_session *session) {
  const gan_config *config = &session->config;
  if (config->compute.reproducible)
    gan_log(
        "sums: order-free, the same bits on every number of ranks and threads; each shard's %lld "
        "samples are computed on their own",
        (long long)(config->train.batch / config->data.shards));
  if (config->train.microbatch != GAN_UNSET_INT &&
      config->train.microbatch < session->task->local_samples)
    gan_log("microbatch: a rank's samples pass in pieces of %lld",
            (long long)config->train.microbatch);
}

/* What a rank holds of the data: its rows, and their order. */
static double data_bytes(const gan_session *session) {
  const gan_config *config = &session->config;
  const gan_data_info *info = &session->info;
  double row = (double)gan_data_row_bytes(info), ranks = gan_comm_size(session->comm);
  double labels = info->has_labels ? sizeof(int32_t) : 0;
  double share = ceil((double)config->data.shards / ranks) / (double)config->data.shards;
  if (config->data.cache == GAN_CACHE_MEMORY)
    return (double)info->n * share * (row + labels + sizeof(uint32_t));
  gan_window_cut cut = gan_dataset_cut(config, info);
  double window = (double)gan_window_rows_max(cut, (info->n - 1) / config->data.shards + 1);
  return 2 * (row + labels) * window * share * (double)config->data.shards;
}

/* What a rank holds of the held-out data. */
static double test_bytes(const gan_session *session) {
  const gan_data_info *info = &session->test_info;
  double shards = (double)session->config.data.shards, ranks = gan_comm_size(session->comm);
  double row = (double)gan_data_row_bytes(info) + sizeof(int32_t);
  return (double)info->n * row * ceil(shards / ranks) / shards;
}

static void print_data_memory(const gan_session *session) {
  const gan_config *config = &session->config;
  const gan_data_info *info = &session->info;
  gan_window_cut cut = gan_dataset_cut(config, info);
  char size[16];
  gan_bytes_text(size, data_bytes(session));
  if (config->data.cache == GAN_CACHE_MEMORY) {
    gan_log("  about %s a rank", size);
    return;
  }
  long long window = gan_window_rows_max(cut, (info->n - 1) / config->data.shards + 1);
  gan_log("  streamed: two windows a shard, of %lld rows in blocks of %lld: at most %s a rank",
          window, (long long)cut.block, size);
}

/* Of the gradients' sums in memory that the ranks of a node share: the rest is ours and counted. */
static double shared_bytes(const gan_task *task) {
  double sum = 0;
  for (int i = 0; i < task->learner_count; i++)
    if (task->learners[i].net->buckets.reducer)
      sum += gan_reducer_shared_bytes(task->learners[i].net->buckets.reducer);
  return sum;
}

/* What rank 0 will take at most, at its checkpoints; the others take less. */
static void print_memory(const gan_session *session, size_t at_start) {
  const gan_config *config = &session->config;
  const gan_task *task = session->task;
  const gan_data_info *info = &session->info;
  double samples = (double)config->samples.count *
                   (double)(gan_data_row_size(info) + task->latent_size) * sizeof(float);
  if (!task->type->sample) samples = 0;
  double state = (double)gan_snapshot_bytes(task->learners, task->learner_count);
  const struct {
    const char *what;
    double bytes;
  } rows[] = {
      {"networks and batches", (double)gan_alloc_bytes()},
      {"shared sums", shared_bytes(task)},
      {"data", data_bytes(session) + test_bytes(session)},
      {"samples", samples},
      {"checkpoints", CHECKPOINT_COPIES * state},
      {"evaluations", gan_evaluations_bytes(session)},
      {"matrix products", BLAS_BYTES * (double)config->compute.threads},
  };
  double sum = 0;
  char text[256] = "", size[16], start[16];
  for (size_t i = 0, used = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].bytes <= 0) continue;
    sum += rows[i].bytes;
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", i ? ", " : "",
                             rows[i].what, gan_bytes_text(size, rows[i].bytes));
  }
  gan_log("memory of rank 0: about %s above the %s that it started with: %s",
          gan_bytes_text(size, sum), gan_bytes_text(start, (double)at_start), text);
}

/* What becomes of the data's values, which the last layer of a network that makes some has to
 * match. */
static void print_range(const gan_config *config) {
  static const char *const seen[] = {[GAN_RANGE_UNIT] = "scaled to [0, 1]",
                                     [GAN_RANGE_SYMMETRIC] = "scaled to [-1, 1]",
                                     [GAN_RANGE_NONE] = "as they are"};
  const gan_network *maker = gan_network_that_makes_data((gan_task_kind)config->task);
  char why[64] = "";
  if (config->data.range == GAN_RANGE_AUTO && maker)
    snprintf(why, sizeof why, ", by the %s's last layer", maker->name);
  gan_log("  the networks see its values %s%s", seen[gan_task_range(config)], why);
}

void gan_plan_print(const gan_session *session, const char *run_dir, size_t at_start) {
  const gan_config *config = &session->config;
  char data[256], library[512];
  const gan_data_info *info = &session->info;
  gan_log("mpigan %s (%s, %s)", gan_version(), gan_git_hash(), gan_build_type());
  gan_log("config %s", config->file);
  print_config(session);
  gan_log("run folder: %s", run_dir);
  gan_log("data: %s: %s", config->data.path, gan_data_info_text(info, data, sizeof data));
  print_range(config);
  print_data_memory(session);
  if (session->test_info.n)
    gan_log("test data: %s: %s", config->data.test,
            gan_data_info_text(&session->test_info, data, sizeof data));
  const char *from = config->resolved.threads_from;
  gan_log("ranks: %d, %lld thread%s each%s%s%s; %s", gan_comm_size(session->comm),
          (long long)config->compute.threads, config->compute.threads == 1 ? "" : "s",
          *from ? " (" : "", from, *from ? ")" : "", gan_gemm_library(library, sizeof library));
  print_rule();
  if (*session->advice) gan_log("  %s", session->advice);
  print_split(session);
  print_sums(session);
  for (int i = 0; i < session->task->learner_count; i++) {
    print_network(&session->task->learners[i]);
    if (!strcmp(session->task->learners[i].net->name, "discriminator"))
      print_judge(config, session->task->learners[i].net);
  }
  print_memory(session, at_start);
}

/* "lr_d 0.0002 x 4 (linear: batch 512 / base_batch 128) = 0.0008; cosine to 0 of it at step 900" */
static void print_rates(const gan_config *config, int64_t last_step) {
  gan_schedule schedule = gan_schedule_of(config, last_step);
  gan_networks networks = gan_networks_of((gan_task_kind)config->task);
  const char *before = "";
  char scale[128], course[128];
  gan_schedule_scale_text(config, scale, sizeof scale);
  gan_schedule_text(&schedule, course, sizeof course);
  for (int i = networks.count - 1; i >= 0; i--) { /* a discriminator learns before its generator */
    const gan_network *network = &networks.rows[i];
    const char *name = strrchr(network->rate_key, '.') + 1;
    double rate = gan_network_rate(config, network);
    if (strcmp(name, before) == 0) continue;
    before = name;
    if (*scale)
      gan_log("%s %g%s = %g; %s", name, rate, scale, rate * schedule.scale, course);
    else
      gan_log("%s %g; %s", name, rate, course);
  }
}

void gan_plan_print_course(const gan_session *session, int64_t step, int64_t last_step) {
  const gan_config *config = &session->config;
  double n = (double)session->info.n;
  double step_samples = (double)(config->train.batch * session->task->batches_a_step);
  double samples = (double)session->task->images_seen + (double)(last_step - step) * step_samples;
  gan_log("length: %lld steps, %.4g epochs of %.4g steps", (long long)last_step, samples / n,
          n / step_samples);
  print_rates(config, last_step);
}

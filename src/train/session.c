#include "train/session.h"

#include "base/log.h"
#include "base/memory.h"
#include "config/networks.h"
#include "data/heldout.h"
#include "io/file.h"
#include "kernels/compute.h"
#include "kernels/gemm.h"
#include "kernels/onednn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

gan_status gan_session_config(gan_session *session, const char *path, const char *const *overrides,
                              int override_count) {
  gan_comm *comm = session->comm;
  char *text = NULL;
  size_t n = 0;
  gan_status status = GAN_OK;
  if (gan_comm_rank(comm) == 0) status = gan_file_read(path, &text, &n);
  if (status == GAN_INPUT) status = gan_fail_context(GAN_USAGE, "config");
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether the config could be read"));
  GAN_TRY(gan_comm_broadcast_text(comm, &text, &n, "the broadcast of the config"));
  gan_layer_schemas layers = gan_layer_table();
  status = gan_config_parse(&session->config, text, n, path, overrides, override_count,
                            gan_comm_size(comm), &layers);
  gan_free(&text);
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether the config is valid"));
  GAN_TRY(gan_threads_resolve(comm, &session->config));
  return gan_threads_advise(comm, &session->config, session->advice);
}

/* A text of the config, replaced by rank 0's `text` on all.  `text` is taken. */
static gan_status share_text(gan_session *session, char **member, char *text) {
  size_t n = text ? strlen(text) : 0;
  gan_status status = gan_comm_broadcast_text(session->comm, &text, &n, "the broadcast of a path");
  if (status == GAN_OK) {
    gan_free(member);
    *member = text;
  }
  return status;
}

/* The data's path, the value of `key`, made absolute on rank 0 and told to all. */
static gan_status resolve_data(gan_session *session, const char *key, char **member) {
  char *path = NULL;
  gan_status status = GAN_OK;
  if (!*member) return GAN_OK;
  if (gan_comm_rank(session->comm) == 0) {
    status = gan_source_find(*member, &path);
    if (status == GAN_INPUT) {
      char place[600];
      gan_config_place(&session->config, key, place, sizeof place);
      status = gan_fail_context(status, "%s", place);
    }
  }
  GAN_TRY(gan_comm_agree(session->comm, status, "agreeing whether the data was found"));
  return share_text(session, member, path);
}

/* The same for a checkpoint's path; that of model.init_from need not exist any more when a run goes
 * on. */
static gan_status resolve_path(gan_session *session, char **member) {
  char *path = NULL;
  if (!*member) return GAN_OK;
  if (gan_comm_rank(session->comm) == 0) path = gan_path_absolute(*member);
  bool short_of_memory = gan_comm_rank(session->comm) == 0 && !path;
  GAN_TRY(gan_comm_agree(session->comm, short_of_memory ? GAN_NO_MEMORY : GAN_OK,
                         "agreeing on the path of a checkpoint"));
  return share_text(session, member, path);
}

static gan_status check_ranks(const gan_session *session) {
  const gan_config *config = &session->config;
  int ranks = gan_comm_size(session->comm);
  char place[600], cure[128];
  long long shards = config->data.shards, batch = config->train.batch;
  long long enough = gan_config_shards_from(batch, ranks);
  if (ranks <= shards) return GAN_OK;
  if (enough)
    snprintf(cure, sizeof cure, "set data.shards to %lld", enough);
  else
    snprintf(cure, sizeof cure, "set train.batch and data.shards to multiples of %d", ranks);
  return gan_fail(GAN_USAGE,
                  "%s is %lld, fewer than the %d ranks: a rank owns whole shards, and they divide "
                  "train.batch (%lld); start at most %lld ranks, or %s",
                  gan_config_place(config, "data.shards", place, sizeof place), shards, ranks,
                  batch, shards, cure);
}

/* Whether the data can be cut into the config's shards. */
static gan_status check_rows(const gan_session *session) {
  char place[600];
  long long shards = session->config.data.shards, n = session->info.n, most = UINT32_MAX;
  gan_config_place(&session->config, "data.shards", place, sizeof place);
  if (n < shards)
    return gan_fail(GAN_USAGE,
                    "%s is %lld, more than the %lld rows of the data; use at most that many", place,
                    shards, n);
  if (n / shards >= most)
    return gan_fail(GAN_USAGE, "%s is %lld: a shard would have over %lld rows; use more shards",
                    place, shards, most);
  return GAN_OK;
}

/* Whether the windows of streamed data fit into the buffer. */
static gan_status check_buffer(const gan_session *session) {
  const gan_config *config = &session->config;
  const gan_data_info *info = &session->info;
  char place[600];
  if (config->data.cache != GAN_CACHE_STREAM || gan_dataset_cut(config, info).block) return GAN_OK;
  int64_t shards = config->data.shards, quota = config->train.batch / shards;
  double least = gan_window_least_bytes(info->n, shards, gan_data_row_bytes(info), quota) / 0x1p20;
  return gan_fail(GAN_USAGE,
                  "%s is %g: too small for two windows of each of %lld shards, which must hold the "
                  "%lld samples that a shard gives to a batch, and at least 2; use at least %.10g, "
                  "or fewer shards",
                  gan_config_place(config, "data.buffer_mb", place, sizeof place),
                  config->data.buffer_mb, (long long)shards, (long long)quota,
                  ceil(least * 1e6) / 1e6);
}

/* Another processor type rounds products otherwise: replicas still agree, since gradients are
 * summed before they are used, but the same bits need the same processors in the same places. */
static gan_status check_processors(gan_comm *comm) {
  char name[64] = "";
  int odd;
  strncpy(name, gan_gemm_processor(), sizeof name - 1);
  GAN_TRY(gan_comm_compare(comm, name, sizeof name, &odd, "the comparison of the processors"));
  if (odd >= 0)
    gan_log("rank %d has another processor type than rank 0 (%s): a rerun gives the same bits only "
            "on the same placement",
            odd, name);
  return GAN_OK;
}

gan_status gan_session_choose_compute(gan_session *session) {
  const gan_config *config = &session->config;
  gan_compute compute = {.library = (gan_library)config->compute.library,
                         .precision = (gan_precision)config->compute.precision};
  char place[600];
  bool bf16 = compute.precision == GAN_PRECISION_BF16, lacks = false;
  bool has_library = gan_compute_has(compute.library, GAN_PRECISION_FP32);
  gan_status status = GAN_OK;
  if (!has_library)
    status = gan_fail(GAN_USAGE,
                      "%s is onednn, which this build of mpigan lacks; build it where CMake finds "
                      "oneDNN (Debian: libdnnl-dev), or leave it at auto",
                      gan_config_place(config, "compute.library", place, sizeof place));
  GAN_TRY(gan_comm_agree(session->comm, status, "agreeing on the library"));
  bool can = gan_compute_can(compute, config->compute.emulate_bf16);
  GAN_TRY(gan_comm_any_true(session->comm, bf16 && !can, &lacks, "agreeing on the precision"));
  if (lacks) {
    compute.precision = GAN_PRECISION_FP32;
    gan_log("compute.precision is bf16, but %s; it computes in fp32",
            compute.library == GAN_LIBRARY_OPENBLAS ? "OpenBLAS has no bf16"
            : !gan_onednn_built()                   ? "this build of mpigan has no oneDNN"
            : gan_compute_has_emulated(compute.library)
                ? "the processor of some rank does not multiply bf16 (compute.emulate_bf16: true "
                  "computes with it all the same, slowly)"
                : "oneDNN cannot compute it on this processor");
  }
  gan_compute_set(compute);
  return GAN_OK;
}

/* The rest of building, once session->info is known. */
static gan_status build_task(gan_session *session) {
  GAN_TRY(check_processors(session->comm));
  GAN_TRY(gan_session_choose_compute(session));
  const gan_config *config = &session->config;
  gan_compute_use_threads((int)config->compute.threads, config->compute.reproducible);
  GAN_TRY(gan_comm_agree(session->comm, gan_config_yaml(&session->config, &session->config_text),
                         "agreeing on the config's text"));
  GAN_TRY(gan_comm_agree(
      session->comm,
      gan_task_create(session->comm, &session->config, &session->info, &session->task),
      "agreeing whether all could build the networks"));
  return gan_task_join_ranks(session->task);
}

gan_status gan_session_build(gan_session *session) {
  gan_config *config = &session->config;
  GAN_TRY(check_ranks(session));
  GAN_TRY(resolve_data(session, "data.path", &config->data.path));
  GAN_TRY(resolve_data(session, "data.test", &config->data.test));
  if (config->data.test && strcmp(config->data.test, config->data.path) == 0)
    gan_log("data.test is the data that is trained on (%s): its figures are of what is learnt",
            config->data.path);
  GAN_TRY(resolve_data(session, "eval.data", &config->eval.data));
  GAN_TRY(resolve_path(session, &config->model.init_from));
  GAN_TRY(resolve_path(session, &config->eval.features));
  GAN_TRY(gan_dataset_open(session->comm, config, &session->source, &session->info));
  session->test_config = gan_heldout_config(config);
  if (config->data.test)
    GAN_TRY(gan_heldout_open(session->comm, &session->test_config, &session->info,
                             &session->test_source, &session->test_info));
  GAN_TRY(check_rows(session));
  GAN_TRY(check_buffer(session));
  return build_task(session);
}

/* The shape of the data that the network makes, where there is no data to tell it. */
static gan_status shape_of_made(gan_session *session, const gan_network *maker) {
  const gan_config *config = &session->config;
  gan_net_spec spec = {.name = maker->name,
                       .key = maker->key,
                       .layers = gan_network_layers(config, maker),
                       .in = {1, 1, config->model.latent},
                       .capacity = 1,
                       .label = gan_config_label_way(config, true),
                       .classes = config->model.classes,
                       .label_units = config->model.label_units};
  gan_net *net;
  GAN_TRY(gan_net_create(&spec, &net));
  session->info = (gan_data_info){.h = net->out.h, .w = net->out.w, .c = net->out.c};
  gan_net_destroy(&net);
  return GAN_OK;
}

gan_status gan_session_build_synthetic(gan_session *session) {
  gan_comm *comm = session->comm;
  GAN_TRY(check_ranks(session));
  session->config.data.cache = GAN_CACHE_MEMORY; /* what is made up is in no file */
  gan_status found = resolve_data(session, "data.path", &session->config.data.path);
  if (found == GAN_OK)
    found = gan_dataset_open(comm, &session->config, &session->source, &session->info);
  const gan_network *maker = gan_network_that_makes_data((gan_task_kind)session->config.task);
  if (found != GAN_OK && !maker) return found;
  if (found != GAN_OK) {
    GAN_TRY(
        gan_comm_agree(comm, shape_of_made(session, maker), "agreeing on the shape of the data"));
    gan_log("no data set to take the shape from; the %s's output is taken", maker->name);
  }
  gan_source_close(&session->source);
  session->info.n = 4 * session->config.train.batch;
  session->info.type = GAN_U8;
  session->info.has_labels =
      session->config.model.classes > 0 || session->config.task == GAN_TASK_CLASSIFIER;
  gan_status status = GAN_OK;
  if (gan_comm_rank(comm) == 0) status = gan_source_make(&session->info, &session->source);
  GAN_TRY(gan_comm_agree(comm, status, "agreeing whether data could be made up"));
  GAN_TRY(build_task(session));
  return gan_session_load(session);
}

gan_status gan_session_reshard(gan_session *session, int64_t shards) {
  gan_log("data.shards stays %lld, as the checkpoint has it (a new run would have %lld)",
          (long long)shards, (long long)session->config.data.shards);
  session->config.data.shards = session->test_config.data.shards = shards;
  int ranks = gan_comm_size(session->comm);
  if (ranks > shards)
    return gan_fail(GAN_USAGE,
                    "the run that is continued has %lld shards, fewer than the %d ranks: a rank "
                    "owns whole shards; start at most %lld ranks, or set data.shards to %lld with "
                    "--force-config",
                    (long long)shards, ranks, (long long)shards,
                    (long long)gan_config_shards_from(session->config.train.batch, ranks));
  GAN_TRY(check_rows(session));
  gan_task_destroy(&session->task);
  gan_free(&session->config_text);
  return build_task(session);
}

gan_status gan_session_load(gan_session *session) {
  GAN_TRY(gan_dataset_load(session->comm, &session->config, &session->source, &session->info,
                           gan_task_range(&session->config), &session->data));
  if (session->test_info.n)
    GAN_TRY(gan_heldout_load(session->comm, &session->test_config, session->data,
                             &session->test_source, &session->test_info, &session->test));
  session->task->test = session->test;
  return gan_comm_agree(session->comm, session->task->type->start(session->task, session->data),
                        "agreeing whether all could start with the data");
}

gan_data_facts gan_session_data_facts(const gan_session *session) {
  const gan_dataset *data = session->data;
  return (gan_data_facts){.n = data->info.n,
                          .h = data->info.h,
                          .w = data->info.w,
                          .c = data->info.c,
                          .classes = data->classes,
                          .low = data->low,
                          .high = data->high,
                          .scale = data->scale,
                          .offset = data->offset,
                          .digest = data->digest};
}

int64_t gan_session_last_step(const gan_session *session, int64_t step) {
  const gan_config *config = &session->config;
  if (config->train.steps != GAN_UNSET_INT) return config->train.steps;
  double samples_a_step = (double)(config->train.batch * session->task->batches_a_step);
  double left = config->train.epochs * (double)session->info.n - (double)session->task->images_seen;
  int64_t last = step + (int64_t)ceil(left / samples_a_step - 1e-9);
  return last < 1 ? 1 : last;
}

void gan_session_reset(gan_session *session) {
  gan_task_destroy(&session->task);
  gan_dataset_destroy(&session->data);
  gan_dataset_destroy(&session->test);
  gan_source_close(&session->source);
  gan_source_close(&session->test_source);
  gan_free(&session->config_text);
  gan_config_reset(&session->config);
}

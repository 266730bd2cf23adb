#include "checkpoint/checkpoint.h"

#include "base/memory.h"
#include "base/version.h"
#include "io/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { USER_BLOCK = 512 };

struct gan_checkpoint {
  char *path, *bytes;
  gan_h5 *file;
  char *config, *task, *networks, *program;
  gan_run_facts facts;
  gan_digest digest; /* of the file */
};

/* The one way in which the user block is spelt; reading compares with it byte by byte. */
static void make_user_block(char block[USER_BLOCK], int64_t version, uint64_t n,
                            gan_digest digest) {
  char text[USER_BLOCK + 1], hex[33];
  int used = snprintf(text, sizeof text,
                      "mpigan checkpoint\nversion %" PRId64 "\nbytes %" PRIu64 "\nxxh3-128 %s\n",
                      version, n, gan_digest_text(hex, digest));
  memset(text + used, ' ', sizeof text - (size_t)used);
  text[USER_BLOCK - 1] = '\n';
  memcpy(block, text, USER_BLOCK);
}

/* The group of a network that holds the tensor. */
static const char *part_of(const gan_tensor *tensor) {
  return tensor->kind == GAN_TENSOR_PARAM ? "param" : "buffer";
}

/* "optimizer/exp_avg" */
static const char *moment_group(const gan_optimizer *optimizer, int moment, char *text,
                                size_t size) {
  snprintf(text, size, "optimizer/%s", optimizer->type->moments[moment]);
  return text;
}

/* ---- writing ---- */

static gan_status write_tensor(gan_h5 *file, const char *network, const char *group,
                               const gan_tensor *tensor, const void *values) {
  char name[256];
  snprintf(name, sizeof name, "%s/%s/%s", network, group, tensor->name);
  gan_dtype type = tensor->kind == GAN_TENSOR_COUNTER ? GAN_I64 : GAN_F32;
  if (!tensor->channels) return gan_h5_write(file, name, type, tensor->rank, tensor->dims, values);
  float *ordered; /* as PyTorch has it */
  GAN_TRY_ALLOC(ordered, tensor->size, "a tensor");
  gan_tensor_reorder(tensor, true, values, ordered);
  gan_status status = gan_h5_write(file, name, type, tensor->rank, tensor->dims, ordered);
  gan_free(&ordered);
  return status;
}

static gan_status write_network(gan_h5 *file, const gan_net *net) {
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    GAN_TRY(write_tensor(file, net->name, part_of(tensor), tensor, gan_net_tensor(net, tensor)));
  }
  return GAN_OK;
}

static gan_status write_average(gan_h5 *file, const gan_average *average) {
  GAN_TRY(write_network(file, average->net));
  return gan_h5_set_int(file, average->net->name, "updates", average->updates);
}

static gan_status write_learner(gan_h5 *file, const gan_learner *learner) {
  const gan_net *net = learner->net;
  const gan_optimizer *optimizer = learner->optimizer;
  char group[256];
  GAN_TRY(write_network(file, net));
  snprintf(group, sizeof group, "%s/optimizer", net->name);
  GAN_TRY(gan_h5_make_group(file, group));
  GAN_TRY(gan_h5_set_text(file, group, "type", optimizer->type->name));
  GAN_TRY(gan_h5_set_int(file, group, "step", optimizer->step));
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind != GAN_TENSOR_PARAM) continue;
    for (int m = 0; m < optimizer->type->moment_count; m++)
      GAN_TRY(write_tensor(file, net->name, moment_group(optimizer, m, group, sizeof group), tensor,
                           optimizer->moments[m] + tensor->offset));
  }
  return GAN_OK;
}

static gan_status write_data_facts(gan_h5 *file, const gan_data_facts *data) {
  char digest[33];
  int64_t rank = 1, shape[3] = {data->c, data->h, data->w}; /* PyTorch's order */
  rank = data->h == 1 && data->w == 1 ? 1 : 3;
  GAN_TRY(gan_h5_write(file, "data/shape", GAN_I64, 1, &rank, shape));
  GAN_TRY(gan_h5_set_int(file, "data", "count", data->n));
  GAN_TRY(gan_h5_set_int(file, "data", "classes", data->classes));
  GAN_TRY(gan_h5_set_real(file, "data", "low", data->low));
  GAN_TRY(gan_h5_set_real(file, "data", "high", data->high));
  GAN_TRY(gan_h5_set_real(file, "data", "scale", data->scale));
  GAN_TRY(gan_h5_set_real(file, "data", "offset", data->offset));
  return gan_h5_set_text(file, "data", "digest", gan_digest_text(digest, data->digest));
}

/* Another name of a comma-separated list. */
static void add_name(char *list, size_t size, const char *name) {
  size_t used = strlen(list);
  snprintf(list + used, size - used, "%s%s", used ? "," : "", name);
}

/* Where nothing was watched there is nothing to say. */
static gan_status write_best(gan_h5 *file, const gan_run_facts *facts) {
  const gan_best *best = &facts->best;
  if (facts->evaluation_due) GAN_TRY(gan_h5_set_int(file, "state", "evaluation_due", 1));
  if (!*best->of) return GAN_OK;
  GAN_TRY(gan_h5_set_text(file, "state", "best_of", best->of));
  GAN_TRY(gan_h5_set_real(file, "state", "best", best->value));
  GAN_TRY(gan_h5_set_int(file, "state", "best_step", best->step));
  return gan_h5_set_int(file, "state", "evaluations_without_better", best->without);
}

static gan_status fill(gan_h5 *file, const gan_checkpoint_content *content) {
  char networks[256] = "";
  for (int i = 0; i < content->learner_count; i++)
    add_name(networks, sizeof networks, content->learners[i].net->name);
  for (int i = 0; i < content->learner_count; i++)
    if (content->learners[i].average)
      add_name(networks, sizeof networks, content->learners[i].average->net->name);
  const gan_run_facts *facts = &content->facts;
  GAN_TRY(gan_h5_set_text(file, "/", "format", "mpigan checkpoint"));
  GAN_TRY(gan_h5_set_int(file, "/", "version", GAN_CHECKPOINT_VERSION));
  GAN_TRY(gan_h5_set_text(file, "/", "task", content->task));
  GAN_TRY(gan_h5_set_text(file, "/", "networks", networks));
  GAN_TRY(gan_h5_set_int(file, "/", "step", facts->step));
  GAN_TRY(gan_h5_set_real(file, "/", "epoch", facts->epoch));
  GAN_TRY(gan_h5_set_int(file, "/", "seed", facts->seed));
  GAN_TRY(gan_h5_set_int(file, "/", "world_size", facts->world_size));
  GAN_TRY(gan_h5_set_text(file, "/", "config", content->config));
  GAN_TRY(gan_h5_set_text(file, "/", "mpigan_version", gan_version()));
  for (int i = 0; i < content->learner_count; i++)
    GAN_TRY(write_learner(file, &content->learners[i]));
  for (int i = 0; i < content->learner_count; i++)
    if (content->learners[i].average) GAN_TRY(write_average(file, content->learners[i].average));
  GAN_TRY(gan_h5_make_group(file, "state"));
  GAN_TRY(gan_h5_set_real(file, "state", "elapsed_s", facts->elapsed_s));
  GAN_TRY(gan_h5_set_int(file, "state", "skipped", facts->skipped));
  GAN_TRY(gan_h5_set_int(file, "state", "skipped_in_a_row", facts->skipped_in_a_row));
  GAN_TRY(gan_h5_set_int(file, "state", "rollbacks", facts->rollbacks));
  GAN_TRY(gan_h5_set_real(file, "state", "lr_factor", facts->lr_factor));
  GAN_TRY(write_best(file, facts));
  for (int i = 0; i < content->counter_count; i++)
    GAN_TRY(gan_h5_set_int(file, "state", content->counters[i].name, *content->counters[i].value));
  return write_data_facts(file, &facts->data);
}

gan_status gan_checkpoint_write(const char *path, const gan_checkpoint_content *content) {
  gan_h5 *file;
  char *image = NULL, block[USER_BLOCK];
  size_t n = 0;
  GAN_TRY(gan_h5_create(&file));
  gan_status status = fill(file, content);
  if (status == GAN_OK) status = gan_h5_image(file, &image, &n);
  gan_h5_close(&file);
  if (status == GAN_OK) {
    make_user_block(block, GAN_CHECKPOINT_VERSION, n, gan_digest_of(image, n));
    status = gan_file_replace_if(content->permit, path, block, sizeof block, image, n);
  }
  gan_free(&image);
  return status;
}

/* ---- reading ---- */

static const char MARK[] = "mpigan checkpoint\n";

bool gan_checkpoint_claims(const char *path) {
  char head[sizeof MARK] = "";
  int fd = gan_fd_open(path, O_RDONLY);
  if (fd < 0) return false;
  ssize_t n = read(fd, head, sizeof MARK - 1);
  close(fd);
  return n == sizeof MARK - 1 && strcmp(head, MARK) == 0;
}

/* *digest is that of a file that is whole. */
static gan_status verify(const char *path, const char *bytes, size_t n, gan_digest *digest) {
  char head[USER_BLOCK + 1] = "", expected[USER_BLOCK], hex[33] = "";
  int64_t version = 0;
  uint64_t promised = 0;
  memcpy(head, bytes, n < USER_BLOCK ? n : USER_BLOCK);
  if (n == 0) return gan_fail(GAN_INPUT, "%s: is empty", path);
  if (strncmp(head, MARK, sizeof MARK - 1) != 0)
    return gan_fail(GAN_INPUT, "%s: is not an mpigan checkpoint", path);
  if (n < USER_BLOCK)
    return gan_fail(GAN_INPUT, "%s: truncated: %zu bytes, not even its user block of %d", path, n,
                    USER_BLOCK);
  if (sscanf(head,
             "mpigan checkpoint\nversion %" SCNd64 "\nbytes %" SCNu64 "\nxxh3-128 %32[0-9a-f]",
             &version, &promised, hex) < 1 ||
      version < 1)
    return gan_fail(GAN_INPUT, "%s: damaged: its user block cannot be read", path);
  if (version > GAN_CHECKPOINT_VERSION)
    return gan_fail(GAN_INPUT,
                    "%s: is of version %" PRId64 "; this mpigan (%s) reads up to version %d: use a "
                    "newer mpigan",
                    path, version, gan_version(), GAN_CHECKPOINT_VERSION);
  if (version < GAN_CHECKPOINT_VERSION)
    return gan_fail(GAN_INPUT,
                    "%s: is of version %" PRId64 "; this mpigan (%s) reads version %d: use the "
                    "mpigan that wrote it, or train anew",
                    path, version, gan_version(), GAN_CHECKPOINT_VERSION);
  if (n - USER_BLOCK < promised)
    return gan_fail(GAN_INPUT,
                    "%s: truncated: %zu bytes behind its user block, which promises %" PRIu64, path,
                    n - USER_BLOCK, promised);
  if (n - USER_BLOCK > promised)
    return gan_fail(GAN_INPUT,
                    "%s: damaged: %zu bytes behind its user block, which promises %" PRIu64, path,
                    n - USER_BLOCK, promised);
  *digest = gan_digest_of(bytes + USER_BLOCK, n - USER_BLOCK);
  make_user_block(expected, version, promised, *digest);
  if (memcmp(expected, bytes, USER_BLOCK) == 0) return GAN_OK;
  char found[33];
  return gan_fail(GAN_INPUT, "%s: damaged: XXH3-128 is %s, its user block says %s", path,
                  gan_digest_text(found, *digest), hex);
}

static gan_status parse_digest(const char *path, const char *hex, gan_digest *digest) {
  if (strlen(hex) == 32 && sscanf(hex, "%16" SCNx64 "%16" SCNx64, &digest->high, &digest->low) == 2)
    return GAN_OK;
  return gan_fail(GAN_INPUT, "%s: its data digest '%.40s' is not 32 hexadecimal digits", path, hex);
}

static gan_status read_data_facts(gan_checkpoint *checkpoint) {
  gan_h5 *file = checkpoint->file;
  gan_data_facts *data = &checkpoint->facts.data;
  gan_dtype type;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX], shape[3] = {1, 1, 1};
  GAN_TRY(gan_h5_shape(file, "data/shape", &type, &rank, dims));
  if (rank != 1 || (dims[0] != 1 && dims[0] != 3))
    return gan_fail(GAN_INPUT, "%s: data/shape must have one or three numbers", checkpoint->path);
  GAN_TRY(gan_h5_read(file, "data/shape", GAN_I64, 1, dims, shape));
  data->c = shape[0];
  data->h = shape[1];
  data->w = shape[2];
  GAN_TRY(gan_h5_get_int(file, "data", "count", &data->n));
  GAN_TRY(gan_h5_get_int(file, "data", "classes", &data->classes));
  GAN_TRY(gan_h5_get_real(file, "data", "low", &data->low));
  GAN_TRY(gan_h5_get_real(file, "data", "high", &data->high));
  GAN_TRY(gan_h5_get_real(file, "data", "scale", &data->scale));
  GAN_TRY(gan_h5_get_real(file, "data", "offset", &data->offset));
  char *digest;
  GAN_TRY(gan_h5_get_text(file, "data", "digest", &digest));
  gan_status status = parse_digest(checkpoint->path, digest, &data->digest);
  gan_free(&digest);
  return status;
}

/* Files from before there were skips and roll-backs have none. */
static gan_status read_health(gan_checkpoint *checkpoint) {
  gan_h5 *file = checkpoint->file;
  gan_run_facts *facts = &checkpoint->facts;
  facts->lr_factor = 1;
  if (!gan_h5_has_attribute(file, "state", "lr_factor")) return GAN_OK;
  GAN_TRY(gan_h5_get_int(file, "state", "skipped", &facts->skipped));
  GAN_TRY(gan_h5_get_int(file, "state", "skipped_in_a_row", &facts->skipped_in_a_row));
  GAN_TRY(gan_h5_get_int(file, "state", "rollbacks", &facts->rollbacks));
  return gan_h5_get_real(file, "state", "lr_factor", &facts->lr_factor);
}

static gan_status read_best(gan_checkpoint *checkpoint) {
  gan_h5 *file = checkpoint->file;
  gan_best *best = &checkpoint->facts.best;
  char *of;
  checkpoint->facts.evaluation_due = gan_h5_has_attribute(file, "state", "evaluation_due");
  if (!gan_h5_has_attribute(file, "state", "best_of")) return GAN_OK;
  GAN_TRY(gan_h5_get_text(file, "state", "best_of", &of));
  snprintf(best->of, sizeof best->of, "%s", of);
  gan_free(&of);
  GAN_TRY(gan_h5_get_real(file, "state", "best", &best->value));
  GAN_TRY(gan_h5_get_int(file, "state", "best_step", &best->step));
  return gan_h5_get_int(file, "state", "evaluations_without_better", &best->without);
}

static gan_status read_facts(gan_checkpoint *checkpoint) {
  gan_h5 *file = checkpoint->file;
  gan_run_facts *facts = &checkpoint->facts;
  GAN_TRY(gan_h5_get_text(file, "/", "config", &checkpoint->config));
  GAN_TRY(gan_h5_get_text(file, "/", "task", &checkpoint->task));
  GAN_TRY(gan_h5_get_text(file, "/", "networks", &checkpoint->networks));
  GAN_TRY(gan_h5_get_text(file, "/", "mpigan_version", &checkpoint->program));
  GAN_TRY(gan_h5_get_int(file, "/", "step", &facts->step));
  GAN_TRY(gan_h5_get_real(file, "/", "epoch", &facts->epoch));
  GAN_TRY(gan_h5_get_int(file, "/", "seed", &facts->seed));
  GAN_TRY(gan_h5_get_int(file, "/", "world_size", &facts->world_size));
  GAN_TRY(gan_h5_get_real(file, "state", "elapsed_s", &facts->elapsed_s));
  GAN_TRY(read_health(checkpoint));
  GAN_TRY(read_best(checkpoint));
  return read_data_facts(checkpoint);
}

static gan_status open_verified(gan_checkpoint *checkpoint, const char *path) {
  size_t n;
  checkpoint->path = gan_strdup(path);
  if (!checkpoint->path) return GAN_NO_MEMORY;
  GAN_TRY(gan_file_read(path, &checkpoint->bytes, &n));
  GAN_TRY(verify(path, checkpoint->bytes, n, &checkpoint->digest));
  GAN_TRY(
      gan_h5_open_image(checkpoint->bytes + USER_BLOCK, n - USER_BLOCK, path, &checkpoint->file));
  gan_free(&checkpoint->bytes); /* HDF5 has its own copy */
  return read_facts(checkpoint);
}

gan_status gan_checkpoint_open(const char *path, gan_checkpoint **out) {
  GAN_TRY_ALLOC(*out, 1, "a checkpoint");
  gan_status status = open_verified(*out, path);
  if (status != GAN_OK) gan_checkpoint_close(out);
  return status;
}

void gan_checkpoint_close(gan_checkpoint **out) {
  gan_checkpoint *checkpoint = *out;
  if (!checkpoint) return;
  gan_h5_close(&checkpoint->file);
  gan_free(&checkpoint->bytes);
  gan_free(&checkpoint->path);
  gan_free(&checkpoint->config);
  gan_free(&checkpoint->task);
  gan_free(&checkpoint->networks);
  gan_free(&checkpoint->program);
  gan_free(out);
}

const char *gan_checkpoint_path(const gan_checkpoint *checkpoint) {
  return checkpoint->path;
}
const char *gan_checkpoint_config(const gan_checkpoint *checkpoint) {
  return checkpoint->config;
}
const char *gan_checkpoint_task(const gan_checkpoint *checkpoint) {
  return checkpoint->task;
}
const char *gan_checkpoint_networks(const gan_checkpoint *checkpoint) {
  return checkpoint->networks;
}
const char *gan_checkpoint_program(const gan_checkpoint *checkpoint) {
  return checkpoint->program;
}
const gan_run_facts *gan_checkpoint_facts(const gan_checkpoint *checkpoint) {
  return &checkpoint->facts;
}
gan_digest gan_checkpoint_digest(const gan_checkpoint *checkpoint) {
  return checkpoint->digest;
}

bool gan_checkpoint_holds(const gan_checkpoint *checkpoint, const char *network) {
  size_t length = strlen(network);
  for (const char *at = checkpoint->networks; *at;) {
    size_t n = strcspn(at, ",");
    if (n == length && strncmp(at, network, n) == 0) return true;
    at += n + (at[n] == ',');
  }
  return false;
}

char *gan_dims_text(int rank, const int64_t *dims, char text[GAN_DIMS_TEXT]) {
  size_t used = (size_t)snprintf(text, GAN_DIMS_TEXT, "(");
  for (int i = 0; i < rank && used < GAN_DIMS_TEXT; i++)
    used +=
        (size_t)snprintf(text + used, GAN_DIMS_TEXT - used, "%s%" PRId64, i ? ", " : "", dims[i]);
  if (used < GAN_DIMS_TEXT) snprintf(text + used, GAN_DIMS_TEXT - used, ")");
  return text;
}

gan_status gan_checkpoint_match(gan_checkpoint *checkpoint, const gan_net *net,
                                const gan_tensor *tensor, gan_tensor_match *match,
                                char there[GAN_DIMS_TEXT]) {
  char name[256];
  gan_dtype type;
  int rank;
  int64_t dims[GAN_H5_RANK_MAX];
  snprintf(name, sizeof name, "%s/%s/%s", net->name, part_of(tensor), tensor->name);
  *match = GAN_TENSOR_MISSING;
  *there = '\0';
  if (!gan_h5_has(checkpoint->file, name)) return GAN_OK;
  GAN_TRY(gan_h5_shape(checkpoint->file, name, &type, &rank, dims));
  gan_dims_text(rank, dims, there);
  bool fits = rank == tensor->rank && !memcmp(dims, tensor->dims, (size_t)rank * sizeof *dims);
  *match = fits ? GAN_TENSOR_FITS : GAN_TENSOR_RESHAPED;
  return GAN_OK;
}

static gan_status read_tensor(gan_h5 *file, const char *network, const char *group,
                              const gan_tensor *tensor, void *values) {
  char name[256];
  snprintf(name, sizeof name, "%s/%s/%s", network, group, tensor->name);
  gan_dtype type = tensor->kind == GAN_TENSOR_COUNTER ? GAN_I64 : GAN_F32;
  if (!tensor->channels) return gan_h5_read(file, name, type, tensor->rank, tensor->dims, values);
  float *ordered;
  GAN_TRY_ALLOC(ordered, tensor->size, "a tensor");
  gan_status status = gan_h5_read(file, name, type, tensor->rank, tensor->dims, ordered);
  if (status == GAN_OK) gan_tensor_reorder(tensor, false, ordered, values);
  gan_free(&ordered);
  return status;
}

gan_status gan_checkpoint_read_tensor(gan_checkpoint *checkpoint, const gan_net *net,
                                      const gan_tensor *tensor) {
  return read_tensor(checkpoint->file, net->name, part_of(tensor), tensor,
                     gan_net_tensor(net, tensor));
}

gan_status gan_checkpoint_optimizer(gan_checkpoint *checkpoint, const gan_net *net, char **type) {
  char group[256];
  snprintf(group, sizeof group, "%s/optimizer", net->name);
  return gan_h5_get_text(checkpoint->file, group, "type", type);
}

static gan_status check_optimizer(gan_checkpoint *checkpoint, const gan_learner *learner) {
  const char *ours = learner->optimizer->type->name;
  char *type;
  GAN_TRY(gan_checkpoint_optimizer(checkpoint, learner->net, &type));
  gan_status status = GAN_OK;
  if (strcmp(type, ours) != 0)
    status = gan_fail(GAN_INPUT, "%s: %s/optimizer is of type %.40s, not %s", checkpoint->path,
                      learner->net->name, type, ours);
  gan_free(&type);
  return status;
}

static gan_status read_optimizer(gan_checkpoint *checkpoint, const gan_learner *learner) {
  const gan_net *net = learner->net;
  gan_optimizer *optimizer = learner->optimizer;
  char group[256];
  GAN_TRY(check_optimizer(checkpoint, learner));
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    if (tensor->kind != GAN_TENSOR_PARAM) continue;
    for (int m = 0; m < optimizer->type->moment_count; m++)
      GAN_TRY(read_tensor(checkpoint->file, net->name,
                          moment_group(optimizer, m, group, sizeof group), tensor,
                          optimizer->moments[m] + tensor->offset));
  }
  snprintf(group, sizeof group, "%s/optimizer", net->name);
  return gan_h5_get_int(checkpoint->file, group, "step", &optimizer->step);
}

static gan_status read_network(gan_checkpoint *checkpoint, gan_net *net) {
  gan_net_changed(net);
  for (int i = 0; i < net->tensor_count; i++)
    GAN_TRY(gan_checkpoint_read_tensor(checkpoint, net, &net->tensors[i]));
  return GAN_OK;
}

gan_status gan_checkpoint_read_learner(gan_checkpoint *checkpoint, const gan_learner *learner) {
  GAN_TRY(read_network(checkpoint, learner->net));
  return learner->optimizer ? read_optimizer(checkpoint, learner) : GAN_OK;
}

gan_status gan_checkpoint_read_average(gan_checkpoint *checkpoint, gan_average *average) {
  GAN_TRY(read_network(checkpoint, average->net));
  return gan_h5_get_int(checkpoint->file, average->net->name, "updates", &average->updates);
}

bool gan_checkpoint_has_counter(gan_checkpoint *checkpoint, const gan_counter *counter) {
  return gan_h5_has_attribute(checkpoint->file, "state", counter->name);
}

gan_status gan_checkpoint_read_counter(gan_checkpoint *checkpoint, const gan_counter *counter) {
  return gan_h5_get_int(checkpoint->file, "state", counter->name, counter->value);
}

gan_status gan_checkpoint_tensors(gan_checkpoint *checkpoint, const char *network, const char *part,
                                  void (*show)(void *context, const char *name, int rank,
                                               const int64_t *dims),
                                  void *context) {
  char group[128], path[512], **names;
  int count;
  snprintf(group, sizeof group, "%s/%s", network, part);
  if (gan_h5_has(checkpoint->file, network) && !gan_h5_has(checkpoint->file, group)) return GAN_OK;
  GAN_TRY(gan_h5_names(checkpoint->file, group, &names, &count));
  gan_status status = GAN_OK;
  for (int i = 0; status == GAN_OK && i < count; i++) {
    gan_dtype type;
    int rank;
    int64_t dims[GAN_H5_RANK_MAX];
    snprintf(path, sizeof path, "%s/%s", group, names[i]);
    status = gan_h5_shape(checkpoint->file, path, &type, &rank, dims);
    if (status == GAN_OK) show(context, names[i], rank, dims);
  }
  gan_names_free(&names, count);
  return status;
}

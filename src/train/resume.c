#include "train/resume.h"

#include "base/log.h"
#include "base/memory.h"
#include "config/networks.h"

#include <string.h>

gan_status gan_resume_choose(const char *run_dir, const char *resume, gan_skip_list *skipped,
                             gan_checkpoint **out) {
  int64_t highest;
  *out = NULL;
  *skipped = (gan_skip_list){0};
  if (strcmp(resume, "auto") == 0) return gan_store_newest_telling(run_dir, skipped, out);
  GAN_TRY(gan_store_highest_step(run_dir, &highest));
  if (strcmp(resume, "never") == 0) {
    if (highest < 0) return GAN_OK;
    return gan_fail(GAN_USAGE,
                    "--resume never: %s holds checkpoints (up to step %lld), which a new run would "
                    "overwrite; give it its own --run-dir, or remove the folder",
                    run_dir, (long long)highest);
  }
  GAN_TRY(gan_checkpoint_open(resume, out));
  int64_t step = gan_checkpoint_facts(*out)->step;
  if (highest <= step) return GAN_OK;
  gan_checkpoint_close(out);
  return gan_fail(
      GAN_USAGE,
      "--resume %s: it is of step %lld, but %s holds checkpoints up to step %lld, which "
      "would be overwritten; give the branch its own --run-dir",
      resume, (long long)step, run_dir, (long long)highest);
}

/* The config that the checkpoint was saved with; to be reset whatever comes of it. */
static gan_status stored_config(const gan_checkpoint *checkpoint, gan_config *before) {
  gan_layer_schemas layers = gan_layer_table();
  const char *text = gan_checkpoint_config(checkpoint), *path = gan_checkpoint_path(checkpoint);
  gan_status status = gan_config_parse(before, text, strlen(text), path, NULL, 0, 1, &layers);
  return status == GAN_OK ? status : gan_fail_context(GAN_INPUT, "%s: its config", path);
}

gan_status gan_resume_shards(const gan_session *session, const gan_checkpoint *checkpoint,
                             bool force, int64_t *shards) {
  const gan_config *now = &session->config;
  gan_config before;
  gan_status status = stored_config(checkpoint, &before);
  int64_t kept = before.data.shards, batch = now->train.batch;
  gan_config_reset(&before);
  GAN_TRY(status);
  *shards = now->data.shards;
  if (!now->resolved.default_shards || kept == *shards) return GAN_OK;
  if (batch % kept == 0) *shards = kept;
  if (batch % kept == 0 || force) return GAN_OK;
  char place[600], batches[64];
  return gan_fail(GAN_USAGE,
                  "%s is %lld, which the %lld shards of %s do not divide; a train.batch of %s "
                  "would continue it: any multiple of %lld",
                  gan_config_place(now, "train.batch", place, sizeof place), (long long)batch,
                  (long long)kept, gan_checkpoint_path(checkpoint),
                  gan_config_batches(batch, kept, batches, sizeof batches), (long long)kept);
}

/* --force-config goes on with anything but other tensors. */
static gan_status check_shapes(const gan_session *session, gan_checkpoint *checkpoint) {
  for (int i = 0; i < session->task->learner_count; i++) {
    const gan_net *net = session->task->learners[i].net;
    for (int k = 0; k < net->tensor_count; k++) {
      const gan_tensor *tensor = &net->tensors[k];
      const char *part = tensor->kind == GAN_TENSOR_PARAM ? "param" : "buffer";
      char there[GAN_DIMS_TEXT], here[GAN_DIMS_TEXT];
      gan_tensor_match match;
      GAN_TRY(gan_checkpoint_match(checkpoint, net, tensor, &match, there));
      if (match == GAN_TENSOR_FITS) continue;
      return gan_fail(GAN_USAGE,
                      "--force-config cannot continue %s: %s/%s/%s is %s there, and of shape %s in "
                      "this config; give the changed networks another --run-dir "
                      "(model.init_from can take the weights that fit)",
                      gan_checkpoint_path(checkpoint), net->name, part, tensor->name,
                      match == GAN_TENSOR_MISSING ? "missing" : there,
                      gan_dims_text(tensor->rank, tensor->dims, here));
    }
  }
  return GAN_OK;
}

gan_status gan_resume_check_config(const gan_session *session, gan_checkpoint *checkpoint,
                                   bool force) {
  gan_config before;
  gan_status status = stored_config(checkpoint, &before);
  char fixed[4096], free[4096];
  int fixed_count = 0, free_count = 0;
  if (status == GAN_OK) {
    fixed_count = gan_config_differences(&before, &session->config, false, fixed, sizeof fixed);
    free_count = gan_config_differences(&before, &session->config, true, free, sizeof free);
  }
  gan_config_reset(&before);
  GAN_TRY(status);
  if (fixed_count && !force)
    return gan_fail(GAN_USAGE,
                    "this config cannot continue %s; it differs in%s\nrun it with another "
                    "--run-dir, or with --force-config if you mean it",
                    gan_checkpoint_path(checkpoint), fixed);
  if (fixed_count) gan_log("continuing with a changed config (--force-config):%s", fixed);
  if (free_count) gan_log("continuing with changed keys:%s", free);
  return force ? check_shapes(session, checkpoint) : GAN_OK;
}

gan_status gan_resume_check_data(const gan_session *session, const gan_checkpoint *checkpoint,
                                 bool force) {
  const gan_digest *before = &gan_checkpoint_facts(checkpoint)->data.digest;
  char old[33], new[33];
  if (gan_digest_equal(*before, session->data->digest)) return GAN_OK;
  gan_digest_text(old, *before);
  gan_digest_text(new, session->data->digest);
  if (force) {
    gan_log("continuing with other data (--force-config): digest %s -> %s", old, new);
    return GAN_OK;
  }
  return gan_fail(
      GAN_USAGE,
      "%s: the data is not what %s was trained on (digest %s -> %s); give the old data, "
      "another --run-dir, or --force-config if you mean it",
      session->config.data.path, gan_checkpoint_path(checkpoint), old, new);
}

void gan_resume_log_world(const gan_session *session, const gan_run_facts *facts) {
  int ranks = gan_comm_size(session->comm);
  if (facts->world_size == ranks) return;
  gan_log("  it was saved by %lld rank%s, this start has %d: each step is equal to %s",
          (long long)facts->world_size, facts->world_size == 1 ? "" : "s", ranks,
          session->config.compute.reproducible ? "the bit" : "rounding");
}

/* Moments are of the optimizer that made them: behind --force-config another one begins anew. */
static gan_status read_learner(gan_checkpoint *checkpoint, const gan_learner *learner) {
  gan_optimizer *optimizer = learner->optimizer;
  gan_learner weights_only = {.net = learner->net};
  char *type;
  GAN_TRY(gan_checkpoint_optimizer(checkpoint, learner->net, &type));
  bool same = strcmp(type, optimizer->type->name) == 0;
  if (!same)
    gan_log("the moments of the %s are not taken: they are of %s, and it learns by %s from now on",
            learner->net->name, type, optimizer->type->name);
  gan_free(&type);
  if (same) return gan_checkpoint_read_learner(checkpoint, learner);
  gan_optimizer_clear(optimizer);
  return gan_checkpoint_read_learner(checkpoint, &weights_only);
}

/* The average of a run that kept none so far begins with the weights as they are. */
static gan_status read_average(gan_checkpoint *checkpoint, const gan_learner *learner) {
  gan_average *average = learner->average;
  if (gan_checkpoint_holds(checkpoint, average->net->name))
    return gan_checkpoint_read_average(checkpoint, average);
  gan_average_begin(average, learner->net);
  gan_log("%s has no %s: the average begins with the %s's weights of step %lld",
          gan_checkpoint_path(checkpoint), average->net->name, learner->net->name,
          (long long)gan_checkpoint_facts(checkpoint)->step);
  return GAN_OK;
}

/* One that is not kept any more. */
static void name_dropped(gan_checkpoint *checkpoint, const gan_task *task, int which) {
  const char *name = gan_networks_of((gan_task_kind)task->config->task).rows[which].average;
  if (name && !task->learners[which].average && gan_checkpoint_holds(checkpoint, name))
    gan_log("the %s of %s is dropped: this config keeps no average (train.ema)", name,
            gan_checkpoint_path(checkpoint));
}

static gan_status read_state(gan_task *task, gan_checkpoint *checkpoint) {
  for (int i = 0; i < task->learner_count; i++) {
    GAN_TRY(read_learner(checkpoint, &task->learners[i]));
    if (task->learners[i].average) GAN_TRY(read_average(checkpoint, &task->learners[i]));
    name_dropped(checkpoint, task, i);
  }
  for (int i = 0; i < task->counter_count; i++) {
    bool late = i >= task->counter_count - task->late_counters;
    *task->counters[i].value = 0;
    if (late && !gan_checkpoint_has_counter(checkpoint, &task->counters[i])) continue;
    GAN_TRY(gan_checkpoint_read_counter(checkpoint, &task->counters[i]));
  }
  return GAN_OK;
}

static gan_status share_network(gan_comm *comm, gan_net *net) {
  GAN_TRY(gan_comm_broadcast(comm, net->params, (size_t)net->slab_size * sizeof(float),
                             "the broadcast of a network's weights"));
  GAN_TRY(gan_comm_broadcast(comm, net->buffers, (size_t)net->buffer_size * sizeof(float),
                             "the broadcast of a network's buffers"));
  GAN_TRY(gan_comm_broadcast(comm, net->counters, (size_t)net->counter_count * sizeof(int64_t),
                             "the broadcast of a network's counters"));
  gan_net_changed(net);
  return GAN_OK;
}

static gan_status share_average(gan_comm *comm, gan_average *average) {
  GAN_TRY(share_network(comm, average->net));
  return gan_comm_broadcast(comm, &average->updates, sizeof average->updates,
                            "the broadcast of an average's updates");
}

gan_status gan_resume_share_learner(gan_comm *comm, gan_learner *learner) {
  gan_optimizer *optimizer = learner->optimizer;
  size_t slab = (size_t)learner->net->slab_size * sizeof(float);
  GAN_TRY(share_network(comm, learner->net));
  for (int i = 0; i < optimizer->type->moment_count; i++)
    GAN_TRY(gan_comm_broadcast(comm, optimizer->moments[i], slab,
                               "the broadcast of an optimizer's moments"));
  if (learner->average) GAN_TRY(share_average(comm, learner->average));
  return gan_comm_broadcast(comm, &optimizer->step, sizeof optimizer->step,
                            "the broadcast of an optimizer's step");
}

gan_status gan_resume_load(gan_session *session, gan_checkpoint *checkpoint, gan_run_facts *facts) {
  gan_task *task = session->task;
  gan_status status = GAN_OK;
  if (checkpoint) {
    status = read_state(task, checkpoint);
    *facts = *gan_checkpoint_facts(checkpoint);
  }
  GAN_TRY(gan_comm_agree(session->comm, status, "agreeing whether the checkpoint could be read"));
  for (int i = 0; i < task->learner_count; i++)
    GAN_TRY(gan_resume_share_learner(session->comm, &task->learners[i]));
  for (int i = 0; i < task->counter_count; i++)
    GAN_TRY(gan_comm_broadcast(session->comm, task->counters[i].value, sizeof(int64_t),
                               "the broadcast of the checkpoint's counters"));
  return gan_comm_broadcast(session->comm, facts, sizeof *facts,
                            "the broadcast of the checkpoint's facts");
}

#include "train/initial.h"

#include "base/log.h"
#include "checkpoint/store.h"
#include "train/resume.h"

#include <string.h>

/* Takes what fits of a network's tensors, and names the others; *taken grows. */
static gan_status take_tensors(gan_checkpoint *checkpoint, const gan_net *net, int *taken) {
  int count = 0;
  for (int i = 0; i < net->tensor_count; i++) {
    const gan_tensor *tensor = &net->tensors[i];
    char there[GAN_DIMS_TEXT], here[GAN_DIMS_TEXT];
    gan_tensor_match match;
    GAN_TRY(gan_checkpoint_match(checkpoint, net, tensor, &match, there));
    gan_dims_text(tensor->rank, tensor->dims, here);
    if (match == GAN_TENSOR_MISSING)
      gan_log("  new: %s %s %s, which is missing there", net->name, tensor->name, here);
    if (match == GAN_TENSOR_RESHAPED)
      gan_log("  new: %s %s %s, which is %s there", net->name, tensor->name, here, there);
    if (match != GAN_TENSOR_FITS) continue;
    GAN_TRY(gan_checkpoint_read_tensor(checkpoint, net, tensor));
    count++;
  }
  gan_log("  %d of %d tensors of the %s are taken", count, net->tensor_count, net->name);
  *taken += count;
  return GAN_OK;
}

/* Names a tensor of the checkpoint that our network has not. */
static void name_unused(void *context, const char *name, int rank, const int64_t *dims) {
  const gan_net *net = context;
  char shape[GAN_DIMS_TEXT];
  for (int i = 0; i < net->tensor_count; i++)
    if (strcmp(net->tensors[i].name, name) == 0) return;
  gan_log("  not used: %s %s %s", net->name, name, gan_dims_text(rank, dims, shape));
}

static gan_status take_network(gan_checkpoint *checkpoint, gan_net *net, int *taken) {
  static const char *const parts[] = {"param", "buffer"};
  GAN_TRY(take_tensors(checkpoint, net, taken));
  if (!gan_checkpoint_holds(checkpoint, net->name)) return GAN_OK;
  for (int i = 0; i < 2; i++)
    GAN_TRY(gan_checkpoint_tensors(checkpoint, net->name, parts[i], name_unused, net));
  return GAN_OK;
}

static void name_unused_networks(const gan_task *task, const char *names) {
  for (const char *at = names; *at;) {
    int length = (int)strcspn(at, ",");
    bool ours = false;
    for (int i = 0; i < task->learner_count; i++) {
      const char *name = task->learners[i].net->name;
      ours |= (int)strlen(name) == length && strncmp(name, at, (size_t)length) == 0;
    }
    if (!ours) gan_log("  not used: network %.*s", length, at);
    at += length + (at[length] == ',');
  }
}

static gan_status take_weights(gan_session *session, gan_checkpoint *checkpoint) {
  const gan_task *task = session->task;
  const char *path = gan_checkpoint_path(checkpoint);
  int taken = 0;
  gan_log("weights from %s, step %lld:", path, (long long)gan_checkpoint_facts(checkpoint)->step);
  for (int i = 0; i < task->learner_count; i++)
    GAN_TRY(take_network(checkpoint, task->learners[i].net, &taken));
  name_unused_networks(task, gan_checkpoint_networks(checkpoint));
  char place[600];
  if (taken) return GAN_OK;
  return gan_fail(GAN_USAGE,
                  "%s: nothing in %s has the network, name and shape of a tensor of this config "
                  "(the log lists both); give another checkpoint, or leave the key out",
                  gan_config_place(&session->config, "model.init_from", place, sizeof place), path);
}

/* Rank 0 only. */
static gan_status read_weights(gan_session *session) {
  gan_checkpoint *checkpoint = NULL;
  char place[600];
  gan_status status = gan_store_open(session->config.model.init_from, &checkpoint);
  if (status == GAN_INPUT)
    status = gan_fail_context(
        status, "%s", gan_config_place(&session->config, "model.init_from", place, sizeof place));
  if (status == GAN_OK) status = take_weights(session, checkpoint);
  gan_checkpoint_close(&checkpoint);
  return status;
}

gan_status gan_initial_weights(gan_session *session) {
  gan_task *task = session->task;
  gan_status status = GAN_OK;
  gan_task_init(task);
  if (!session->config.model.init_from) return GAN_OK;
  /* what rank 0 reads may be shared with ranks that still write theirs */
  GAN_TRY(gan_comm_barrier(session->comm, "the first weights"));
  if (gan_comm_rank(session->comm) == 0) status = read_weights(session);
  GAN_TRY(
      gan_comm_agree(session->comm, status, "agreeing whether the first weights could be read"));
  for (int i = 0; i < task->learner_count; i++) {
    gan_learner *learner = &task->learners[i];
    GAN_TRY(gan_resume_share_learner(session->comm, learner));
    if (learner->average) gan_average_begin(learner->average, learner->net);
  }
  return GAN_OK;
}

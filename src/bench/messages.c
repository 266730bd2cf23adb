#include "bench/messages.h"

#include "base/memory.h"

#include <string.h>

static bool is_gradients(const gan_task *task, const char *what) {
  for (int i = 0; i < task->learner_count; i++)
    if (!strcmp(what, task->learners[i].net->gradients_text)) return true;
  return false;
}

static void record(void *context, size_t bytes, const char *what) {
  gan_messages *messages = context;
  int at = messages->count++;
  if (at < messages->room)
    messages->list[at] = (gan_message){bytes, what, is_gradients(messages->task, what)};
}

gan_status gan_messages_record(gan_task *task, gan_messages *out) {
  *out = (gan_messages){.task = task};
  for (int i = 0; i < 2; i++) {
    out->count = 0;
    gan_comm_observe(record, out);
    gan_status status = task->type->step(task);
    gan_comm_observe(NULL, NULL);
    GAN_TRY(status);
    if (i > 0) break;
    out->list = gan_alloc((size_t)out->count, sizeof *out->list, "a list of sums");
    out->room = out->count;
    GAN_TRY(gan_comm_agree(task->comm, out->list ? GAN_OK : GAN_NO_MEMORY,
                           "agreeing whether all have room for a list of sums"));
  }
  GAN_ASSERT(out->count == out->room);
  return GAN_OK;
}

void gan_messages_reset(gan_messages *messages) {
  gan_free(&messages->list);
  messages->count = messages->room = 0;
}

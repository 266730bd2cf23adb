/* What a training step sends: its sums over the ranks, in order. */
#ifndef GAN_BENCH_MESSAGES_H
#define GAN_BENCH_MESSAGES_H

#include "task/task.h"

typedef struct gan_message {
  size_t bytes;
  const char *what; /* for the user; the sum's own */
  bool gradients;   /* a network's, which need not be there before its update */
} gan_message;

typedef struct gan_messages {
  gan_message *list; /* (room) */
  int count, room;   /* count goes on beyond the room */
  const gan_task *task;
} gan_messages;

/* Takes a step to count them, and one to keep them.  Collective; free what it gives with
 * gan_messages_reset.  The task outlives them. */
GAN_CHECKED gan_status gan_messages_record(gan_task *task, gan_messages *out);
void gan_messages_reset(gan_messages *messages);

#endif

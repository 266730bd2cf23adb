/* What was trained, for programs that only look: a checkpoint, and its networks without gradients.
 * One rank; MPI is not needed. */
#ifndef GAN_TASK_TRAINED_H
#define GAN_TASK_TRAINED_H

#include "checkpoint/checkpoint.h"
#include "config/networks.h"

typedef struct gan_trained {
  gan_checkpoint *checkpoint;
  gan_config config; /* of the run; networks borrow from it */
} gan_trained;

/* `path` is a checkpoint, or a run folder: its newest that verifies.  Sets library, precision and
 * threads of products to the config's, as far as they are there.  GAN_INPUT if there is none, or it
 * is damaged.  On failure, too, `trained` wants gan_trained_close. */
GAN_CHECKED gan_status gan_trained_open(const char *path, gan_trained *trained);

/* Sets library, precision and threads again, where something else has computed in between. */
void gan_trained_use(const gan_trained *trained);

void gan_trained_close(gan_trained *trained);

/* The specification of one of its networks: what goes in and out, and how a class enters, is the
 * caller's to add. */
gan_net_spec gan_trained_spec(const gan_trained *trained, const gan_network *network);

/* Builds it, for passes of at most some hundreds of samples (net->capacity), and fills it.  With
 * compute.reproducible a sample's numbers do not depend on those beside it in a pass, nor on
 * threads. */
GAN_CHECKED gan_status gan_trained_network(const gan_trained *trained, gan_net_spec spec,
                                           gan_net **out);

#endif

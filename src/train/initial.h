/* The first weights of a new run: random ones, or those of a checkpoint (model.init_from). */
#ifndef GAN_TRAIN_INITIAL_H
#define GAN_TRAIN_INITIAL_H

#include "train/session.h"

/* Fills weights and statistics of all networks, the same on all ranks.  What model.init_from has
 * under the same network, name and shape is taken from there; what is not, is logged.  Only rank 0
 * reads.  Collective.  GAN_INPUT if the checkpoint cannot be used, GAN_USAGE if nothing in it
 * matches. */
GAN_CHECKED gan_status gan_initial_weights(gan_session *session);

#endif

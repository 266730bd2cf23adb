/* How many compute threads a rank has, and whether they have cores of their own. */
#ifndef GAN_TRAIN_THREADS_H
#define GAN_TRAIN_THREADS_H

#include "comm/comm.h"
#include "config/config.h"

/* compute.threads: auto becomes a number: OMP_NUM_THREADS, else Slurm's cores a task, else the
 * cores that the rank is bound to or its share of the node's; of all ranks' the least, since bits
 * depend on it.  config->resolved.threads_from says which it was.  Collective. */
GAN_CHECKED gan_status gan_threads_resolve(gan_comm *comm, gan_config *config);

enum { GAN_ADVICE_MAX = 512 };

/* One sentence where the ranks of a node have more threads than cores, with what to do; else "".
 * Collective. */
GAN_CHECKED gan_status gan_threads_advise(gan_comm *comm, const gan_config *config,
                                          char advice[GAN_ADVICE_MAX]);

#endif

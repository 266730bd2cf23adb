/* Checkpoints: one file, written whole or not at all, verified before anything in it is trusted.
 *
 * A 512-byte ASCII user block (format, version, byte count and XXH3-128 of all that follows), then
 * an HDF5 image that is built in memory.  State is global: any world size can read it.
 *
 *   /                    attributes format, version, task, networks, step, epoch, seed,
 *                        world_size, config, mpigan_version
 *   /<network>/param/<name>, buffer/<name>
 *   /<network>/optimizer  attributes type, step; a group a moment, by PyTorch's names:
 *                         exp_avg/<name>, exp_avg_sq/<name>; momentum_buffer/<name>
 *   /<network>_ema       the moving average of a network's weights: param/ and buffer/ likewise,
 *                        attribute updates
 *   /state               counters
 *   /data                shape, classes, range, scale and offset, digest
 */
#ifndef GAN_CHECKPOINT_CHECKPOINT_H
#define GAN_CHECKPOINT_CHECKPOINT_H

#include "base/hash.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "model/net.h"
#include "optim/average.h"
#include "optim/optimizer.h"

enum { GAN_CHECKPOINT_VERSION = 2, GAN_CHECKPOINT_NETWORKS_MAX = 8, GAN_CHECKPOINT_COUNTERS = 8 };

/* What a network needs to have learned: the weights and its optimizer. */
typedef struct gan_learner {
  gan_net *net;
  gan_optimizer *optimizer; /* NULL in a program that only samples */
  gan_average *average;     /* of its weights; NULL: none is kept */
} gan_learner;

typedef struct gan_counter {
  const char *name;
  int64_t *value;
} gan_counter;

/* What the data was. */
typedef struct gan_data_facts {
  int64_t n, h, w, c, classes;
  double low, high, scale, offset;
  gan_digest digest;
} gan_data_facts;

/* The best that the figure of eval.best has been so far. */
typedef struct gan_best {
  char of[64];     /* its key; "": nothing was watched */
  double value;    /* where step is not 0 */
  int64_t step;    /* whose checkpoint is kept; 0: there is none yet */
  int64_t without; /* evaluations since then that did not better it */
} gan_best;

/* Everything about a run that is not in a network. */
typedef struct gan_run_facts {
  int64_t step, seed, world_size;
  int64_t skipped, skipped_in_a_row; /* steps that left an update out: of all, and of the last */
  int64_t rollbacks;
  double lr_factor;        /* what they have made of the learning rates; 1 at first */
  double epoch, elapsed_s; /* seconds of training over all starts */
  gan_data_facts data;
  gan_best best;
  int64_t evaluation_due; /* this step's was given up for a stop: whoever goes on makes it first */
} gan_run_facts;

typedef struct gan_checkpoint_content {
  const char *task;   /* borrowed, as is config */
  const char *config; /* resolved YAML */
  gan_run_facts facts;
  gan_learner learners[GAN_CHECKPOINT_NETWORKS_MAX];
  int learner_count;
  gan_counter counters[GAN_CHECKPOINT_COUNTERS]; /* into /state */
  int counter_count;
  const gan_permit *permit; /* borrowed: without it the file is not published; NULL: always */
} gan_checkpoint_content;

/* Writes the file, atomically; GAN_OUTPUT if it cannot.  Local: rank 0 calls it. */
GAN_CHECKED gan_status gan_checkpoint_write(const char *path,
                                            const gan_checkpoint_content *content);

typedef struct gan_checkpoint gan_checkpoint;

/* Reads and verifies the whole file, then its facts.  GAN_INPUT with the reason if anything is
 * wrong: truncated, flipped, of a newer version, no checkpoint at all. */
GAN_CHECKED gan_status gan_checkpoint_open(const char *path, gan_checkpoint **out);

/* Whether a file begins as checkpoints do, whole or not. */
bool gan_checkpoint_claims(const char *path);

void gan_checkpoint_close(gan_checkpoint **checkpoint);

const char *gan_checkpoint_path(const gan_checkpoint *checkpoint);
const char *gan_checkpoint_config(const gan_checkpoint *checkpoint);
const char *gan_checkpoint_task(const gan_checkpoint *checkpoint);
const char *gan_checkpoint_networks(const gan_checkpoint *checkpoint); /* comma-separated */
const char *gan_checkpoint_program(const gan_checkpoint *checkpoint);  /* mpigan_version */
const gan_run_facts *gan_checkpoint_facts(const gan_checkpoint *checkpoint);
gan_digest gan_checkpoint_digest(const gan_checkpoint *checkpoint); /* its user block's */

/* Whether it has a network of that name. */
bool gan_checkpoint_holds(const gan_checkpoint *checkpoint, const char *network);

/* How a tensor of one of our networks stands in a checkpoint. */
typedef enum gan_tensor_match {
  GAN_TENSOR_FITS,
  GAN_TENSOR_MISSING,
  GAN_TENSOR_RESHAPED, /* there, in another shape */
} gan_tensor_match;

enum { GAN_DIMS_TEXT = 96 };

/* "(64, 128)", into at least GAN_DIMS_TEXT bytes. */
char *gan_dims_text(int rank, const int64_t *dims, char text[GAN_DIMS_TEXT]);

/* `there`: its shape in the file, as text; empty where it is missing. */
GAN_CHECKED gan_status gan_checkpoint_match(gan_checkpoint *checkpoint, const gan_net *net,
                                            const gan_tensor *tensor, gan_tensor_match *match,
                                            char there[GAN_DIMS_TEXT]);

/* The tensors of a network in one of its parts (param, buffer), as the file has them, each shown to
 * `show`; a part that the network has not has none. */
GAN_CHECKED gan_status gan_checkpoint_tensors(
    gan_checkpoint *checkpoint, const char *network, const char *part,
    void (*show)(void *context, const char *name, int rank, const int64_t *dims), void *context);

/* The type of the optimizer that a network learned by, as "adam"; to be freed with gan_free. */
GAN_CHECKED gan_status gan_checkpoint_optimizer(gan_checkpoint *checkpoint, const gan_net *net,
                                                char **type);

/* Fills the learners (weights, statistics, and moments where optimizer is not NULL).  GAN_INPUT if
 * a tensor is missing or of another shape, or the moments are of another type of optimizer. */
GAN_CHECKED gan_status gan_checkpoint_read_learner(gan_checkpoint *checkpoint,
                                                   const gan_learner *learner);

/* Fills an average; the checkpoint must hold one. */
GAN_CHECKED gan_status gan_checkpoint_read_average(gan_checkpoint *checkpoint,
                                                   gan_average *average);

/* Fills one tensor of `net`, which must be of the same shape in the file. */
GAN_CHECKED gan_status gan_checkpoint_read_tensor(gan_checkpoint *checkpoint, const gan_net *net,
                                                  const gan_tensor *tensor);

/* One number of /state, and whether it is there. */
bool gan_checkpoint_has_counter(gan_checkpoint *checkpoint, const gan_counter *counter);
GAN_CHECKED gan_status gan_checkpoint_read_counter(gan_checkpoint *checkpoint,
                                                   const gan_counter *counter);

#endif

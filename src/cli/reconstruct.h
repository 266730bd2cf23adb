/* mpigan sample --reconstruct: the first images of a data set, and what a vae makes of them. */
#ifndef GAN_CLI_RECONSTRUCT_H
#define GAN_CLI_RECONSTRUCT_H

#include <mpigan/generator.h>

typedef struct gan_reconstruct_request {
  const char *data;         /* a path, or a name as data.path has it */
  const char *images;       /* HDF5: the dataset with the images; NULL: named as the run's */
  int64_t count;            /* 0: 64, or as many as there are */
  const char *output, *png; /* files; NULL: not wanted */
} gan_reconstruct_request;

GAN_CHECKED gan_status gan_reconstruct(gan_generator *generator,
                                       const gan_reconstruct_request *request);

#endif

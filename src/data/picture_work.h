/* Decoding pictures on several ranks: rank 0 hands out a few paths at a time and takes the rows
 * back.
 *
 * What is handed out, and in which order it is taken back, does not depend on the number of ranks;
 * nor does anything else that rank 0 makes of it.  A rank waits for work only, so that no failure
 * anywhere leaves one waiting.
 */
#ifndef GAN_DATA_PICTURE_WORK_H
#define GAN_DATA_PICTURE_WORK_H

#include "comm/comm.h"

#include <limits.h>

enum { GAN_PICTURE_WORK_MAX = 16, GAN_PICTURE_REASON = 768 };

/* Some pictures to decode. */
typedef struct gan_picture_work {
  int32_t count; /* 0: there is no more work */
  int32_t side, channels;
  int32_t bytes;                               /* of paths */
  char paths[GAN_PICTURE_WORK_MAX * PATH_MAX]; /* one behind the other, each with its '\0' */
} gan_picture_work;

/* What became of each. */
typedef struct gan_picture_report {
  int32_t status; /* not GAN_OK: a failure of the rank, with reasons[0]: short memory, or a file
                   * that it cannot open, as where it does not see the folder at all */
  int32_t kept;   /* rows */
  uint8_t fates[GAN_PICTURE_WORK_MAX];
  char reasons[GAN_PICTURE_WORK_MAX][GAN_PICTURE_REASON]; /* of the damaged, naming the file */
} gan_picture_report;

typedef enum { GAN_PICTURE_KEPT, GAN_PICTURE_DAMAGED, GAN_PICTURE_NONE } gan_picture_fate;

/* GAN_INPUT if the path is longer than any can be. */
GAN_CHECKED gan_status gan_picture_work_add(gan_picture_work *work, const char *path);

/* rows: (kept, side, side, channels), with room for all.  Local. */
void gan_picture_work_do(const gan_picture_work *work, uint8_t *rows, gan_picture_report *report);

/* On rank 0: hands work to a rank, and takes back what came of it.  One after the other. */
GAN_CHECKED gan_status gan_picture_work_send(gan_comm *comm, int to, const gan_picture_work *work);
GAN_CHECKED gan_status gan_picture_work_collect(gan_comm *comm, int from, size_t row_bytes,
                                                uint8_t *rows, gan_picture_report *report);

/* On the others: works until it is dismissed. */
GAN_CHECKED gan_status gan_picture_work_serve(gan_comm *comm);

/* On rank 0: dismisses all others. */
GAN_CHECKED gan_status gan_picture_work_dismiss(gan_comm *comm);

#endif

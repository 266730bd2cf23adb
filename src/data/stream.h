/* A stream: the rows of a rank's shards in their order, read from the file as they are wanted.
 *
 * Of each shard it holds two windows (data/window.h): the one in use, and the next, which a thread
 * reads meanwhile, each with its rows' labels where there are any.  A position elsewhere, where a
 * resumed run begins, is read at once.  The thread is the only one that reads; it takes no signals
 * and touches no communicator.
 */
#ifndef GAN_DATA_STREAM_H
#define GAN_DATA_STREAM_H

#include "data/dataset.h"

typedef struct gan_stream gan_stream;

/* Opens the dataset's file once more, and starts the thread.  The dataset is borrowed.  Local. */
GAN_CHECKED gan_status gan_stream_create(const gan_dataset *dataset, uint64_t seed,
                                         gan_stream **out);
void gan_stream_destroy(gan_stream **stream);

/* Says that a position of the rank's shard `s` (from 0) is wanted soon, and does not wait for it.
 */
void gan_stream_want(gan_stream *stream, int64_t s, uint64_t position);

/* *sample = what stands at a position of the rank's shard `s`, good until the next call.  Waits
 * where it must; takes no memory.  GAN_INPUT naming file and row if it cannot be read, is not
 * finite, or the file has changed since the stream began. */
GAN_CHECKED gan_status gan_stream_row(gan_stream *stream, int64_t s, uint64_t position,
                                      gan_data_sample *sample);

/* Seconds of waiting so far. */
double gan_stream_waited(const gan_stream *stream);

#endif

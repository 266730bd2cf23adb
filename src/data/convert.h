/* Converting: any data that mpigan reads becomes one HDF5 file that can be streamed.
 *
 *   images   (N, H, W) for one channel, else (N, H, W, C); points (N, D); uint8 or float32, in
 *            chunks of whole rows; attributes minimum and maximum of the values, and classes where
 *            there are labels
 *   labels   (N), int32, where the sources have them
 *
 * Of folders of pictures the sub-folders' names are the attribute class_names, one a line.
 */
#ifndef GAN_DATA_CONVERT_H
#define GAN_DATA_CONVERT_H

#include "data/source.h"

typedef struct gan_convert_request {
  const char *const *sources; /* data sets, put one behind the other; gan_source_find finds them */
  int source_count;
  const char *images, *labels; /* of HDF5 sources */
  gan_layout layout;           /* of HDF5 sources */
  gan_selection select;        /* of each source; labels stay what they are */
  gan_picture_spec pictures;   /* all sources are folders of pictures where it has a side */
  int64_t stack;               /* of each source: see gan_source_spec */
  const char *out;
  int gzip;   /* 0 to 9; 0: not compressed */
  bool force; /* an existing file is replaced */
} gan_convert_request;

/* Collective: rank 0 reads and writes, the others help it to decode pictures; the file's bytes do
 * not depend on their number.  Memory is bounded, whatever the size.  What is at `out` is the whole
 * file or what was there before.  GAN_USAGE: the request; GAN_INPUT: a source; GAN_OUTPUT: the
 * disk. *info is what was written, on rank 0. */
GAN_CHECKED gan_status gan_convert(gan_comm *comm, const gan_convert_request *request,
                                   gan_data_info *info);

#endif

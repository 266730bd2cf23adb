/* Sources: data sets on disk, read from front to back by one rank.
 *
 * A format is one file (idx.c, hdf5.c, builtin.c) and one row in source.c: open looks at headers
 * only, checks them against the file and fills `info`; read gives rows.  Rows come channels last,
 * (H, W, C), as uint8 or float32; labels as int32.  A format that can read from anywhere in the
 * file has read_at too: it can be streamed.  Folders of pictures (pictures.c) are for `mpigan data
 * convert` alone.
 */
#ifndef GAN_DATA_SOURCE_H
#define GAN_DATA_SOURCE_H

#include "base/status.h"
#include "comm/comm.h"
#include "config/config.h"
#include "io/hdf5.h"

typedef struct gan_data_info {
  int64_t n;       /* rows */
  int64_t h, w, c; /* shape of a row; points of D numbers are 1, 1, D */
  gan_dtype type;  /* GAN_U8 or GAN_F32, as rows are handed out */
  bool has_labels;
} gan_data_info;

typedef struct gan_source gan_source;

/* Rows of some labels alone. */
typedef struct gan_selection {
  const int64_t *classes; /* (count), borrowed: those labels */
  int count;              /* 0: all rows */
  bool keep_labels;       /* they stay; else a row's label is its place in the list */
} gan_selection;

/* How pictures become rows: squares of `side` pixels. */
typedef struct gan_picture_spec {
  int64_t side;      /* 0: the path is no folder of pictures */
  int64_t channels;  /* 1 or 3 */
  bool skip_damaged; /* else one ends all */
  gan_comm *comm;    /* borrowed: who decodes; opened on rank 0, while the others serve */
} gan_picture_spec;

/* What the config says about the data. */
typedef struct gan_source_spec {
  const char *path; /* resolved: a path, builtin:... or synthetic:... */
  const char *images, *labels;
  gan_layout layout;
  bool labels_beside; /* of one IDX file of images: the file of labels that goes with it is taken,
                       * where there is one */
  gan_selection select;
  gan_picture_spec pictures;
  int64_t stack; /* so many rows, each of three that are drawn at random; 0: the rows as they are */
} gan_source_spec;

typedef struct gan_source_format {
  const char *name;
  bool (*claims)(const char *path); /* whether the path looks like this format */
  gan_status (*open)(const gan_source_spec *spec, gan_source *source);
  /* The next `count` rows, and their labels (at least 0) where the source has them. */
  gan_status (*read)(gan_source *source, int64_t count, void *rows, int32_t *labels);
  /* In its place, of data whose rows are not counted yet; see gan_source_read_some. */
  gan_status (*read_some)(gan_source *source, int64_t most, void *rows, int32_t *labels,
                          int64_t *count);
  /* Rows first..first+count-1, without their labels, and the labels; takes no memory.  NULL: the
   * format cannot be streamed. */
  gan_status (*read_at)(gan_source *source, int64_t first, int64_t count, void *rows);
  gan_status (*read_labels_at)(gan_source *source, int64_t first, int64_t count, int32_t *labels);
  /* What the file says its smallest and largest value are, where it does.  NULL: it never does. */
  gan_status (*extent)(gan_source *source, bool *known, float *smallest, float *largest);
  /* Behind the last row: whether the file ends where it should.  May be NULL. */
  gan_status (*finish)(gan_source *source);
  void (*close)(gan_source *source);
} gan_source_format;

struct gan_source {
  const gan_source_format *format;
  gan_data_info info;
  char *class_names; /* one a line, where the data tells them; NULL: it does not */
  int64_t position;  /* rows read so far */
  void *state;       /* the format's own */
};

extern const gan_source_format gan_source_idx, gan_source_hdf5, gan_source_cifar,
    gan_source_builtin, gan_source_synthetic, gan_source_points, gan_source_pictures;

/* Numbers in a row: h * w * c; and its bytes. */
int64_t gan_data_row_size(const gan_data_info *info);
size_t gan_data_row_bytes(const gan_data_info *info);

/* Whether rows of both are alike: shape, type, and labels or none. */
bool gan_data_rows_alike(const gan_data_info *a, const gan_data_info *b);

/* "60000 images of 28x28x1 uint8, with labels" */
char *gan_data_info_text(const gan_data_info *info, char *text, size_t size);

/* Finds the data set that `name` means: builtin:..., synthetic:..., an existing path, or a name
 * under a folder of $MPIGAN_DATA (colon-separated) or /usr/share/datasets.  The result is absolute,
 * in fresh memory. GAN_INPUT with the places looked at. */
GAN_CHECKED gan_status gan_source_find(const char *name, char **path);

GAN_CHECKED gan_status gan_source_open(const gan_source_spec *spec, gan_source **out);
/* What gan_source_open does where spec->select chooses rows (data/select.c): looks at all labels
 * first, for which most formats read the data once.  GAN_USAGE if there are no labels, or no rows
 * of one that is chosen. */
GAN_CHECKED gan_status gan_source_open_selected(const gan_source_spec *spec, gan_source **out);
/* What gan_source_open does where spec->stack wants rows (data/stack.c): reads all of the data into
 * memory.  GAN_USAGE if they are not images of one channel with labels. */
GAN_CHECKED gan_status gan_source_open_stacked(const gan_source_spec *spec, gan_source **out);
/* Made-up data of that shape: uniform bytes, the same every time. */
GAN_CHECKED gan_status gan_source_make(const gan_data_info *info, gan_source **out);
GAN_CHECKED gan_status gan_source_read(gan_source *source, int64_t count, void *rows,
                                       int32_t *labels);
/* As many of the next rows as come at once, `most` at most; 0 behind the last.  info.n is an upper
 * bound of all. */
GAN_CHECKED gan_status gan_source_read_some(gan_source *source, int64_t most, void *rows,
                                            int32_t *labels, int64_t *count);
/* For sources that can be streamed; any order. */
bool gan_source_can_stream(const gan_source *source);
GAN_CHECKED gan_status gan_source_read_at(gan_source *source, int64_t first, int64_t count,
                                          void *rows);
GAN_CHECKED gan_status gan_source_read_labels_at(gan_source *source, int64_t first, int64_t count,
                                                 int32_t *labels);
GAN_CHECKED gan_status gan_source_extent(gan_source *source, bool *known, float *smallest,
                                         float *largest);
GAN_CHECKED gan_status gan_source_finish(gan_source *source);
void gan_source_close(gan_source **source);

/* For formats: checks the shape that a header claims. */
GAN_CHECKED gan_status gan_data_info_check(const gan_data_info *info, const char *path);

#endif

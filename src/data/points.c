/* Points in the plane by a known law, made up: builtin:ring, builtin:grid, builtin:swiss_roll, with
 * the law's numbers or without (data/plane.h), and how many: builtin:ring:8:1:0.01x100000.  A
 * point is a function of its row; its label is its mode. */
#include "base/memory.h"
#include "data/plane.h"
#include "data/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 100000 };

static const char prefix[] = "builtin:";

/* "x100000" at the end; its length, or -1: it is wrong. */
static int parse_count(const char *text, int64_t *n) {
  const char *x = strrchr(text, 'x');
  char *end;
  *n = POINTS;
  if (!x) return 0;
  errno = 0;
  *n = strtoll(x + 1, &end, 10);
  if (errno || *end || x[1] < '1' || x[1] > '9') return -1;
  return (int)strlen(x);
}

static bool claims(const char *path) {
  gan_plane_law law;
  size_t skip = strlen(prefix);
  if (strncmp(path, prefix, skip) != 0) return false;
  size_t name = strcspn(path + skip, ":x");
  return gan_plane_parse(path + skip, name, &law);
}

static gan_status open_source(const gan_source_spec *spec, gan_source *source) {
  const char *text = spec->path + strlen(prefix);
  gan_plane_law *law;
  int64_t n;
  int tail = parse_count(text, &n);
  GAN_TRY_ALLOC(law, 1, "a law of points");
  source->state = law;
  if (tail < 0 || !gan_plane_parse(text, strlen(text) - (size_t)tail, law))
    return gan_fail(GAN_INPUT,
                    "%s: allowed are %s, each behind builtin:, and xCOUNT behind it for another "
                    "number of points than %d; for example builtin:ring:8:1:0.01x%d",
                    spec->path, gan_plane_forms, POINTS, POINTS);
  source->info = (gan_data_info){
      .n = n, .h = 1, .w = 1, .c = 2, .type = GAN_F32, .has_labels = law->modes > 0};
  return GAN_OK;
}

static void make(const gan_source *source, int64_t first, int64_t count, float *rows,
                 int32_t *labels) {
  int32_t mode;
  for (int64_t i = 0; i < count; i++) {
    gan_plane_point(source->state, first + i, rows + 2 * i, &mode);
    if (labels) labels[i] = mode;
  }
}

static gan_status read_rows(gan_source *source, int64_t count, void *rows, int32_t *labels) {
  make(source, source->position, count, rows, source->info.has_labels ? labels : NULL);
  return GAN_OK;
}

static void close_source(gan_source *source) {
  gan_free(&source->state);
}

const gan_source_format gan_source_points = {
    .name = "points",
    .claims = claims,
    .open = open_source,
    .read = read_rows,
    .close = close_source,
};

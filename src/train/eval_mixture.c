#include "train/eval_mixture.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static gan_status bad_mixture(const char *text) {
  return gan_fail(GAN_USAGE,
                  "--mixture is '%.100s'; allowed are ring:MODES:RADIUS:DEVIATION and "
                  "grid:SIDE:SPACING:DEVIATION, for example ring:8:1:0.01 and grid:5:2:0.05",
                  text);
}

/* Centres on the unit circle, or on a grid about 0. */
static void place_centres(bool ring, int64_t modes, int64_t side, double length, double *centres) {
  for (int64_t i = 0; i < modes; i++) {
    double turn = 2 * acos(-1) * (double)i / (double)modes, middle = (double)(side - 1) / 2;
    centres[2 * i] = ring ? length * cos(turn) : length * ((double)(i / side) - middle);
    centres[2 * i + 1] = ring ? length * sin(turn) : length * ((double)(i % side) - middle);
  }
}

gan_status gan_eval_mixture_read(const gan_eval *eval, const char *text, const gan_eval_set *data,
                                 double **centres, gan_mixture *out) {
  long long count;
  double length, deviation, scale = 1 / (data->high - data->low);
  char end;
  bool ring = strncmp(text, "ring:", 5) == 0;
  if (!ring && strncmp(text, "grid:", 5) != 0) return bad_mixture(text);
  if (sscanf(text + 5, "%lld:%lf:%lf%c", &count, &length, &deviation, &end) != 3 || count < 1 ||
      count > 1000 || !(length > 0 && length < 1e30) || !(deviation > 0 && deviation < 1e30))
    return bad_mixture(text);
  if (data->h * data->w * data->c != 2)
    return gan_fail(GAN_USAGE,
                    "--mixture is of points in two dimensions; these rows have %lld "
                    "numbers",
                    (long long)(data->h * data->w * data->c));
  int64_t modes = ring ? count : count * count;
  GAN_TRY_EVAL_ALLOC(eval, *centres, 2 * modes);
  place_centres(ring, modes, count, length, *centres);
  for (int64_t i = 0; i < 2 * modes; i++) (*centres)[i] = ((*centres)[i] - data->low) * scale;
  *out = (gan_mixture){modes, 2, *centres, deviation * scale};
  return GAN_OK;
}

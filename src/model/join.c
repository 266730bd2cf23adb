/* residual and concat: where two branches from one input meet (He et al. 2016; skip connections:
 * Ronneberger et al. 2015).  graph.c chains what is in the branches. */
#include "kernels/pointwise.h"
#include "model/layer.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const gan_option options[] = {
  {"main", GAN_OPTION_LAYERS, offsetof(gan_branches, main), NULL, 0, 0, NULL, 0, "",
   "layers of the first branch"},
  {"shortcut", GAN_OPTION_LAYERS, offsetof(gan_branches, shortcut), "null", 0, 0, NULL,
   GAN_OPTION_UNSET, "", "layers of the second branch; null: the input itself"},
};
/* clang-format on */

/* Names what the second branch gives, beside the first's, which gan_layer_reject names. */
static gan_status reject(const gan_layer *layer, const char *wanted) {
  char text[64], both[160];
  snprintf(both, sizeof both, "a shortcut %s; its shortcut gives %s", wanted,
           gan_shape_text(layer->in_b, text));
  return gan_layer_reject(layer, both);
}

/* ---- residual ---- */

static gan_status residual_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  if (memcmp(&layer->in, &layer->in_b, sizeof layer->in) == 0) return GAN_OK;
  return reject(layer, "of the same shape");
}

static int64_t size_of(const gan_span *span, gan_shape shape) {
  return span->samples * gan_shape_size(shape);
}

static void residual_join(const gan_layer *layer, const gan_span *span, const float *a,
                          const float *b, float *y) {
  int64_t n = size_of(span, layer->in);
  if (y != a) memcpy(y, a, (size_t)n * sizeof *y);
  gan_add(n, b, y);
}

static void residual_split(const gan_layer *layer, const gan_span *span, float *dy, float *da,
                           float *db) {
  size_t bytes = (size_t)size_of(span, layer->in) * sizeof *dy;
  if (db) memcpy(db, dy, bytes);
  if (da && da != dy) memcpy(da, dy, bytes);
}

/* ---- concat ---- */

static gan_status concat_plan(gan_layer *layer, gan_layer_plan *plan) {
  (void)plan;
  layer->out = layer->in;
  layer->out.c += layer->in_b.c;
  if (layer->in.h == layer->in_b.h && layer->in.w == layer->in_b.w) return GAN_OK;
  return reject(layer, "of the same height and width");
}

static void concat_join(const gan_layer *layer, const gan_span *span, const float *a,
                        const float *b, float *y) {
  int64_t rows = span->samples * layer->in.h * layer->in.w, first = layer->in.c,
          second = layer->in_b.c;
  for (int64_t r = 0; r < rows; r++, a += first, b += second, y += first + second) {
    memcpy(y, a, (size_t)first * sizeof *y);
    memcpy(y + first, b, (size_t)second * sizeof *y);
  }
}

static void concat_split(const gan_layer *layer, const gan_span *span, float *dy, float *da,
                         float *db) {
  int64_t rows = span->samples * layer->in.h * layer->in.w, first = layer->in.c,
          second = layer->in_b.c;
  for (int64_t r = 0; r < rows; r++, dy += first + second) {
    if (da) memcpy(da + r * first, dy, (size_t)first * sizeof *dy);
    if (db) memcpy(db + r * second, dy + first, (size_t)second * sizeof *dy);
  }
}

const gan_layer_type gan_layer_residual = {
    .schema = {"residual",
               "main(x) + shortcut(x); tensors are named as in 3.main.0.weight",
               {options, sizeof options / sizeof *options},
               sizeof(gan_branches)},
    .plan = residual_plan,
    .join = residual_join,
    .split = residual_split,
    .tangent = GAN_TANGENT_BY_FORWARD,
    .in_place = true,
};

const gan_layer_type gan_layer_concat = {
    .schema = {"concat",
               "the channels of main(x), then those of shortcut(x)",
               {options, sizeof options / sizeof *options},
               sizeof(gan_branches)},
    .plan = concat_plan,
    .join = concat_join,
    .split = concat_split,
    .tangent = GAN_TANGENT_BY_FORWARD,
};

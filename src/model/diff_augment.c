/* diff_augment: in training each image is tinted, shifted and cut at random (Zhao et al. 2020,
 * "Differentiable augmentation for data-efficient GAN training").
 *
 * Written first in the discriminator it changes what that sees of data and fakes alike, and the
 * generator's gradient comes back through it.  Of a sample x, with random b, s, c, and the mean
 * over a pixel's channels and over all of x:
 *
 *   y = s c x + (1 - s) c mean_pixel(x) + (1 - c) mean(x) + b      where x was, shifted
 *   y = 0                                                          outside, and in the patch
 *
 * That is the paper's order: brightness, saturation, contrast, translation, cutout.  The random
 * numbers are keyed as dropout's are. */
#include "model/layer.h"

#include <string.h>

typedef struct {
  double translation, cutout, brightness, contrast, saturation;
} augment_parameters;

/* clang-format off */
static const gan_option options[] = {
  {"translation", GAN_OPTION_REAL, offsetof(augment_parameters, translation), "0", 0, 1, NULL, 0,
   "of height and width", "shift by up to that, zeros move in; 0: off"},
  {"cutout", GAN_OPTION_REAL, offsetof(augment_parameters, cutout), "0", 0, 1, NULL, 0,
   "of height and width", "sides of a patch of zeros, which may stick out; 0: off"},
  {"brightness", GAN_OPTION_REAL, offsetof(augment_parameters, brightness), "0", 0, 1e6, NULL, 0,
   "", "a number up to that, of either sign, is added, in units of the generator's output; 0: off"},
  {"contrast", GAN_OPTION_REAL, offsetof(augment_parameters, contrast), "0", 0, 1, NULL, 0, "",
   "distances from the image's mean are scaled by a factor of 1 -+ contrast; 0: off"},
  {"saturation", GAN_OPTION_REAL, offsetof(augment_parameters, saturation), "0", 0, 1, NULL, 0, "",
   "distances from the mean of a pixel's channels are scaled by a factor of 1 -+ saturation; "
   "0: off"},
};
/* clang-format on */

/* Rows and columns from the first to before the last; may stick out of the image. */
typedef struct {
  int64_t top, bottom, left, right;
} rectangle;

/* What is done to a sample. */
typedef struct {
  float brightness, saturation, contrast; /* added; factors */
  int64_t down, right;                    /* shift in pixels */
  rectangle patch;
} image_change;

/* A pixel's new colour: gain x + mix mean_pixel(x) + offset. */
typedef struct {
  float gain, mix, offset;
} image_tint;

/* Positions of a sample's random numbers. */
enum { BRIGHTNESS, SATURATION, CONTRAST, DOWN, RIGHT, TOP, LEFT, RANDOM };

static gan_status plan(gan_layer *layer, gan_layer_plan *plan) {
  const augment_parameters *p = layer->parameters;
  if (gan_shape_is_flat(layer->in)) return gan_layer_reject(layer, "images");
  layer->out = layer->in;
  layer->identity = p->translation == 0 && p->cutout == 0 && p->brightness == 0 &&
                    p->contrast == 0 && p->saturation == 0;
  gan_plan_work(plan, 0, sizeof(image_change));
  return GAN_OK;
}

static image_change *changes_of(const gan_layer *layer, const gan_span *span) {
  return (image_change *)layer->work + span->first;
}

/* ---- what to do ---- */

static int64_t pixels_of(double share, int64_t side) {
  return (int64_t)(share * (double)side + 0.5);
}

/* Of u in [0, 1): from centre - radius to centre + radius. */
static float around(double centre, double radius, float u) {
  return (float)(centre + radius * (2.0 * (double)u - 1.0));
}

/* Of u in [0, 1): 0 to n - 1.  The product is exact, so it stays below n. */
static int64_t below(int64_t n, float u) {
  return (int64_t)((double)n * (double)u);
}

static int64_t shift_of(double share, int64_t side, float u) {
  int64_t most = pixels_of(share, side);
  return below(2 * most + 1, u) - most;
}

/* Where a patch of `size` begins.  Its centre is uniform over the image: over the side's pixels, or
 * for even sizes their edges. */
static int64_t begin_of(int64_t size, int64_t side, float u) {
  return below(side + 1 - size % 2, u) - size / 2;
}

static rectangle patch_of(double share, gan_shape in, float top, float left) {
  int64_t height = pixels_of(share, in.h), width = pixels_of(share, in.w);
  rectangle patch = {.top = begin_of(height, in.h, top), .left = begin_of(width, in.w, left)};
  patch.bottom = patch.top + height;
  patch.right = patch.left + width;
  return patch;
}

/* Of the set's sample number s. */
static image_change draw_change(const gan_layer *layer, const gan_pass *pass,
                                const gan_span_set *set, int64_t s) {
  const augment_parameters *p = layer->parameters;
  gan_shape in = layer->in;
  gan_rng rng = gan_layer_rng(layer, pass->seed, GAN_RNG_DIFF_AUGMENT, set->phase, 0);
  float u[RANDOM];
  gan_rng_uniform(rng, pass->draw, (uint32_t)(set->first_sample + s), RANDOM, 0, 1, u);
  return (image_change){.brightness = around(0, p->brightness, u[BRIGHTNESS]),
                        .saturation = around(1, p->saturation, u[SATURATION]),
                        .contrast = around(1, p->contrast, u[CONTRAST]),
                        .down = shift_of(p->translation, in.h, u[DOWN]),
                        .right = shift_of(p->translation, in.w, u[RIGHT]),
                        .patch = patch_of(p->cutout, in, u[TOP], u[LEFT])};
}

/* ---- doing it to one image (h, w, c) ---- */

static rectangle shifted(rectangle r, int64_t down, int64_t right) {
  return (rectangle){r.top + down, r.bottom + down, r.left + right, r.right + right};
}

static int64_t clamp(int64_t x, int64_t most) {
  return x < 0 ? 0 : x > most ? most : x;
}

static rectangle inside(rectangle r, gan_shape shape) {
  return (rectangle){clamp(r.top, shape.h), clamp(r.bottom, shape.h), clamp(r.left, shape.w),
                     clamp(r.right, shape.w)};
}

/* What of a shifted image is still inside. */
static rectangle visible(gan_shape shape, int64_t down, int64_t right) {
  return inside(shifted((rectangle){0, shape.h, 0, shape.w}, down, right), shape);
}

static int64_t at(gan_shape shape, int64_t row, int64_t column) {
  return (row * shape.w + column) * shape.c;
}

static void clear(gan_shape shape, rectangle r, float *y) {
  r = inside(r, shape);
  size_t bytes = (size_t)((r.right - r.left) * shape.c) * sizeof *y;
  for (int64_t row = r.top; row < r.bottom; row++) memset(y + at(shape, row, r.left), 0, bytes);
}

/* Summed in order. */
static double mean_of(int64_t n, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  return sum / (double)n;
}

static image_tint tint_of(const image_change *change, float brightness, gan_shape shape,
                          const float *x) {
  float saturation = change->saturation, contrast = change->contrast;
  image_tint made = {saturation * contrast, (1.0f - saturation) * contrast, brightness};
  if (contrast != 1.0f) made.offset += (1.0f - contrast) * (float)mean_of(gan_shape_size(shape), x);
  return made;
}

/* y may be x. */
static void apply_tint(image_tint tint, int64_t pixels, int64_t c, const float *x, float *y) {
  if (tint.mix == 0.0f) {
    for (int64_t i = 0; i < pixels * c; i++) y[i] = tint.gain * x[i] + tint.offset;
    return;
  }
  for (int64_t i = 0; i < pixels; i++, x += c, y += c) {
    float grey = 0.0f;
    for (int64_t k = 0; k < c; k++) grey += x[k];
    grey = tint.mix * (grey / (float)c) + tint.offset;
    for (int64_t k = 0; k < c; k++) y[k] = tint.gain * x[k] + grey;
  }
}

static void change_image(const image_change *change, gan_shape shape, const float *x, float *y) {
  rectangle seen = visible(shape, change->down, change->right);
  image_tint tint = tint_of(change, change->brightness, shape, x);
  memset(y, 0, (size_t)gan_shape_size(shape) * sizeof *y);
  for (int64_t row = seen.top; row < seen.bottom; row++)
    apply_tint(tint, seen.right - seen.left, shape.c,
               x + at(shape, row - change->down, seen.left - change->right),
               y + at(shape, row, seen.left));
  clear(shape, change->patch, y);
}

/* All of it is linear but for what brightness adds, and tints are their own transposes: the
 * gradient is cut and shifted back, then tinted alike. */
static void change_gradient(const image_change *change, gan_shape shape, const float *dy,
                            float *dx) {
  int64_t up = -change->down, left = -change->right;
  rectangle seen = visible(shape, up, left);
  size_t bytes = (size_t)((seen.right - seen.left) * shape.c) * sizeof *dx;
  memset(dx, 0, (size_t)gan_shape_size(shape) * sizeof *dx);
  for (int64_t row = seen.top; row < seen.bottom; row++)
    memcpy(dx + at(shape, row, seen.left), dy + at(shape, row - up, seen.left - left), bytes);
  clear(shape, shifted(change->patch, up, left), dx);
  apply_tint(tint_of(change, 0, shape, dx), shape.h * shape.w, shape.c, dx, dx);
}

/* ---- the layer ---- */

static void forward(const gan_layer *layer, const gan_span *span, const float *x, float *y) {
  int64_t size = gan_shape_size(layer->in);
  if (!span->pass->training) {
    memcpy(y, x, (size_t)(span->samples * size) * sizeof *y);
    return;
  }
  image_change *change = changes_of(layer, span);
  for (int i = 0; i < gan_pass_sets(span->pass); i++) {
    gan_span_set set = gan_span_set_of(span, i);
    for (int64_t s = 0; s < set.samples; s++, change++, x += size, y += size) {
      *change = draw_change(layer, span->pass, &set, s);
      change_image(change, layer->in, x, y);
    }
  }
}

static void backward(const gan_layer *layer, const gan_span *span, unsigned want, const float *x,
                     const float *y, float *dy, float *dx) {
  (void)want, (void)x, (void)y;
  int64_t size = gan_shape_size(layer->in);
  const image_change *changes = changes_of(layer, span);
  for (int64_t s = 0; dx && s < span->samples; s++)
    change_gradient(&changes[s], layer->in, dy + s * size, dx + s * size);
}

const gan_layer_type gan_layer_diff_augment = {
    .schema = {"diff_augment",
               "tints, shifts and cuts images at random while training: data and fakes alike where "
               "it is the discriminator's first layer; zeros are black in data from 0 to 1, grey "
               "in data from -1 to 1; its paper's "
               "policy is {brightness: 0.5, saturation: 1, contrast: 0.5, translation: 0.125, "
               "cutout: 0.5}",
               {options, sizeof options / sizeof *options},
               sizeof(augment_parameters)},
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .no_tangent = "it changes images at random, and a penalty is of the images as they are; leave "
                  "out one of the two",
};

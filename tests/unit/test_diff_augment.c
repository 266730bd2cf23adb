/* diff_augment: values against the paper's steps one after the other in double, the laws of its
 * random numbers read off the images, and what those depend on.  Gradients: test_layers.c. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Some tens of roundings of floats of order one. */
static const double TOLERANCE = 4e-6;

static const gan_shape any = {0, 0, 0};

#define POLICY                                                                                     \
  "diff_augment: {brightness: 0.5, saturation: 1, contrast: 0.5, translation: 0.125, cutout: 0.5}"

/* ---- the paper's steps ---- */

enum { BRIGHTNESS, SATURATION, CONTRAST, DOWN, RIGHT, TOP, LEFT, RANDOM };

typedef struct {
  double translation, cutout, brightness, contrast, saturation;
} strengths;

typedef struct {
  gan_shape shape;
  double x[16 * 16 * 3];
} picture;

static double *pixel(picture *p, int64_t row, int64_t column, int64_t channel) {
  return &p->x[(row * p->shape.w + column) * p->shape.c + channel];
}

#define FOR_PIXELS(p, row, column)                                                                 \
  for (int64_t row = 0; row < (p)->shape.h; row++)                                                 \
    for (int64_t column = 0; column < (p)->shape.w; column++)

#define FOR_NUMBERS(p, row, column, channel)                                                       \
  FOR_PIXELS(p, row, column) for (int64_t channel = 0; channel < (p)->shape.c; channel++)

static void brighten(picture *p, double by) {
  FOR_NUMBERS(p, i, j, k) * pixel(p, i, j, k) += by;
}

static void saturate(picture *p, double factor) {
  FOR_PIXELS(p, i, j) {
    double mean = 0;
    for (int64_t k = 0; k < p->shape.c; k++) mean += *pixel(p, i, j, k) / (double)p->shape.c;
    for (int64_t k = 0; k < p->shape.c; k++)
      *pixel(p, i, j, k) = (*pixel(p, i, j, k) - mean) * factor + mean;
  }
}

static void set_contrast(picture *p, double factor) {
  double mean = 0, n = (double)gan_shape_size(p->shape);
  FOR_NUMBERS(p, i, j, k) mean += *pixel(p, i, j, k) / n;
  FOR_NUMBERS(p, i, j, k) * pixel(p, i, j, k) = (*pixel(p, i, j, k) - mean) * factor + mean;
}

static void translate(picture *p, int64_t down, int64_t right) {
  picture from = *p;
  FOR_NUMBERS(p, i, j, k) {
    int64_t row = i - down, column = j - right;
    bool inside = row >= 0 && row < p->shape.h && column >= 0 && column < p->shape.w;
    *pixel(p, i, j, k) = inside ? *pixel(&from, row, column, k) : 0;
  }
}

static void cut_out(picture *p, int64_t top, int64_t left, int64_t height, int64_t width) {
  FOR_NUMBERS(p, i, j, k)
  if (i >= top && i < top + height && j >= left && j < left + width) *pixel(p, i, j, k) = 0;
}

/* In the order of the authors' policy 'color,translation,cutout'.  Whole numbers are theirs, too:
 * randint(-r, r + 1), and randint(0, side + 1 - size % 2) less size / 2. */
static void augment(picture *p, const strengths *s, const float *u) {
  int64_t h = p->shape.h, w = p->shape.w;
  int64_t most_down = lround(s->translation * (double)h);
  int64_t most_right = lround(s->translation * (double)w);
  int64_t height = lround(s->cutout * (double)h), width = lround(s->cutout * (double)w);
  brighten(p, s->brightness * (2 * (double)u[BRIGHTNESS] - 1));
  saturate(p, 1 + s->saturation * (2 * (double)u[SATURATION] - 1));
  set_contrast(p, 1 + s->contrast * (2 * (double)u[CONTRAST] - 1));
  translate(p, (int64_t)floor((double)u[DOWN] * (double)(2 * most_down + 1)) - most_down,
            (int64_t)floor((double)u[RIGHT] * (double)(2 * most_right + 1)) - most_right);
  cut_out(p, (int64_t)floor((double)u[TOP] * (double)(h + 1 - height % 2)) - height / 2,
          (int64_t)floor((double)u[LEFT] * (double)(w + 1 - width % 2)) - width / 2, height, width);
}

static const struct {
  gan_shape shape;
  strengths s;
} value_rows[] = {
    {{16, 16, 3},
     {.translation = 0.125, .cutout = 0.5, .brightness = 0.5, .contrast = 0.5, .saturation = 1}},
    {{7, 12, 3},
     {.translation = 0.3, .cutout = 0.4, .brightness = 2, .contrast = 1, .saturation = 0.5}},
    {{9, 16, 1}, {.translation = 0.25, .cutout = 0.3, .brightness = 0.1, .contrast = 0.2}},
    {{1, 15, 2}, {.translation = 1, .cutout = 0.2}},
    {{16, 5, 3}, {.translation = 0.2}},
    {{13, 8, 3}, {.cutout = 1}},
    {{4, 4, 3}, {.brightness = 1}},
    {{4, 4, 3}, {.contrast = 1}},
    {{4, 4, 3}, {.saturation = 1}},
};

enum { VALUE_ROWS = sizeof value_rows / sizeof *value_rows };

START_TEST(values_are_of_the_steps) {
  enum { SAMPLES = 50, FIRST = 1000 };
  const strengths *s = &value_rows[_i].s;
  picture p = {.shape = value_rows[_i].shape};
  int64_t size = gan_shape_size(p.shape);
  float *x = unit_floats(SAMPLES * size), *y, u[RANDOM];
  unit_fill(x, SAMPLES * size, 1, -1, 2);
  char *layers = gan_format("[diff_augment: {translation: %g, cutout: %g, brightness: %g, "
                            "contrast: %g, saturation: %g}]",
                            s->translation, s->cutout, s->brightness, s->contrast, s->saturation);
  unit_net made = unit_net_create(layers, p.shape, any, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES);
  pass.phase = 2;
  pass.draw = 7;
  pass.first_sample = FIRST;
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  gan_rng rng = gan_layer_rng(&made.net->layers[0], pass.seed, GAN_RNG_DIFF_AUGMENT, pass.phase, 0);
  for (int i = 0; i < SAMPLES; i++) {
    for (int64_t n = 0; n < size; n++) p.x[n] = (double)x[i * size + n];
    gan_rng_uniform(rng, pass.draw, (uint32_t)(FIRST + i), RANDOM, 0, 1, u);
    augment(&p, s, u);
    for (int64_t n = 0; n < size; n++) {
      double ours = (double)y[i * size + n];
      if (!(fabs(ours - p.x[n]) < TOLERANCE))
        ck_abort_msg("sample %d, number %lld: %g, not %g", i, (long long)n, ours, p.x[n]);
    }
  }
  unit_net_destroy(&made);
  gan_free(&layers);
  gan_free(&x);
}
END_TEST

/* ---- laws ---- */

enum { H = 16, W = 8, MANY = 20000 };

/* y (MANY, h, w, c) of images that are all `x`. */
static float *many(const char *layers, gan_shape shape, const float *x) {
  int64_t size = gan_shape_size(shape);
  float *all = unit_floats(MANY * size), *y;
  unit_net made = unit_net_create(layers, shape, any, MANY);
  gan_pass pass = unit_pass(MANY);
  for (int i = 0; i < MANY; i++) memcpy(all + i * size, x, (size_t)size * sizeof *x);
  check_ok(gan_net_forward(made.net, &pass, all, &y));
  memcpy(all, y, (size_t)(MANY * size) * sizeof *y);
  unit_net_destroy(&made);
  return all;
}

static void check_uniform(const char *what, int n, const int *counts) {
  double chi_square = 0, wanted = (double)MANY / n;
  for (int i = 0; i < n; i++) chi_square += pow(counts[i] - wanted, 2) / wanted;
  ck_assert_msg(chi_square < unit_chi_square_bound(n - 1), "%s: chi-square %g of %d", what,
                chi_square, n);
}

/* One lit pixel in the middle shows the shift: every pair of shifts comes equally often. */
START_TEST(shifts_are_uniform) {
  enum { DOWN_MOST = 4, RIGHT_MOST = 2, ROWS = 2 * DOWN_MOST + 1, COLUMNS = 2 * RIGHT_MOST + 1 };
  float x[H * W] = {0};
  int counts[ROWS * COLUMNS] = {0};
  x[(H / 2) * W + W / 2] = 1;
  float *y = many("[diff_augment: {translation: 0.25}]", (gan_shape){H, W, 1}, x);
  for (int i = 0; i < MANY; i++) {
    int lit = 0;
    while (lit < H * W && y[i * H * W + lit] != 1.0f) lit++;
    int down = lit / W - H / 2 + DOWN_MOST, right = lit % W - W / 2 + RIGHT_MOST;
    if (down < 0 || down >= ROWS || right < 0 || right >= COLUMNS)
      ck_abort_msg("the pixel went to %d of %dx%d", lit, H, W);
    counts[down * COLUMNS + right]++;
  }
  check_uniform("shifts", ROWS * COLUMNS, counts);
  gan_free(&y);
}
END_TEST

/* A patch of 3 rows of 16 and 2 columns (0.19 of 8, rounded) has its middle on every pixel of a
 * column, and on every edge between pixels of a row, equally often. */
START_TEST(patches_are_uniform) {
  enum { HEIGHT = 3, WIDTH = 2, EDGES = W + 1 };
  float x[H * W];
  int counts[H * EDGES] = {0};
  for (int i = 0; i < H * W; i++) x[i] = 1;
  float *y = many("[diff_augment: {cutout: 0.19}]", (gan_shape){H, W, 1}, x);
  for (int i = 0; i < MANY; i++) {
    int top = H, bottom = 0, left = W, right = 0, zeros = 0;
    for (int n = 0; n < H * W; n++) {
      if (y[i * H * W + n] != 0.0f) continue;
      int row = n / W, column = n % W;
      top = row < top ? row : top;
      bottom = row >= bottom ? row + 1 : bottom;
      left = column < left ? column : left;
      right = column >= right ? column + 1 : right;
      zeros++;
    }
    if (!zeros || zeros != (bottom - top) * (right - left))
      ck_abort_msg("image %d: %d zeros are no patch", i, zeros);
    int row = top ? top + 1 : bottom - 2, edge = left ? left + 1 : right - 1;
    if (row < 0 || row >= H || edge < 0 || edge >= EDGES)
      ck_abort_msg("image %d: a patch from %d, %d to %d, %d", i, top, left, bottom, right);
    counts[row * EDGES + edge]++;
  }
  check_uniform("patches", H * EDGES, counts);
  gan_free(&y);
}
END_TEST

/* Twenty bins between the smallest and the greatest value that there may be. */
static void check_uniform_between(const char *what, double low, double high, const double *values) {
  enum { BINS = 20 };
  int counts[BINS] = {0};
  for (int i = 0; i < MANY; i++) {
    double bin = floor((values[i] - low) / (high - low) * BINS);
    if (!(bin >= 0 && bin < BINS)) ck_abort_msg("%s: %g", what, values[i]);
    counts[(int)bin]++;
  }
  check_uniform(what, BINS, counts);
}

/* Two pixels of two channels: x[0] tells what was added, differences tell the factors. */
START_TEST(colours_are_uniform) {
  static const struct {
    const char *layers;
    double low, high;
    int plus, minus; /* the value: y[plus], less y[minus] if that is another */
    float x[4];
  } rows[] = {
      {"[diff_augment: {brightness: 0.3}]", -0.3, 0.3, 0, 0, {0, 1, 2, 3}},
      {"[diff_augment: {saturation: 0.8}]", 0.2, 1.8, 1, 0, {0, 1, 2, 2}},
      {"[diff_augment: {contrast: 0.5}]", 0.5, 1.5, 2, 0, {0, 3, 1, 5}},
  };
  static double values[MANY];
  float *y = many(rows[_i].layers, (gan_shape){1, 2, 2}, rows[_i].x);
  for (int i = 0; i < MANY; i++) {
    values[i] = (double)y[4 * i + rows[_i].plus];
    if (rows[_i].plus != rows[_i].minus) values[i] -= (double)y[4 * i + rows[_i].minus];
  }
  check_uniform_between(rows[_i].layers, rows[_i].low, rows[_i].high, values);
  gan_free(&y);
}
END_TEST

/* Correlations of the numbers of a sample: u of the seven, pairwise, 5 deviations of none. */
START_TEST(changes_are_independent) {
  enum { SIDE = 32, SIZE = SIDE * SIDE * 2, KINDS = 5, SAMPLES = 2000 };
  unit_net made = unit_net_create("[diff_augment: {translation: 0.25, brightness: 0.3, "
                                  "saturation: 0.3, contrast: 0.3}]",
                                  (gan_shape){SIDE, SIDE, 2}, any, SAMPLES);
  static double value[KINDS][SAMPLES];
  float *x = unit_floats((int64_t)SAMPLES * SIZE), *y;
  gan_pass pass = unit_pass(SAMPLES);
  for (int i = 0; i < SAMPLES; i++) { /* means 0; two lit pixels in the middle, one of them grey */
    float *middle = x + i * SIZE + (SIDE / 2 * SIDE + SIDE / 2) * 2;
    middle[0] = 101, middle[1] = 99, middle[-2] = middle[-1] = -100;
  }
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  for (int i = 0; i < SAMPLES; i++) {
    const float *image = y + i * SIZE;
    int lit = 0;
    while (lit < SIZE - 4 && fabsf(image[2 * lit]) < 20) lit++;
    double grey = (double)image[2 * lit], a = (double)image[2 * lit + 2];
    double b = (double)image[2 * lit + 3], mean = (a + b) / 2;
    value[0][i] = lit / SIDE;
    value[1][i] = lit % SIDE;
    value[2][i] = (mean + grey) / 2;         /* what was added */
    value[3][i] = (mean - grey) / 200;       /* contrast */
    value[4][i] = (a - b) / 2 / value[3][i]; /* saturation */
  }
  for (int k = 0; k < KINDS; k++) {
    double mean = 0, square = 0;
    for (int i = 0; i < SAMPLES; i++) mean += value[k][i] / SAMPLES;
    for (int i = 0; i < SAMPLES; i++) square += pow(value[k][i] - mean, 2) / SAMPLES;
    ck_assert_double_gt(square, 0);
    for (int i = 0; i < SAMPLES; i++) value[k][i] = (value[k][i] - mean) / sqrt(square);
    for (int other = 0; other < k; other++) {
      double product = 0;
      for (int i = 0; i < SAMPLES; i++) product += value[k][i] * value[other][i] / SAMPLES;
      ck_assert_msg(fabs(product) < 5 / sqrt(SAMPLES), "kinds %d and %d: correlation %g", k, other,
                    product);
    }
  }
  unit_net_destroy(&made);
  gan_free(&x);
}
END_TEST

/* ---- what it depends on ---- */

enum { SAMPLES = 12, SIDE = 8, CHANNELS = 3, SIZE = SIDE * SIDE * CHANNELS, ALL = SAMPLES * SIZE };

static const gan_shape image = {SIDE, SIDE, CHANNELS};

START_TEST(is_nothing_while_sampling) {
  unit_net made = unit_net_create("[" POLICY "]", image, any, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES);
  float x[ALL], *y;
  unit_fill(x, ALL, 1, -1, 1);
  pass.training = false;
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  ck_assert_mem_eq(x, y, sizeof x);
  pass.training = true;
  check_ok(gan_net_forward(made.net, &pass, x, &y));
  ck_assert_mem_ne(x, y, sizeof x);
  unit_net_destroy(&made);
}
END_TEST

/* Undivided or cut into shards' shares on two threads, in one pass or in pieces: forward and back
 * the same bits. */
START_TEST(goes_by_global_sample) {
  enum { SHARE = 3, FIRST = 48 };
  static const struct {
    int64_t piece;
    gan_division division;
  } rows[] = {{SAMPLES, {0}},
              {SHARE, {0}},
              {SAMPLES, {SHARE, SAMPLES / SHARE, 2}},
              {2 * SHARE, {SHARE, SAMPLES / SHARE, 1}}};
  enum { ROWS = sizeof rows / sizeof *rows };
  static float x[ALL], y[ROWS][ALL], dx[ROWS][ALL];
  unit_fill(x, ALL, 1, -1, 1);
  unit_net made = unit_net_create("[" POLICY "]", image, any, 1); /* for its config */
  for (int r = 0; r < ROWS; r++) {
    gan_net_spec spec = {.name = "generator",
                         .key = "model.generator",
                         .layers = &made.config.model.generator,
                         .in = image,
                         .capacity = rows[r].piece,
                         .share = SHARE,
                         .trains = true,
                         .division = rows[r].division};
    gan_net *net;
    if (spec.division.parts)
      check_ok(gan_sums_create(SAMPLES / SHARE, rows[r].division.threads, &spec.sums));
    check_ok(gan_net_create(&spec, &net));
    for (int64_t at = 0; at < SAMPLES; at += rows[r].piece) {
      gan_pass pass = unit_pass(rows[r].piece);
      float *out, *back;
      pass.at = at;
      pass.first_sample = FIRST + at;
      pass.batch = SAMPLES;
      check_ok(gan_net_forward(net, &pass, x + at * SIZE, &out));
      memcpy(y[r] + at * SIZE, out, (size_t)(rows[r].piece * SIZE) * sizeof *out);
      memcpy(net->dout, x + at * SIZE, (size_t)(rows[r].piece * SIZE) * sizeof *out);
      check_ok(gan_net_backward(net, &pass, GAN_WANT_INPUT, net->dout, &back));
      memcpy(dx[r] + at * SIZE, back, (size_t)(rows[r].piece * SIZE) * sizeof *back);
    }
    ck_assert_mem_eq(y[0], y[r], sizeof *y);
    ck_assert_mem_eq(dx[0], dx[r], sizeof *dx);
    gan_net_destroy(&net);
    gan_sums_destroy(&spec.sums);
  }
  unit_net_destroy(&made);
}
END_TEST

/* What is added to each sample; the layer is the last of the net. */
static void added(gan_net *net, const gan_pass *pass, float *out) {
  static float zeros[ALL];
  float *y;
  check_ok(gan_net_forward(net, pass, zeros, &y));
  for (int i = 0; i < SAMPLES; i++) out[i] = y[i * SIZE];
}

/* The same numbers again for the same keys; others for another seed, update, pass (data, fakes and
 * the generator's fakes are three), sample, layer or network. */
START_TEST(differs_elsewhere) {
  static const char *const alone = "[diff_augment: {brightness: 1}]";
  static const struct {
    const char *what;
    uint64_t seed, draw;
    uint32_t phase;
    int64_t first_sample;
    const char *layers;
    uint32_t network;
    bool same;
  } rows[] = {
      {"nothing", 1, 0, 0, 0, alone, 0, true},
      {"other options", 1, 0, 0, 0, "[diff_augment: {brightness: 1, contrast: 1}]", 0, true},
      {"seed", 2, 0, 0, 0, alone, 0, false},
      {"high half of the seed", 1 + (1ull << 32), 0, 0, 0, alone, 0, false},
      {"draw", 1, 1, 0, 0, alone, 0, false},
      {"high half of the draw", 1, 1ull << 32, 0, 0, alone, 0, false},
      {"the pass over fakes", 1, 0, 1, 0, alone, 0, false},
      {"the generator's pass", 1, 0, 2, 0, alone, 0, false},
      {"sample", 1, 0, 0, SAMPLES, alone, 0, false},
      {"layer", 1, 0, 0, 0, "[relu: {}, diff_augment: {brightness: 1}]", 0, false},
      {"network", 1, 0, 0, 0, alone, 1, false},
  };
  float first[SAMPLES], second[SAMPLES];
  unit_net made = unit_net_create(alone, image, any, SAMPLES);
  gan_pass pass = unit_pass(SAMPLES);
  added(made.net, &pass, first);
  for (int s = 0; s < SAMPLES; s++)
    for (int other = 0; other < s; other++) ck_assert_float_ne(first[s], first[other]);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    unit_net other = unit_net_create(rows[i].layers, image, any, SAMPLES);
    other.net->layers[other.net->layer_count - 1].network = rows[i].network;
    pass.seed = rows[i].seed;
    pass.draw = rows[i].draw;
    pass.phase = rows[i].phase;
    pass.first_sample = rows[i].first_sample;
    added(other.net, &pass, second);
    for (int s = 0; s < SAMPLES; s++)
      ck_assert_msg((first[s] == second[s]) == rows[i].same, "%s: sample %d: %g and %g",
                    rows[i].what, s, (double)first[s], (double)second[s]);
    unit_net_destroy(&other);
  }
  unit_net_destroy(&made);
}
END_TEST

START_TEST(wants_images) {
  unit_net made;
  check_fails(unit_net_try(&made, "[" POLICY "]", (gan_shape){1, 1, 64}, any, 1), GAN_USAGE,
              "layer 0 (diff_augment)", "64 reaches it; it wants images");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {values_are_of_the_steps, VALUE_ROWS},
      {shifts_are_uniform, 1},
      {patches_are_uniform, 1},
      {colours_are_uniform, 3},
      {changes_are_independent, 1},
      {is_nothing_while_sampling, 1},
      {goes_by_global_sample, 1},
      {differs_elsewhere, 1},
      {wants_images, 1},
  };
  return UNIT_MAIN("diff_augment", tests);
}

/* Between two classes: what the layers that know the class give there is the mean of what they give
 * for either, and passes of one class each are the oracle. */
#include "base/memory.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Two products and their sum in float. */
static const double ROUNDING = 3e-7;

enum { CLASSES = 4, SAMPLES = 7, WIDTH = 3 };

static const struct {
  const char *layers;
  int64_t side;
} rows[] = {
    {"[one_hot]", 1},
    {"[one_hot]", 2},
    {"[embedding: {units: 5}]", 1},
    {"[embedding: {units: 5}]", 2},
};

enum { ROWS = sizeof rows / sizeof *rows, MOST = SAMPLES * 4 * (WIDTH + 5) };

static const int32_t from[SAMPLES] = {0, 1, 2, 3, 0, 2, 1}, to[SAMPLES] = {3, 1, 0, 2, 2, 3, 0};

/* In one span, or in several, the last of which is shorter. */
static unit_net make(int i, bool divided) {
  unit_net made = {0};
  char *text = gan_format("data: {path: none}\nmodel: {generator: %s, discriminator: [linear: "
                          "{units: 1}], classes: %d}\ntrain: {steps: 1}\n",
                          rows[i].layers, CLASSES);
  check_ok(unit_parse(&made.config, text, 0, NULL));
  gan_free(&text);
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &made.config.model.generator,
                       .in = {rows[i].side, rows[i].side, WIDTH},
                       .capacity = SAMPLES,
                       .classes = CLASSES,
                       .division = {.share = divided ? 3 : 0, .threads = 1}};
  check_ok(gan_net_create(&spec, &made.net));
  gan_net_init(made.net, 3, GAN_INIT_PYTORCH, 0);
  return made;
}

/* Runs a pass of these classes; the number of floats that come out. */
static int64_t pass_of(gan_net *net, const int32_t *classes, const int32_t *other,
                       const float *share, float *out) {
  float x[MOST], *y;
  gan_pass pass = {.comm = gan_comm_alone(),
                   .samples = SAMPLES,
                   .batch = SAMPLES,
                   .classes = classes,
                   .other = other,
                   .share = share};
  int64_t n = SAMPLES * gan_shape_size(net->out);
  ck_assert_int_le(n, MOST);
  unit_fill(x, SAMPLES * gan_shape_size(net->in), 5, -1, 1);
  check_ok(gan_net_forward(net, &pass, x, &y));
  memcpy(out, y, (size_t)n * sizeof *out);
  return n;
}

START_TEST(between_is_the_mean) {
  float a[MOST], b[MOST], mixed[MOST], share[SAMPLES];
  unit_net made = make(_i % ROWS, _i >= ROWS);
  unit_fill(share, SAMPLES, 8, 0, 1);
  int64_t n = pass_of(made.net, from, NULL, NULL, a), each = n / SAMPLES;
  pass_of(made.net, to, NULL, NULL, b);
  pass_of(made.net, from, to, share, mixed);
  ck_assert_mem_ne(a, b, (size_t)n * sizeof *a);
  for (int64_t k = 0; k < n; k++) {
    double t = (double)share[k / each], mean = (1 - t) * (double)a[k] + t * (double)b[k];
    double most = fmax(1, fmax(fabs((double)a[k]), fabs((double)b[k])));
    if (!(fabs((double)mixed[k] - mean) <= ROUNDING * most))
      ck_abort_msg("number %d is %g, not %g", (int)k, (double)mixed[k], mean);
  }
  unit_net_destroy(&made);
}
END_TEST

/* To the bit, so that a path begins and ends with samples of the classes themselves. */
START_TEST(ends_are_the_classes) {
  float a[MOST], b[MOST], mixed[MOST], share[SAMPLES];
  unit_net made = make(_i % ROWS, _i >= ROWS);
  int64_t n = pass_of(made.net, from, NULL, NULL, a);
  pass_of(made.net, to, NULL, NULL, b);
  for (int end = 0; end < 2; end++) {
    for (int i = 0; i < SAMPLES; i++) share[i] = (float)end;
    pass_of(made.net, from, to, share, mixed);
    for (int64_t k = 0; k < n; k++)
      if (mixed[k] != (end ? b : a)[k]) ck_abort_msg("number %d of end %d", (int)k, end);
  }
  unit_net_destroy(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {between_is_the_mean, 2 * ROWS},
      {ends_are_the_classes, 2 * ROWS},
  };
  return UNIT_MAIN("mixture", tests);
}

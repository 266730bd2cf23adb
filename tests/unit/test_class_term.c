/* The loss of an auxiliary discriminator's classes: softmax cross-entropy in long double, as the
 * log of a sum of differences, and its slopes as finite differences of that. */
#include "objective/objective.h"

#include "unit/support.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A few roundings of a double, of the largest logit: log(sum) is added to it before the label's is
 * taken off. */
static const long double LOSS_TOLERANCE = 4e-16L;

/* One rounding of a float; and of a double, of a share of 1 from which 1 may be taken off. */
static const long double SLOPE_TOLERANCE = 6e-8L, SHARE_TOLERANCE = 4e-16L;

enum { CLASSES = 5, STRIDE = CLASSES + 2, BATCH = 3 };

/* exp of each difference fits a long double. */
static const float rows[][CLASSES] = {
    {0, 0, 0, 0, 0},          {0.3f, -0.7f, 2, 1e-3f, -1},      {-3, 20, 20, 19.5f, -20},
    {50, -50, 49, 0, 1e-30f}, {1000, 1000, -1000, 999, 0},      {-1000, -1001, -1002, -1003, -1004},
    {5e3f, -5e3f, 0, 1, -1},  {88.8f, 709.9f, 710, -745.2f, 0},
};
enum { ROWS = sizeof rows / sizeof *rows };

/* log of the sum over k of exp(x_k - x_label). */
static long double cross_entropy(int64_t classes, const long double *x, int32_t label) {
  long double sum = 0;
  for (int64_t k = 0; k < classes; k++) sum += expl(x[k] - x[label]);
  return logl(sum);
}

static long double largest_of(int64_t classes, const float *x) {
  long double largest = 0;
  for (int64_t k = 0; k < classes; k++) largest = fmaxl(largest, fabsl((long double)x[k]));
  return largest;
}

static void widen(const float *x, long double *wide) {
  for (int k = 0; k < CLASSES; k++) wide[k] = (long double)x[k];
}

START_TEST(values) {
  const float *x = rows[_i];
  long double wide[CLASSES];
  int largest = 0;
  for (int k = 1; k < CLASSES; k++) largest = x[k] > x[largest] ? k : largest;
  widen(x, wide);
  for (int32_t label = 0; label < CLASSES; label++) {
    float slopes[CLASSES];
    gan_loss loss = gan_class_term(1, BATCH, CLASSES, STRIDE, 0.7, &label, x, slopes);
    long double wanted = 0.7L * cross_entropy(CLASSES, wide, label) / BATCH;
    long double allowed = LOSS_TOLERANCE * (fabsl(wanted) + largest_of(CLASSES, x));
    ck_assert_msg(fabsl((long double)loss.loss - wanted) <= allowed,
                  "row %d, label %d: loss %.18g, not %.18Lg", _i, label, loss.loss, wanted);
    ck_assert_msg(loss.probability == (label == largest ? 1.0 / BATCH : 0),
                  "row %d, label %d: %g told right", _i, label, loss.probability * BATCH);
  }
}
END_TEST

/* Central differences: their own error is step^2 / 6 and 2^-64 / step of the loss. */
START_TEST(differences) {
  const long double step = 0x1p-17L, own_error = 1e-11L;
  const float *x = rows[_i];
  for (int32_t label = 0; label < CLASSES; label++) {
    float slope[CLASSES];
    gan_class_term(1, BATCH, CLASSES, STRIDE, 0.7, &label, x, slope);
    for (int k = 0; k < CLASSES; k++) {
      long double wide[CLASSES];
      widen(x, wide);
      wide[k] += step;
      long double above = cross_entropy(CLASSES, wide, label);
      wide[k] -= 2 * step;
      long double below = cross_entropy(CLASSES, wide, label);
      long double wanted = 0.7L * (above - below) / (2 * step) / BATCH;
      long double allowed =
          SLOPE_TOLERANCE * fabsl(wanted) + own_error * fmaxl(1, largest_of(CLASSES, x));
      ck_assert_msg(fabsl((long double)slope[k] - wanted) <= allowed,
                    "row %d, label %d: slope %d is %.9g, not %.9Lg", _i, label, k, (double)slope[k],
                    wanted);
    }
  }
}
END_TEST

/* What a class that is not the label's loses is its share, however small. */
START_TEST(shares_fade) {
  const float *x = rows[_i];
  long double wide[CLASSES];
  widen(x, wide);
  for (int32_t label = 0; label < CLASSES; label++) {
    float slope[CLASSES];
    gan_class_term(1, 1, CLASSES, STRIDE, 1, &label, x, slope);
    for (int k = 0; k < CLASSES; k++) {
      long double share = expl(-cross_entropy(CLASSES, wide, k));
      long double wanted = share - (k == label ? 1 : 0);
      /* exp turns the rounding of a difference of logits into a part of itself */
      long double allowed = SLOPE_TOLERANCE * fabsl(wanted) +
                            (k == label ? SHARE_TOLERANCE : (long double)FLT_TRUE_MIN);
      ck_assert_msg(fabsl((long double)slope[k] - wanted) <= allowed,
                    "row %d, label %d: slope %d is %.9g, not %.9Lg", _i, label, k, (double)slope[k],
                    wanted);
    }
  }
}
END_TEST

/* Beyond what exp holds: only the largest logit counts, and the loss is its lead. */
START_TEST(ends) {
  const float x[CLASSES] = {1e30f, -1e30f, 3e38f, 0, -3e38f};
  for (int32_t label = 0; label < CLASSES; label++) {
    float slope[CLASSES];
    gan_loss loss = gan_class_term(1, 1, CLASSES, CLASSES, 1, &label, x, slope);
    ck_assert_double_eq(loss.loss, (double)x[2] - (double)x[label]);
    for (int k = 0; k < CLASSES; k++)
      ck_assert_float_eq(slope[k], (float)((k == 2) - (k == label)));
  }
}
END_TEST

/* Samples lie apart by the stride, and what is between them is another's. */
START_TEST(stride_is_kept) {
  enum { N = 7 };
  const float untouched = 12345;
  float apart[N * STRIDE], slopes[N * STRIDE], x[N * CLASSES], packed[N * CLASSES];
  const int32_t labels[N] = {4, 0, 2, 2, 1, 3, 0};
  unit_fill(x, N * CLASSES, 3, -4, 4);
  for (int i = 0; i < N * STRIDE; i++) {
    apart[i] = NAN;
    slopes[i] = untouched;
  }
  for (int i = 0; i < N; i++) memcpy(apart + i * STRIDE, x + i * CLASSES, CLASSES * sizeof *x);
  gan_loss a = gan_class_term(N, N, CLASSES, STRIDE, 2, labels, apart, slopes);
  gan_loss b = gan_class_term(N, N, CLASSES, CLASSES, 2, labels, x, packed);
  ck_assert_double_eq(a.loss, b.loss);
  ck_assert_double_eq(a.probability, b.probability);
  for (int i = 0; i < N; i++) {
    ck_assert_mem_eq(slopes + i * STRIDE, packed + i * CLASSES, CLASSES * sizeof *packed);
    for (int k = CLASSES; k < STRIDE; k++) ck_assert_float_eq(slopes[i * STRIDE + k], untouched);
  }
}
END_TEST

/* Ranks' parts add up to the batch's mean, whatever the cut; so do those told right. */
START_TEST(parts_add_up) {
  enum { N = 13 };
  const long double tolerance = 1e-14L; /* some tens of roundings */
  float x[N * CLASSES], whole[N * CLASSES], parts[N * CLASSES];
  int32_t labels[N];
  int told = 0;
  long double wanted = 0;
  unit_fill(x, N * CLASSES, 1, -4, 4);
  for (int i = 0; i < N; i++) {
    const float *logits = x + i * CLASSES;
    long double wide[CLASSES];
    widen(logits, wide);
    labels[i] = i % 4;
    wanted += 0.3L * cross_entropy(CLASSES, wide, labels[i]) / N;
    bool right = true;
    for (int k = 0; k < CLASSES; k++) right &= logits[k] <= logits[labels[i]];
    told += right;
  }
  ck_assert(told > 0 && told < N);
  gan_loss loss = gan_class_term(N, N, CLASSES, CLASSES, 0.3, labels, x, whole);
  ck_assert(fabsl((long double)loss.loss - wanted) <= tolerance * wanted);
  ck_assert_double_eq(loss.probability, (double)told / N);
  for (int cut = 0; cut <= N; cut++) {
    int at = cut * CLASSES;
    memset(parts, 0xff, sizeof parts);
    gan_loss a = gan_class_term(cut, N, CLASSES, CLASSES, 0.3, labels, x, parts);
    gan_loss b =
        gan_class_term(N - cut, N, CLASSES, CLASSES, 0.3, labels + cut, x + at, parts + at);
    ck_assert(fabsl((long double)(a.loss + b.loss) - wanted) <= tolerance * wanted);
    ck_assert_double_eq_tol(a.probability + b.probability, (double)told / N, 1e-15);
    ck_assert_mem_eq(parts, whole, sizeof whole);
  }
}
END_TEST

/* What is no number, wherever it stands, must reach the one who stops the run, and spoil no other
 * sample. */
START_TEST(no_number_stays_none) {
  const int32_t labels[3] = {0, 1, 2};
  for (int bad = 0; bad < CLASSES; bad++)
    for (int endless = 0; endless < 2; endless++) {
      float x[3 * CLASSES], slopes[3 * CLASSES];
      unit_fill(x, 3 * CLASSES, 2, -4, 4);
      x[CLASSES + bad] = endless ? INFINITY : NAN;
      gan_loss loss = gan_class_term(3, 3, CLASSES, CLASSES, 1, labels, x, slopes);
      ck_assert_double_nan(loss.loss);
      for (int i = 0; i < 3 * CLASSES; i++)
        if (i / CLASSES != 1) ck_assert(isfinite(slopes[i]));
      ck_assert(isnan(slopes[CLASSES + bad]));
    }
}
END_TEST

/* A class that cannot be costs nothing, unless it is the label. */
START_TEST(impossible_classes) {
  const float x[CLASSES] = {0, 0, -INFINITY, -INFINITY, -INFINITY};
  int32_t label = 1;
  float slope[CLASSES];
  gan_loss loss = gan_class_term(1, 1, CLASSES, CLASSES, 1, &label, x, slope);
  ck_assert_double_eq_tol(loss.loss, log(2), 1e-15);
  const float wanted[CLASSES] = {0.5f, -0.5f, 0, 0, 0};
  ck_assert_mem_eq(slope, wanted, sizeof wanted);
  label = 3;
  loss = gan_class_term(1, 1, CLASSES, CLASSES, 1, &label, x, slope);
  ck_assert(isinf(loss.loss) && loss.loss > 0);
}
END_TEST

/* With smoothing e it is the label's loss, 1 - e of it, and the mean of all classes' losses, e of
 * that: so PyTorch defines it.  The slopes are the same mixture of those of each class. */
START_TEST(smoothing_mixes_labels) {
  const double smoothing = 0.3;
  const float *x = rows[_i];
  long double wide[CLASSES], mean = 0, mean_slopes[CLASSES] = {0};
  float slopes[CLASSES], one[CLASSES];
  widen(x, wide);
  for (int32_t k = 0; k < CLASSES; k++) {
    mean += cross_entropy(CLASSES, wide, k) / CLASSES;
    gan_class_term(1, 1, CLASSES, CLASSES, 1, &k, x, one);
    for (int j = 0; j < CLASSES; j++) mean_slopes[j] += (long double)one[j] / CLASSES;
  }
  for (int32_t label = 0; label < CLASSES; label++) {
    gan_loss loss =
        gan_smoothed_class_term(1, 1, CLASSES, CLASSES, 1, smoothing, &label, x, slopes);
    long double wanted = 0.7L * cross_entropy(CLASSES, wide, label) + 0.3L * mean;
    ck_assert_msg(fabsl((long double)loss.loss - wanted) <=
                      4 * LOSS_TOLERANCE * (fabsl(wanted) + largest_of(CLASSES, x)),
                  "row %d, label %d: loss %.18g, not %.18Lg", _i, label, loss.loss, wanted);
    gan_loss plain = gan_class_term(1, 1, CLASSES, CLASSES, 1, &label, x, one);
    ck_assert_double_eq(loss.probability, plain.probability);
    for (int k = 0; k < CLASSES; k++) {
      long double slope = 0.7L * (long double)one[k] + 0.3L * mean_slopes[k];
      ck_assert_msg(fabsl((long double)slopes[k] - slope) <= 2 * SLOPE_TOLERANCE,
                    "row %d, label %d: slope %d is %.9g, not %.9Lg", _i, label, k,
                    (double)slopes[k], slope);
    }
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {smoothing_mixes_labels, ROWS},
      {values, ROWS},
      {differences, ROWS},
      {shares_fade, ROWS},
      {ends, 1},
      {stride_is_kept, 1},
      {parts_add_up, 1},
      {no_number_stays_none, 1},
      {impossible_classes, 1},
  };
  return UNIT_MAIN("class_term", tests);
}

/* Batches cut into parts: the numbers of an undivided network, and the same bits whichever thread
 * or pass takes a part. */
#include "base/memory.h"
#include "kernels/gemm.h"
#include "unit/support.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Sums of floats in another order: 6e-8 a rounding, some layers of them. */
static const double ROUNDING = 1e-6;

enum { SHARE = 4, PARTS = 6, BATCH = SHARE * PARTS, IN = 9, OUT = 3, FIRST = 48 };

#define HIDDEN                                                                                     \
  "leaky_relu: {slope: 0.2}, dropout: {p: 0.3}, linear: {units: 11}, "                             \
  "batchnorm: {stats: ghost, ghost_size: 2}, tanh: {}, linear: {units: 3}]"

static const char *const global = "[linear: {units: 17}, batchnorm: {}, " HIDDEN;
static const char *const local = "[linear: {units: 17}, " HIDDEN;

typedef struct {
  unit_net made; /* its net takes the place of the one that came with the config */
  gan_sums *sums;
  float y[BATCH * OUT], dx[BATCH * IN];
  double statistics[64];
} divided;

/* threads 0: undivided, with plain sums. */
static void make(divided *d, const char *layers, int threads, int64_t capacity) {
  *d = (divided){.made = unit_net_create(layers, (gan_shape){1, 1, IN}, (gan_shape){0, 0, 0}, 12)};
  gan_net_destroy(&d->made.net);
  if (threads) check_ok(gan_sums_create(PARTS, threads, &d->sums));
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &d->made.config.model.generator,
                       .in = {1, 1, IN},
                       .capacity = capacity,
                       .share = SHARE,
                       .trains = true,
                       .sums = d->sums};
  if (threads) spec.division = (gan_division){SHARE, PARTS, threads};
  check_ok(gan_net_create(&spec, &d->made.net));
  gan_net_init(d->made.net, 3, GAN_INIT_PYTORCH, 0);
  ck_assert_int_eq(gan_net_parts(d->made.net), threads ? PARTS : 1);
}

static void destroy(divided *d) {
  unit_net_destroy(&d->made);
  gan_sums_destroy(&d->sums);
}

/* One update of some passes over other batches, each taken in pieces. */
static void update_of(divided *d, int64_t piece, int first, int passes) {
  gan_net *net = d->made.net;
  static float x[BATCH * IN], dy[BATCH * OUT];
  for (int p = first; p < first + passes; p++) {
    unit_fill(x, BATCH * IN, 5 + (uint64_t)p, -1, 1);
    unit_fill(dy, BATCH * OUT, 6 + (uint64_t)p, -1, 1);
    for (int64_t at = 0; at < BATCH; at += piece) {
      gan_pass pass = {.comm = gan_comm_alone(),
                       .training = true,
                       .accumulate = p > first,
                       .samples = piece,
                       .at = at,
                       .first_sample = FIRST + at,
                       .batch = BATCH,
                       .seed = 1,
                       .phase = (uint32_t)p};
      float *y, *dx;
      check_ok(gan_net_forward(net, &pass, x + at * IN, &y));
      memcpy(d->y + at * OUT, y, (size_t)(piece * OUT) * sizeof *y);
      memcpy(net->dout, dy + at * OUT, (size_t)(piece * OUT) * sizeof *y);
      check_ok(gan_net_backward(net, &pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, net->dout, &dx));
      memcpy(d->dx + at * IN, dx, (size_t)(piece * IN) * sizeof *dx);
    }
  }
  check_ok(gan_net_sum_gradients(net, gan_comm_alone()));
  check_ok(gan_sums_doubles(net->sums, gan_comm_alone(), gan_net_parts(net), net->statistics_size,
                            net->statistics_size, net->statistics, d->statistics, "a sum"));
  gan_net_absorb(net, d->statistics);
}

static void update(divided *d, int64_t piece, int passes) {
  update_of(d, piece, 0, passes);
}

static void check_close(const char *what, const float *a, const float *b, int64_t n) {
  double *wide = gan_alloc((size_t)n, sizeof *wide, "numbers");
  for (int64_t i = 0; i < n; i++) wide[i] = (double)b[i];
  double distance = unit_distance(n, a, wide);
  ck_assert_msg(distance < ROUNDING, "%s: off by %g", what, distance);
  gan_free(&wide);
}

static void check_same(const divided *a, const divided *b) {
  const gan_net *n = a->made.net, *m = b->made.net;
  ck_assert_mem_eq(a->y, b->y, sizeof a->y);
  ck_assert_mem_eq(a->dx, b->dx, sizeof a->dx);
  ck_assert_mem_eq(n->grads, m->grads, (size_t)n->slab_size * sizeof(float));
  ck_assert_mem_eq(n->buffers, m->buffers, (size_t)n->buffer_size * sizeof(float));
  ck_assert_mem_eq(n->counters, m->counters, (size_t)n->counter_count * sizeof(int64_t));
}

/* Two updates of two passes: gradients add up inside one and begin anew with the next. */
START_TEST(parts_are_the_undivided_batch) {
  static divided whole, cut;
  make(&whole, global, 0, BATCH);
  make(&cut, global, 1, BATCH);
  for (int step = 0; step < 2; step++) {
    update(&whole, BATCH, 2);
    update(&cut, BATCH, 2);
    const gan_net *net = whole.made.net;
    check_close("y", cut.y, whole.y, BATCH * OUT);
    check_close("dx", cut.dx, whole.dx, BATCH * IN);
    check_close("gradients", cut.made.net->grads, net->grads, net->slab_size);
    check_close("running statistics", cut.made.net->buffers, net->buffers, net->buffer_size);
    ck_assert_mem_eq(cut.made.net->counters, net->counters,
                     (size_t)net->counter_count * sizeof(int64_t));
  }
  destroy(&whole);
  destroy(&cut);
}
END_TEST

/* The gradients of an update are the sum of its passes', divided or not, in pieces or not. */
START_TEST(gradients_of_passes_add_up) {
  static const struct {
    int threads;
    int64_t piece;
  } rows[] = {{0, BATCH}, {0, SHARE}, {2, BATCH}, {2, 2 * SHARE}};
  static divided d[3];
  for (int i = 0; i < 3; i++) {
    make(&d[i], local, rows[_i].threads, rows[_i].piece);
    update_of(&d[i], rows[_i].piece, i % 2, 1 + i / 2); /* the first, the second, both */
  }
  int64_t n = d[0].made.net->slab_size;
  float *sum = unit_floats(n);
  for (int64_t i = 0; i < n; i++) sum[i] = d[0].made.net->grads[i] + d[1].made.net->grads[i];
  check_close("gradients", d[2].made.net->grads, sum, n);
  for (int i = 0; i < 3; i++) destroy(&d[i]);
  gan_free(&sum);
}
END_TEST

START_TEST(threads_give_the_same_bits) {
  static const int threads[] = {2, 3, 4, 8};
  static divided one, many;
  make(&one, global, 1, BATCH);
  make(&many, global, threads[_i], BATCH);
  for (int step = 0; step < 2; step++) {
    update(&one, BATCH, 2);
    update(&many, BATCH, 2);
    check_same(&many, &one);
  }
  destroy(&one);
  destroy(&many);
}
END_TEST

/* A network whose statistics are its groups' can take a batch in pieces of whole parts. */
START_TEST(passes_give_the_same_bits) {
  static const int64_t pieces[] = {SHARE, 2 * SHARE, BATCH / 2};
  static divided one, many;
  make(&one, local, 1, BATCH);
  make(&many, local, _i + 1, pieces[_i]);
  for (int step = 0; step < 2; step++) {
    update(&one, BATCH, 2);
    update(&many, pieces[_i], 2);
    check_same(&many, &one);
  }
  destroy(&one);
  destroy(&many);
}
END_TEST

/* Masks go by global sample: the undivided batch's, whatever the cut. */
START_TEST(dropout_does_not_see_the_parts) {
  enum { PIECES = 3 };
  static const int64_t pieces[PIECES] = {SHARE, BATCH / 2, BATCH};
  static divided whole, cut;
  static float ones[BATCH * IN], masks[2][BATCH * IN];
  for (int i = 0; i < BATCH * IN; i++) ones[i] = 1;
  for (int k = 0; k < PIECES; k++) {
    make(&whole, "[dropout: {}]", 0, BATCH);
    make(&cut, "[dropout: {}]", 2, pieces[k]);
    for (int who = 0; who < 2; who++) {
      gan_pass pass = unit_pass(who ? pieces[k] : BATCH);
      for (int64_t at = 0; at < BATCH; at += pass.samples) {
        float *y;
        pass.at = at;
        pass.first_sample = FIRST + at;
        check_ok(gan_net_forward(who ? cut.made.net : whole.made.net, &pass, ones + at * IN, &y));
        memcpy(masks[who] + at * IN, y, (size_t)(pass.samples * IN) * sizeof *y);
      }
    }
    ck_assert_mem_eq(masks[0], masks[1], sizeof masks[0]);
    ck_assert_mem_ne(masks[0], masks[0] + SHARE * IN, SHARE * IN * sizeof(float));
    destroy(&whole);
    destroy(&cut);
  }
}
END_TEST

/* The last part of a pass that only samples may be short. */
START_TEST(sampling_takes_any_number) {
  static divided whole, cut;
  float x[BATCH * IN], *y[2];
  make(&whole, global, 0, BATCH);
  make(&cut, global, 2, BATCH);
  unit_fill(x, BATCH * IN, 8, -1, 1);
  for (int64_t n = 1; n <= BATCH; n += 4) {
    gan_pass pass = unit_pass(n);
    pass.training = false;
    check_ok(gan_net_forward(whole.made.net, &pass, x, &y[0]));
    check_ok(gan_net_forward(cut.made.net, &pass, x, &y[1]));
    check_close("y", y[1], y[0], n * OUT);
  }
  destroy(&whole);
  destroy(&cut);
}
END_TEST

START_TEST(updates_take_no_memory) {
  static divided d;
  make(&d, global, 2, BATCH);
  uint64_t count = gan_alloc_count();
  update(&d, BATCH, 2);
  ck_assert_uint_eq(gan_alloc_count(), count);
  destroy(&d);
}
END_TEST

typedef struct {
  int calls, inside; /* products, and those in a parallel region, be it of one thread */
} regions;

static void note_region(void *context, const gan_gemm_call *call) {
  regions *seen = context;
  (void)call;
#pragma omp atomic
  seen->calls++;
#pragma omp atomic
  seen->inside += omp_get_level() > 0;
}

/* The library starts and ends threads at each product that it shares inside a region. */
START_TEST(products_own_the_threads_unless_spans_do) {
  for (int threads = 0; threads <= 2; threads++) {
    divided d;
    regions seen = {0, 0};
    make(&d, global, threads, BATCH);
    gan_gemm_observe(note_region, &seen);
    update(&d, BATCH, 1);
    gan_gemm_observe(NULL, NULL);
    ck_assert_int_gt(seen.calls, 0);
    ck_assert_int_eq(seen.inside, threads == 2 ? seen.calls : 0);
    destroy(&d);
  }
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {parts_are_the_undivided_batch, 1},  {gradients_of_passes_add_up, 4},
      {threads_give_the_same_bits, 4},     {passes_give_the_same_bits, 3},
      {dropout_does_not_see_the_parts, 1}, {sampling_takes_any_number, 1},
      {updates_take_no_memory, 1},         {products_own_the_threads_unless_spans_do, 1},
  };
  return UNIT_MAIN("pass", tests);
}

/* This machine's rates on the matrix products of the config's own step: products of one shape are
 * one row, and each engine (library and precision) takes its turn on them.  All ranks measure at
 * the same time, as they would train; rank 0's figures are shown.
 *
 * Each product has operands of its own, which stay in a cache where they fit. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "bench/products.h"
#include "bench/timing.h"
#include "bench/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ENGINES_MAX = 8, SPAN = 64 };

/* A sample's calls take at least so long, which the clock can tell. */
static const double sample_seconds = 1e-3;

typedef struct {
  gan_gemm_call call;                 /* on operands of its own while it is measured */
  int a_step;                         /* how often in a step */
  gan_quartiles seconds[ENGINES_MAX]; /* of one call */
} shape;

typedef struct {
  const gan_bench *bench;
  gan_trial trial;
  gan_step_products products;
  shape *shapes;
  int count;
  double *times; /* (engines, repeat) */
} gemm_bench;

/* ---- shapes ---- */

static bool same_shape(const gan_gemm_call *x, const gan_gemm_call *y) {
  return x->transpose_a == y->transpose_a && x->transpose_b == y->transpose_b && x->m == y->m &&
         x->n == y->n && x->k == y->k && x->lda == y->lda && x->ldb == y->ldb && x->ldc == y->ldc &&
         x->beta == y->beta;
}

static gan_status group(gemm_bench *b) {
  const gan_step_products *products = &b->products;
  b->shapes = gan_alloc((size_t)products->count, sizeof *b->shapes, "shapes of products");
  GAN_TRY(gan_comm_agree(b->bench->comm, b->shapes ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for shapes"));
  for (int i = 0; i < products->count; i++) {
    int k = 0;
    while (k < b->count && !same_shape(&b->shapes[k].call, &products->list[i].call)) k++;
    if (k == b->count) b->shapes[b->count++].call = products->list[i].call;
    b->shapes[k].a_step++;
  }
  return GAN_OK;
}

/* ---- measuring ---- */

typedef struct {
  const gan_engine *engine;
  const gan_gemm_call *call;
  int calls;
} sample;

static gan_status run_sample(void *context) {
  const sample *s = context;
  for (int i = 0; i < s->calls; i++) s->engine->run(s->call);
  return GAN_OK;
}

/* Calls that fill a sample's time. */
static int calls_in_sample(const gan_engine *engine, const gan_gemm_call *call) {
  sample one = {engine, call, 1};
  double best = 0;
  for (int i = 0; i < 3; i++) {
    double start = gan_clock(), time;
    run_sample(&one);
    time = gan_clock() - start;
    if (i == 1 || time < best) best = time;
  }
  return best < sample_seconds ? (int)(sample_seconds / fmax(best, 1e-8)) + 1 : 1;
}

static int64_t rows_of(bool transposed, int64_t rows, int64_t columns) {
  return transposed ? columns : rows;
}

static gan_status measure_on(gemm_bench *b, shape *s, float *memory, int64_t a, int64_t bn) {
  sample samples[ENGINES_MAX];
  gan_rival rivals[ENGINES_MAX];
  int engines, repeat = b->bench->repeat;
  const gan_engine *list = gan_engines(&engines);
  s->call.a = memory;
  s->call.b = memory + a;
  s->call.c = memory + a + bn;
  for (int e = 0; e < engines; e++) {
    samples[e] = (sample){&list[e], &s->call, calls_in_sample(&list[e], &s->call)};
    rivals[e] =
        (gan_rival){.run = run_sample, .context = &samples[e], .times = b->times + e * repeat};
  }
  GAN_TRY(gan_rivals_run(rivals, engines, 1, repeat));
  for (int e = 0; e < engines; e++) {
    gan_quartiles all = gan_quartiles_of(rivals[e].times, repeat);
    double n = samples[e].calls;
    s->seconds[e] = (gan_quartiles){all.low / n, all.median / n, all.high / n};
  }
  return GAN_OK;
}

/* A length in floats, on a boundary of 64 bytes. */
static int64_t span_of(int64_t rows, int64_t stride) {
  return (rows * stride + SPAN - 1) / SPAN * SPAN;
}

static gan_status measure_shape(gemm_bench *b, shape *s) {
  const gan_gemm_call *call = &s->call;
  int64_t a = span_of(rows_of(call->transpose_a, call->m, call->k), call->lda);
  int64_t bn = span_of(rows_of(call->transpose_b, call->k, call->n), call->ldb);
  int64_t c = span_of(call->m, call->ldc);
  float *memory = gan_alloc((size_t)(a + bn + c), sizeof *memory, "operands of a product");
  if (!memory) return GAN_NO_MEMORY;
  gan_rng rng = gan_rng_stream(1, GAN_RNG_SYNTHETIC, 0, 0, 0);
  gan_rng_uniform(rng, 0, 0, a + bn, -1, 1, memory);
  gan_status status = measure_on(b, s, memory, a, bn);
  gan_free(&memory);
  return status;
}

static gan_status measure(gemm_bench *b) {
  int engines;
  gan_engines(&engines);
  GAN_ASSERT(engines <= ENGINES_MAX);
  GAN_TRY(gan_bench_doubles(b->bench->comm, (size_t)(engines * b->bench->repeat), &b->times));
  gan_status status = GAN_OK;
  for (int i = 0; status == GAN_OK && i < b->count; i++) status = measure_shape(b, &b->shapes[i]);
  return gan_comm_agree(b->bench->comm, status, "agreeing whether all have measured");
}

/* ---- what was found ---- */

static const gan_column columns[] = {
    {"a", NULL, 0, 0, 0},
    {"b", NULL, 0, 0, 0},
    {"beta", NULL, 0, 0, 0},
    {"operands", "product", -9, 0, 0},
    {"m", "m", 7, 0, 1},
    {"n", "n", 7, 0, 1},
    {"k", "k", 7, 0, 1},
    {"calls", "calls", 6, 0, 1},
    {"library", "library", -9, 0, 0},
    {"precision", "precision", -9, 0, 0},
    {"seconds", "ms a call", 9, 4, 1e3},
    {"seconds_low", NULL, 0, 0, 0},
    {"seconds_high", NULL, 0, 0, 0},
    {"flops_per_s", "GFLOP/s", 8, 1, 1e-9},
    {"rule", "rule", -6, 0, 0},
    {"beats_rule", "against the rule", -16, 0, 0},
};

/* Whether an engine is faster than the rule's of the same precision, beyond doubt: all of its
 * middle half is. */
static bool beats_rule(const shape *s, const gan_engine *engines, int e, int rule) {
  return e != rule && !strcmp(engines[e].precision, engines[rule].precision) &&
         s->seconds[e].high < s->seconds[rule].low;
}

static void report_shape(const shape *s, gan_bench_report *report) {
  int count;
  const gan_engine *engines = gan_engines(&count);
  int rule = gan_engine_of(&s->call);
  const char *a = s->call.transpose_a ? "transposed" : "plain";
  const char *b = s->call.transpose_b ? "transposed" : "plain";
  char operands[16], verdict[32];
  snprintf(operands, sizeof operands, "A%s B%s%s", s->call.transpose_a ? "'" : "",
           s->call.transpose_b ? "'" : "", s->call.beta != 0 ? " + C" : "");
  for (int e = 0; e < count; e++) {
    bool wins = beats_rule(s, engines, e, rule);
    double time = s->seconds[e].median;
    snprintf(verdict, sizeof verdict, "%.2f times faster", s->seconds[rule].median / time);
    gan_bench_report_row(report, (gan_cell[]){
                                     GAN_TEXT(a),
                                     GAN_TEXT(b),
                                     GAN_NUMBER(s->call.beta),
                                     GAN_TEXT(operands),
                                     GAN_NUMBER(s->call.m),
                                     GAN_NUMBER(s->call.n),
                                     GAN_NUMBER(s->call.k),
                                     GAN_NUMBER(s->a_step),
                                     GAN_TEXT(engines[e].library),
                                     GAN_TEXT(engines[e].precision),
                                     GAN_NUMBER(time),
                                     GAN_NUMBER(s->seconds[e].low),
                                     GAN_NUMBER(s->seconds[e].high),
                                     GAN_NUMBER(gan_gemm_flops(&s->call) / time),
                                     GAN_TEXT(e == rule ? "takes" : ""),
                                     GAN_TEXT(wins ? verdict : ""),
                                 });
  }
}

static const gan_column total_columns[] = {
    {"library", "whole step by", -13, 0, 0},
    {"precision", "precision", -9, 0, 0},
    {"calls", "calls", 6, 0, 1},
    {"flops", "GFLOP", 8, 3, 1e-9},
    {"seconds", "ms", 9, 3, 1e3},
    {"flops_per_s", "GFLOP/s", 8, 1, 1e-9},
};

static void report_total(const gemm_bench *b, const char *library, const char *precision,
                         double seconds, gan_bench_report *report) {
  double flops = gan_products_flops(&b->products, -1);
  gan_bench_report_row(report, (gan_cell[]){
                                   GAN_TEXT(library),
                                   GAN_TEXT(precision),
                                   GAN_NUMBER(b->products.count),
                                   GAN_NUMBER(flops),
                                   GAN_NUMBER(seconds),
                                   GAN_NUMBER(flops / seconds),
                               });
}

/* All products of a step by each engine, and by the one that the rule takes for each. */
static void report_totals(const gemm_bench *b, gan_bench_report *report) {
  int count;
  const gan_engine *engines = gan_engines(&count);
  double ruled = 0;
  gan_bench_report_table(report, "totals", total_columns,
                         sizeof total_columns / sizeof *total_columns);
  for (int e = 0; e < count; e++) {
    double seconds = 0;
    for (int i = 0; i < b->count; i++)
      seconds += b->shapes[i].a_step * b->shapes[i].seconds[e].median;
    report_total(b, engines[e].library, engines[e].precision, seconds, report);
  }
  for (int i = 0; i < b->count; i++)
    ruled += b->shapes[i].a_step * b->shapes[i].seconds[gan_engine_of(&b->shapes[i].call)].median;
  report_total(b, "the rule", "", ruled, report);
}

static gan_status measure_and_report(gemm_bench *b) {
  gan_bench_report report;
  int nodes;
  GAN_TRY(gan_trial_open(&b->trial, b->bench, b->bench->comm));
  GAN_TRY(gan_products_record(b->trial.session.task, &b->products));
  GAN_TRY(group(b));
  GAN_TRY(gan_bench_nodes(b->bench->comm, &nodes));
  GAN_TRY(measure(b));
  gan_bench_report_begin(&report, "gemm");
  gan_trial_describe(&b->trial, b->bench, nodes, &report);
  gan_bench_report_table(&report, "products", columns, sizeof columns / sizeof *columns);
  for (int i = 0; i < b->count; i++) report_shape(&b->shapes[i], &report);
  report_totals(b, &report);
  return gan_bench_report_end(&report, b->bench->comm, b->bench->json);
}

gan_status gan_bench_gemm(const gan_bench *bench) {
  gemm_bench b = {.bench = bench};
  gan_status status = measure_and_report(&b);
  gan_free(&b.times);
  gan_free(&b.shapes);
  gan_products_reset(&b.products);
  gan_trial_reset(&b.trial);
  return status;
}

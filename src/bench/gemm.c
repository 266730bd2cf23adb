/* This machine's rates on the products of the config's own layers: each layer with a weight has
 * three, and the ways to compute them take turns on each.  A choice of library and precision leads
 * to a way (kernels/compute.c has the rule); choices that lead to the same one share its row.  All
 * ranks measure at the same time, as they would train; rank 0's figures are shown.
 *
 * A time is that of all that is done in each call: unfolding, and rounding to bf16, are in it, and
 * both gradients have the rounding that they share in a step.  Packing a weight is not, which is
 * done once an update: the totals tell it apart.  Each layer has operands of its own, which stay in
 * a cache where they fit. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/layers.h"
#include "bench/products.h"
#include "bench/timing.h"
#include "bench/trial.h"
#include "kernels/onednn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* oneDNN is tried on every width: the rule's own choices show where it would not be taken. */
static const struct {
  const char *name;
  gan_compute compute; /* GAN_LIBRARY_AUTO: the config's */
} candidates[] = {
    {"OpenBLAS", {GAN_LIBRARY_OPENBLAS, GAN_PRECISION_FP32, false}},
    {"oneDNN", {GAN_LIBRARY_ONEDNN, GAN_PRECISION_FP32, true}},
    {"oneDNN", {GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16, true}},
    {"the rule", {GAN_LIBRARY_AUTO, GAN_PRECISION_FP32, false}},
    {"the rule", {GAN_LIBRARY_AUTO, GAN_PRECISION_BF16, false}},
};

enum { CHOICES = sizeof candidates / sizeof *candidates, PRECISIONS = 2, NONE = -1 };

/* A sample's calls take at least so long, which the clock can tell. */
static const double sample_seconds = 1e-3;

/* One of a layer's three products, computed in one way. */
typedef struct {
  gan_part part;
  gan_product_kernel kernel;
  int choice; /* that leads to it; the first */
  gan_quartiles seconds;
} way;

typedef struct {
  char name[96];
  const gan_product *product;
  bool wanted[GAN_PARTS];
  way ways[GAN_PARTS * CHOICES];
  int count;
  int of[GAN_PARTS][CHOICES]; /* where a choice leads */
  double packing[CHOICES];    /* seconds, of a weight */
} layer_found;

typedef struct {
  const gan_bench *bench;
  gan_trial trial;
  gan_compute choices[CHOICES];
  const char *names[CHOICES];
  int choice_count;
  int rule[PRECISIONS]; /* the choice that is the rule's; NONE */
  layer_found *layers;
  int count;
  double *times; /* (choices, repeat) */
} gemm_bench;

static const char *precision_text(gan_precision precision) {
  return precision == GAN_PRECISION_BF16 ? "bf16" : "fp32";
}

/* ---- choices and layers ---- */

static void choose(gemm_bench *b) {
  gan_compute now = gan_compute_now();
  bool emulates = now.precision == GAN_PRECISION_BF16; /* or it would not be the config's */
  for (int i = 0; i < PRECISIONS; i++) b->rule[i] = NONE;
  for (int i = 0; i < CHOICES; i++) {
    gan_compute compute = candidates[i].compute;
    bool rule = compute.library == GAN_LIBRARY_AUTO;
    if (rule) compute.library = now.library;
    if (!gan_compute_can(compute, emulates)) continue;
    if (rule) b->rule[compute.precision] = b->choice_count;
    b->names[b->choice_count] = candidates[i].name;
    b->choices[b->choice_count++] = compute;
  }
  if (!gan_onednn_built())
    gan_log("this build has no oneDNN: OpenBLAS alone");
  else if (!gan_compute_has(GAN_LIBRARY_ONEDNN, GAN_PRECISION_BF16) && !emulates)
    gan_log("bf16 is left out: this processor does not multiply it");
}

static void add_layer(gemm_bench *b, const gan_net *net, const gan_layer *layer) {
  layer_found *found = &b->layers[b->count++];
  bool first = net == b->trial.session.task->learners[0].net;
  snprintf(found->name, sizeof found->name, "%s %s %s", net->name, layer->name,
           layer->type->schema.name);
  found->product = &layer->product;
  for (int part = 0; part < GAN_PARTS; part++) found->wanted[part] = true;
  /* Nobody wants the gradient of the latent, or of a classifier's images. */
  found->wanted[GAN_PART_INPUT] = !first || layer->from[0] != 0;
}

static gan_status find_layers(gemm_bench *b) {
  const gan_task *task = b->trial.session.task;
  int most = 0;
  for (int i = 0; i < task->learner_count; i++) most += task->learners[i].net->layer_count;
  b->layers = gan_alloc((size_t)most, sizeof *b->layers, "a list of layers");
  GAN_TRY(gan_comm_agree(b->bench->comm, b->layers ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for the layers"));
  for (int i = 0; i < task->learner_count; i++) {
    const gan_net *net = task->learners[i].net;
    for (int k = 0; k < net->layer_count; k++)
      if (net->layers[k].product.samples) add_layer(b, net, &net->layers[k]);
  }
  return GAN_OK;
}

/* ---- measuring ---- */

typedef struct {
  const gan_layer_products *products;
  int choice;
  gan_part part; /* GAN_PARTS: packing */
  int calls;
} sample;

static gan_status run_sample(void *context) {
  const sample *s = context;
  for (int i = 0; i < s->calls; i++)
    if (s->part < GAN_PARTS)
      gan_layer_products_run(s->products, s->choice, s->part);
    else
      gan_layer_products_pack(s->products, s->choice);
  return GAN_OK;
}

/* Calls that fill a sample's time. */
static int calls_in_sample(sample one) {
  double best = 0;
  one.calls = 1;
  for (int i = 0; i < 3; i++) {
    double start = gan_clock(), time;
    GAN_ASSERT(run_sample(&one) == GAN_OK);
    time = gan_clock() - start;
    if (i == 1 || (i > 1 && time < best)) best = time;
  }
  return best < sample_seconds ? (int)(sample_seconds / fmax(best, 1e-8)) + 1 : 1;
}

/* Samples take turns; gives the times of a call. */
static gan_status measure_samples(const gemm_bench *b, sample *samples, int count,
                                  gan_quartiles *out) {
  gan_rival rivals[CHOICES] = {{0}};
  int repeat = b->bench->repeat;
  for (int i = 0; i < count; i++) {
    samples[i].calls = calls_in_sample(samples[i]);
    rivals[i] =
        (gan_rival){.run = run_sample, .context = &samples[i], .times = b->times + i * repeat};
  }
  GAN_TRY(gan_rivals_run(rivals, count, 1, repeat));
  for (int i = 0; i < count; i++) {
    gan_quartiles all = gan_quartiles_of(rivals[i].times, repeat);
    double n = samples[i].calls;
    out[i] = (gan_quartiles){all.low / n, all.median / n, all.high / n};
  }
  return GAN_OK;
}

/* The ways that the choices lead to, each once. */
static void find_ways(layer_found *found, const gan_layer_products *products, gan_part part) {
  int first = found->count;
  for (int c = 0; c < products->count; c++) {
    gan_product_kernel kernel = products->choices[c].kernels[part];
    int k = first;
    while (k < found->count && !gan_product_kernel_same(found->ways[k].kernel, kernel)) k++;
    if (k == found->count)
      found->ways[found->count++] = (way){.part = part, .kernel = kernel, .choice = c};
    found->of[part][c] = k;
  }
}

static gan_status measure_part(const gemm_bench *b, layer_found *found,
                               const gan_layer_products *products, gan_part part) {
  sample samples[CHOICES];
  gan_quartiles seconds[CHOICES];
  int first = found->count;
  find_ways(found, products, part);
  int count = found->count - first;
  for (int i = 0; i < count; i++)
    samples[i] =
        (sample){.products = products, .choice = found->ways[first + i].choice, .part = part};
  GAN_TRY(measure_samples(b, samples, count, seconds));
  for (int i = 0; i < count; i++) found->ways[first + i].seconds = seconds[i];
  return GAN_OK;
}

static gan_status measure_packing(const gemm_bench *b, layer_found *found,
                                  const gan_layer_products *products) {
  sample samples[CHOICES];
  gan_quartiles seconds[CHOICES];
  for (int c = 0; c < products->count; c++)
    samples[c] = (sample){.products = products, .choice = c, .part = GAN_PARTS};
  GAN_TRY(measure_samples(b, samples, products->count, seconds));
  for (int c = 0; c < products->count; c++) {
    const gan_product *product = &products->choices[c].product;
    if (product->packs || product->rounds) found->packing[c] = seconds[c].median;
  }
  return GAN_OK;
}

static gan_status measure_layer(const gemm_bench *b, layer_found *found) {
  gan_layer_products products;
  gan_status status =
      gan_layer_products_open(found->product, b->choices, b->choice_count, &products);
  for (int part = 0; part < GAN_PARTS && status == GAN_OK; part++)
    if (found->wanted[part]) status = measure_part(b, found, &products, (gan_part)part);
  if (status == GAN_OK) status = measure_packing(b, found, &products);
  gan_layer_products_reset(&products);
  return status;
}

static gan_status measure(gemm_bench *b) {
  gan_compute before = gan_compute_now();
  GAN_TRY(gan_bench_doubles(b->bench->comm, (size_t)(CHOICES * b->bench->repeat), &b->times));
  gan_status status = GAN_OK;
  for (int i = 0; status == GAN_OK && i < b->count; i++) status = measure_layer(b, &b->layers[i]);
  gan_compute_set(before);
  return gan_comm_agree(b->bench->comm, status, "agreeing whether all have measured");
}

/* ---- what was found ---- */

static const gan_column columns[] = {
    {"layer", "layer", -32, 0, 0},
    {"product", "product", -9, 0, 0},
    {"samples", "samples", 7, 0, 1},
    {"flops", "GFLOP", 7, 3, 1e-9},
    {"library", "library", -8, 0, 0},
    {"way", "way", -11, 0, 0},
    {"precision", "precision", -9, 0, 0},
    {"seconds", "ms a call", 9, 4, 1e3},
    {"seconds_low", NULL, 0, 0, 0},
    {"seconds_high", NULL, 0, 0, 0},
    {"flops_per_s", "GFLOP/s", 8, 1, 1e-9},
    {"rule", "rule in", -9, 0, 0},
    {"beats_rule", "against the rule", -27, 0, 0},
};

static const char *const part_names[GAN_PARTS] = {"forward", "d input", "d weight"};

/* The way that the rule takes in a precision; NULL: none. */
static const way *ruled(const gemm_bench *b, const layer_found *found, gan_part part,
                        gan_precision precision) {
  int rule = b->rule[precision];
  return rule == NONE ? NULL : &found->ways[found->of[part][rule]];
}

/* Whether a way is faster than the rule's beyond doubt: all of its middle half is. */
static bool beats(const way *w, const way *rule) {
  return rule && w != rule && w->seconds.high < rule->seconds.low;
}

/* In fp32 against the rule's fp32; with bf16, all may compete. */
static void judge(const gemm_bench *b, const layer_found *found, const way *w, char *text,
                  size_t size) {
  const way *rule = ruled(b, found, w->part, w->kernel.precision);
  const way *bf16 = ruled(b, found, w->part, GAN_PRECISION_BF16);
  *text = '\0';
  if (beats(w, rule))
    snprintf(text, size, "%.2f times faster", rule->seconds.median / w->seconds.median);
  else if (w == rule && beats(w, bf16))
    snprintf(text, size, "%.2f times faster than bf16", bf16->seconds.median / w->seconds.median);
}

static void report_way(const gemm_bench *b, const layer_found *found, const way *w,
                       gan_bench_report *report) {
  char rules[16], verdict[40];
  double flops = gan_convolution_flops(&found->product->shape, found->product->samples);
  bool fp32 = w == ruled(b, found, w->part, GAN_PRECISION_FP32);
  bool bf16 = w == ruled(b, found, w->part, GAN_PRECISION_BF16);
  snprintf(rules, sizeof rules, "%s%s%s", fp32 ? "fp32" : "", fp32 && bf16 ? " " : "",
           bf16 ? "bf16" : "");
  judge(b, found, w, verdict, sizeof verdict);
  gan_bench_report_row(report, (gan_cell[]){
                                   GAN_TEXT(found->name),
                                   GAN_TEXT(part_names[w->part]),
                                   GAN_NUMBER(found->product->samples),
                                   GAN_NUMBER(flops),
                                   GAN_TEXT(w->kernel.onednn ? "oneDNN" : "OpenBLAS"),
                                   GAN_TEXT(gan_product_kernel_text(w->kernel)),
                                   GAN_TEXT(precision_text(w->kernel.precision)),
                                   GAN_NUMBER(w->seconds.median),
                                   GAN_NUMBER(w->seconds.low),
                                   GAN_NUMBER(w->seconds.high),
                                   GAN_NUMBER(flops / w->seconds.median),
                                   GAN_TEXT(rules),
                                   GAN_TEXT(verdict),
                               });
}

static const gan_column total_columns[] = {
    {"choice", "each once, by", -13, 0, 0},
    {"precision", "precision", -9, 0, 0},
    {"products", "products", 8, 0, 1},
    {"flops", "GFLOP", 8, 3, 1e-9},
    {"seconds", "ms", 9, 3, 1e3},
    {"flops_per_s", "GFLOP/s", 8, 1, 1e-9},
    {"packing_seconds", "packing ms", 10, 3, 1e3},
};

/* All products of all layers by a choice, each once. */
static void report_total(const gemm_bench *b, int choice, gan_bench_report *report) {
  double flops = 0, seconds = 0, packing = 0;
  int products = 0;
  for (int i = 0; i < b->count; i++) {
    const layer_found *found = &b->layers[i];
    packing += found->packing[choice];
    for (int part = 0; part < GAN_PARTS; part++) {
      if (!found->wanted[part]) continue;
      products++;
      flops += gan_convolution_flops(&found->product->shape, found->product->samples);
      seconds += found->ways[found->of[part][choice]].seconds.median;
    }
  }
  gan_bench_report_row(report, (gan_cell[]){
                                   GAN_TEXT(b->names[choice]),
                                   GAN_TEXT(precision_text(b->choices[choice].precision)),
                                   GAN_NUMBER(products),
                                   GAN_NUMBER(flops),
                                   GAN_NUMBER(seconds),
                                   GAN_NUMBER(flops / seconds),
                                   GAN_NUMBER(packing),
                               });
}

static gan_status measure_and_report(gemm_bench *b) {
  gan_bench_report report;
  int nodes;
  GAN_TRY(gan_trial_open(&b->trial, b->bench, b->bench->comm));
  choose(b);
  GAN_TRY(find_layers(b));
  GAN_TRY(gan_bench_nodes(b->bench->comm, &nodes));
  GAN_TRY(measure(b));
  gan_bench_report_begin(&report, "gemm");
  gan_trial_describe(&b->trial, b->bench, nodes, &report);
  gan_bench_report_table(&report, "products", columns, sizeof columns / sizeof *columns);
  for (int i = 0; i < b->count; i++)
    for (int k = 0; k < b->layers[i].count; k++)
      report_way(b, &b->layers[i], &b->layers[i].ways[k], &report);
  gan_bench_report_table(&report, "totals", total_columns,
                         sizeof total_columns / sizeof *total_columns);
  for (int c = 0; c < b->choice_count; c++) report_total(b, c, &report);
  return gan_bench_report_end(&report, b->bench->comm, b->bench->json);
}

gan_status gan_bench_gemm(const gan_bench *bench) {
  gemm_bench b = {.bench = bench};
  gan_status status = measure_and_report(&b);
  gan_free(&b.times);
  gan_free(&b.layers);
  gan_trial_reset(&b.trial);
  return status;
}

/* A training step, phase by phase, against its floor: operations / the measured rate of its own
 * matrix products and convolutions + bytes / the measured bandwidth of memory.
 *
 * Products are the step's own calls, played again by the libraries and in the precision of the
 * config.  What is done around them is no part of the floor: unfolding images, packing weights,
 * rounding to bf16.
 *
 * Bytes are those that no fusion can save: data as it is stored and as the networks take it, 28 a
 * weight and update for Adam (gradient, moments and weight are read, moments and weight written),
 * 20 for SGD, which has one moment, 8 a weight and update for a sum over ranks (read once, written
 * once).  Passes between products have none: they could go with the products.  An optimizer's floor
 * is that of its bytes, or one pass of it alone where that is faster.  Output (checkpoints,
 * samples, log) is no part of it.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/memory.h"
#include "bench/products.h"
#include "bench/timing.h"
#include "bench/trial.h"
#include "config/networks.h"

#include <math.h>
#include <string.h>

enum { WARM = 3 };

typedef struct {
  const gan_bench *bench;
  gan_trial trial;
  gan_task *task;
  gan_step_products products;
  double *step, *update;           /* (repeat) a step; its optimizers' passes alone */
  double *phases[GAN_PROFILE_MAX]; /* (repeat) of a step's rows */
  double *alone[GAN_PROFILE_MAX];  /* (repeat) products of a row; NULL: it has none */
  double *times;                   /* the memory behind them all */
  gan_bandwidth memory;
} step_bench;

/* ---- the floors' bytes ---- */

/* A learner's updates a step. */
static int64_t updates_of(const gan_task *task, int which) {
  gan_networks networks = gan_networks_of((gan_task_kind)task->config->task);
  return gan_network_updates(task->config, &networks.rows[which]);
}

/* Weights that a step's updates pass over. */
static double updated_weights(const step_bench *b) {
  double sum = 0;
  for (int i = 0; i < b->task->learner_count; i++)
    sum += (double)b->task->learners[i].net->slab_size * (double)updates_of(b->task, i);
  return sum;
}

/* Of ranks that share weights each updates a part. */
static double part_weights(const step_bench *b) {
  double sum = 0;
  for (int i = 0; i < b->task->learner_count; i++) {
    const gan_optimizer *optimizer = b->task->learners[i].optimizer;
    sum += (double)(optimizer->end - optimizer->first) * (double)updates_of(b->task, i);
  }
  return sum;
}

/* Of the one kind of optimizer that all networks have. */
static double weight_bytes(const step_bench *b) {
  return gan_optimizer_weight_bytes(b->task->learners[0].optimizer);
}

static double update_bytes(const step_bench *b) {
  return weight_bytes(b) * part_weights(b);
}

static double sum_bytes(const step_bench *b) {
  return gan_comm_size(b->bench->comm) > 1 ? 8 * updated_weights(b) : 0;
}

static double data_bytes(const step_bench *b) {
  const gan_data_info *info = &b->trial.session.info;
  double row = (double)gan_data_row_bytes(info) + 4 * (double)gan_data_row_size(info);
  return row * (double)(b->task->local_samples * b->task->batches_a_step);
}

/* By the name of the profile's row. */
static const struct {
  const char *name;
  double (*bytes)(const step_bench *b);
} byte_rows[] = {{"data", data_bytes}, {"sums over ranks", sum_bytes}, {"optimizer", update_bytes}};

static double bytes_of(const step_bench *b, int phase) {
  for (size_t i = 0; i < sizeof byte_rows / sizeof *byte_rows; i++)
    if (!strcmp(byte_rows[i].name, b->task->profile[phase].name)) return byte_rows[i].bytes(b);
  return 0;
}

/* What a step has just used is updated faster than memory delivers it. */
static double seconds_of_bytes(const step_bench *b, int phase) {
  double seconds = bytes_of(b, phase) / b->memory.bytes_per_s;
  bool updates = !strcmp(b->task->profile[phase].name, "optimizer");
  return updates ? fmin(seconds, gan_median(b->update, b->bench->repeat)) : seconds;
}

/* ---- measuring ---- */

/* A row of the profile holds seconds since the start: a step's are what it adds. */
static gan_status take_step(step_bench *b, int at) {
  gan_profile_row *profile = b->task->profile;
  for (int p = 0; p < b->task->profile_count; p++) b->phases[p][at] = -profile[p].seconds;
  /* a rank that was slow with what came before would be waited for in the step */
  GAN_TRY(gan_comm_barrier(b->task->comm, "the start of a measured step"));
  double start = gan_clock();
  GAN_TRY(gan_trial_step(&b->trial));
  b->step[at] = gan_clock() - start;
  for (int p = 0; p < b->task->profile_count; p++) b->phases[p][at] += profile[p].seconds;
  return GAN_OK;
}

static void play_products(step_bench *b, int at) {
  for (int p = 0; p < b->task->profile_count; p++) {
    if (!b->alone[p]) continue;
    double start = gan_clock();
    gan_products_play(&b->products, p);
    b->alone[p][at] = gan_clock() - start;
  }
  /* Products that are played again find other numbers in the layers' scratch, or what are none. */
  for (int i = 0; i < b->task->learner_count; i++)
    gan_net_clear_gradients(b->task->learners[i].net);
}

/* Once over the weights of each update, with a learning rate of 0 so that they stay. */
static void pass_optimizers(step_bench *b, int at) {
  double start = gan_clock();
  for (int i = 0; i < b->task->learner_count; i++) {
    gan_learner *learner = &b->task->learners[i];
    double lr = learner->optimizer->lr;
    learner->optimizer->lr = 0;
    int64_t passes = updates_of(b->task, i);
    for (int64_t k = 0; k < passes; k++)
      gan_optimizer_step(learner->optimizer, learner->net->grads, learner->net->params);
    learner->optimizer->lr = lr;
  }
  b->update[at] = gan_clock() - start;
}

/* Step, products and optimizers in turn, so that a change of the machine's speed meets all three.
 */
static gan_status measure(step_bench *b) {
  for (int i = 0; i < b->bench->repeat; i++) {
    GAN_TRY(take_step(b, i));
    play_products(b, i);
    pass_optimizers(b, i);
  }
  return GAN_OK;
}

static gan_status reserve(step_bench *b) {
  int rows = 0, repeat = b->bench->repeat, most = 2 + 2 * b->task->profile_count;
  GAN_TRY(gan_bench_doubles(b->bench->comm, (size_t)(most * repeat), &b->times));
  b->step = b->times + repeat * rows++;
  b->update = b->times + repeat * rows++;
  for (int p = 0; p < b->task->profile_count; p++) {
    b->phases[p] = b->times + repeat * rows++;
    if (gan_products_count(&b->products, p)) b->alone[p] = b->times + repeat * rows++;
  }
  return GAN_OK;
}

/* ---- what was found ---- */

static const gan_column columns[] = {
    {"phase", "phase", -24, 0, 0},
    {"seconds", "ms", 9, 3, 1e3},
    {"seconds_low", NULL, 0, 0, 0},
    {"seconds_high", NULL, 0, 0, 0},
    {"flops", "GFLOP", 8, 3, 1e-9},
    {"bytes", "MB", 8, 2, 1e-6},
    {"flops_per_s", "GFLOP/s", 8, 1, 1e-9},
    {"products", "products", 8, 0, 1},
    {"products_seconds", "alone ms", 9, 3, 1e3},
    {"floor_seconds", "floor ms", 9, 3, 1e3},
    {"ratio", "ms / floor", 10, 2, 1},
};

static double or_none(double value) {
  return value > 0 ? value : (double)NAN;
}

typedef struct {
  double flops, bytes, products, floor; /* products: their seconds */
  int calls;
} sums;

static void report_row(gan_bench_report *report, const char *name, gan_quartiles time, sums row) {
  gan_bench_report_row(
      report, (gan_cell[]){
                  GAN_TEXT(name),
                  GAN_NUMBER(time.median),
                  GAN_NUMBER(time.low),
                  GAN_NUMBER(time.high),
                  GAN_NUMBER(or_none(row.flops)),
                  GAN_NUMBER(or_none(row.bytes)),
                  GAN_NUMBER(or_none(row.flops / time.median)),
                  GAN_NUMBER(or_none(row.calls)),
                  GAN_NUMBER(or_none(row.products)),
                  GAN_NUMBER(or_none(row.floor)),
                  GAN_NUMBER(or_none(row.floor) > 0 ? time.median / row.floor : (double)NAN),
              });
}

static sums report_phases(step_bench *b, gan_bench_report *report) {
  sums all = {0};
  gan_bench_report_table(report, "phases", columns, sizeof columns / sizeof *columns);
  for (int p = 0; p < b->task->profile_count; p++) {
    sums row = {.flops = gan_products_flops(&b->products, p),
                .bytes = bytes_of(b, p),
                .calls = gan_products_count(&b->products, p)};
    if (b->alone[p]) row.products = gan_median(b->alone[p], b->bench->repeat);
    row.floor = row.products + seconds_of_bytes(b, p);
    report_row(report, b->task->profile[p].name, gan_quartiles_of(b->phases[p], b->bench->repeat),
               row);
    all.calls += row.calls;
    all.flops += row.flops;
    all.bytes += row.bytes;
    all.products += row.products;
    all.floor += row.floor;
  }
  return all;
}

static void report_whole(step_bench *b, sums all, gan_bench_report *report) {
  int repeat = b->bench->repeat;
  const gan_config *config = b->task->config;
  gan_quartiles step = gan_quartiles_of(b->step, repeat);
  const char *optimizer = b->task->learners[0].optimizer->type->title;
  double update = gan_median(b->update, repeat), weights = part_weights(b), bytes = weight_bytes(b);
  double images = (double)(config->train.batch * b->task->batches_a_step) / step.median;
  report_row(report, "whole step", step, all);
  gan_log("step, median          %9.3f ms   (quartiles %.3f to %.3f), %.0f images/s",
          1e3 * step.median, 1e3 * step.low, 1e3 * step.high, images);
  gan_log("its matrix products   %9.3f ms   %d calls, %.3f GFLOP at %.1f GFLOP/s",
          1e3 * all.products, all.calls, 1e-9 * all.flops, 1e-9 * all.flops / all.products);
  gan_log("its %-4s passes       %9.3f ms   %.0f weights, %.0f bytes each, %.1f GB/s", optimizer,
          1e3 * update, weights, bytes, 1e-9 * bytes * weights / update);
  gan_log("memory                %9.1f GB/s (a += s b over %.0f MB, as much as a step touches)",
          1e-9 * b->memory.bytes_per_s, 1e-6 * b->memory.over);
  gan_log("step / (products + %s)  %.3f", optimizer, step.median / (all.products + update));
  gan_log("step / floor              %.3f   %.1f GFLOP/s of %.1f", step.median / all.floor,
          1e-9 * all.flops / step.median, 1e-9 * all.flops / all.floor);
  gan_json *head = &report->head;
  gan_json_real(head, "images_per_s", images);
  gan_json_text(head, "optimizer", optimizer); /* the keys below are older than the second one */
  gan_json_real(head, "adam_seconds", update);
  gan_json_real(head, "memory_bytes_per_s", b->memory.bytes_per_s);
  gan_json_real(head, "step_over_products_and_adam", step.median / (all.products + update));
  gan_json_real(head, "step_over_floor", step.median / all.floor);
}

static gan_status measure_and_report(step_bench *b) {
  gan_bench_report report;
  int nodes;
  GAN_TRY(gan_trial_open(&b->trial, b->bench, b->bench->comm));
  b->task = b->trial.session.task;
  for (int i = 0; i < WARM; i++) GAN_TRY(gan_trial_step(&b->trial));
  GAN_TRY(gan_products_record(b->task, &b->products));
  GAN_TRY(reserve(b));
  GAN_TRY(gan_bench_nodes(b->bench->comm, &nodes));
  GAN_TRY(gan_bench_bandwidth(b->task, &b->memory));
  GAN_TRY(measure(b));
  gan_bench_report_begin(&report, "step");
  gan_trial_describe(&b->trial, b->bench, nodes, &report);
  report_whole(b, report_phases(b, &report), &report);
  return gan_bench_report_end(&report, b->bench->comm, b->bench->json);
}

gan_status gan_bench_step(const gan_bench *bench) {
  step_bench b = {.bench = bench};
  gan_status status = measure_and_report(&b);
  gan_products_reset(&b.products);
  gan_free(&b.times);
  gan_trial_reset(&b.trial);
  return status;
}

/* The same config on 1, 2, 4 ... ranks of this job, up to all of them.
 *
 *   weak    each rank has the config's batch
 *   strong  all together have it
 *
 * Their efficiency is told against one rank alone, and against as many ranks that each train for
 * themselves at the same time: cores share memory and power, so what is lost to that is not lost to
 * communication.  All four take turns, a block of steps each; ranks that are not in one rest.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/plot.h"
#include "bench/timing.h"
#include "bench/trial.h"

#include <math.h>
#include <stdio.h>

enum { ALONE, INDEPENDENT, WEAK, STRONG, KINDS, BLOCK_MAX = 1000 };

/* Long against what a rank may be late from its rest. */
static const double block_seconds = 0.05;

typedef struct {
  gan_trial one, weak, strong;
  gan_comm *group;
  int block;         /* steps */
  double *mine;      /* (KINDS, repeat) seconds a step of this rank */
  double *all;       /* (ranks, KINDS, repeat) */
  double *ratios;    /* (repeat) */
  double sums_share; /* part of the weak steps' time that rank 0 spent in sums */
  bool no_strong;    /* the batch cannot be cut for so many */
} round_bench;

typedef struct {
  const gan_bench *bench;
  int64_t batch, shards; /* of the config on one rank */
  bool default_shards;
  int64_t threads;
  gan_bench_report report;
  gan_plot plot;
} scaling;

/* ---- the trials of a round ---- */

/* A batch on so many ranks, in shards that they can own. */
static void set_batch(const scaling *s, gan_trial *trial, int64_t batch_per_rank, int ranks) {
  gan_trial_set(trial, "compute.threads=%lld", (long long)s->threads);
  gan_trial_set(trial, "train.batch_per_rank=%lld", (long long)batch_per_rank);
  if (s->default_shards)
    gan_trial_set(trial, "data.shards=null");
  else
    gan_trial_set(trial, "data.shards=%lld", (long long)(s->shards * ranks));
}

/* The config's own batch, in at least as many shards as there are ranks. */
static gan_status open_strong(scaling *s, round_bench *r, int ranks) {
  int64_t shards = s->shards;
  if (shards < ranks) shards = gan_config_shards_from(s->batch, ranks);
  r->no_strong = shards == 0;
  if (r->no_strong) return GAN_OK;
  gan_trial_set(&r->strong, "compute.threads=%lld", (long long)s->threads);
  gan_trial_set(&r->strong, "train.batch=%lld", (long long)s->batch);
  gan_trial_set(&r->strong, "train.batch_per_rank=null");
  gan_trial_set(&r->strong, "data.shards=%lld", (long long)shards);
  return gan_trial_open(&r->strong, s->bench, r->group);
}

static gan_status open_round(scaling *s, round_bench *r) {
  int ranks = gan_comm_size(r->group);
  set_batch(s, &r->one, s->batch, 1);
  set_batch(s, &r->weak, s->batch, ranks);
  gan_status status = gan_trial_open(&r->one, s->bench, gan_comm_alone());
  GAN_TRY(gan_comm_agree(r->group, status, "agreeing whether all could build a model alone"));
  GAN_TRY(gan_trial_open(&r->weak, s->bench, r->group));
  GAN_TRY(open_strong(s, r, ranks));
  size_t times = KINDS * (size_t)s->bench->repeat;
  GAN_TRY(gan_bench_doubles(r->group, times, &r->mine));
  GAN_TRY(gan_bench_doubles(r->group, (size_t)s->bench->repeat, &r->ratios));
  return gan_bench_doubles(r->group, times * (size_t)ranks, &r->all);
}

/* ---- measuring ---- */

static gan_trial *trial_of(round_bench *r, int kind) {
  if (kind == STRONG) return r->no_strong ? NULL : &r->strong;
  if (kind == WEAK) return &r->weak;
  return kind == INDEPENDENT || gan_comm_rank(r->group) == 0 ? &r->one : NULL;
}

/* Seconds a step; NaN where this rank has no part in it. */
static gan_status take_block(round_bench *r, int kind, double *seconds) {
  gan_trial *trial = trial_of(r, kind);
  *seconds = (double)NAN;
  GAN_TRY(gan_comm_rest(r->group, "the start of a measurement"));
  if (!trial) return GAN_OK;
  double start = gan_clock(), sums = gan_comm_seconds(trial->session.comm);
  gan_status status = GAN_OK;
  for (int i = 0; status == GAN_OK && i < r->block; i++) status = gan_trial_step(trial);
  *seconds = (gan_clock() - start) / r->block;
  sums = (gan_comm_seconds(trial->session.comm) - sums) / r->block;
  if (kind == WEAK) r->sums_share = sums / *seconds;
  return status;
}

/* A failure that one rank alone may meet is agreed on before any goes on. */
static gan_status take_turns(round_bench *r, int repeat, int at) {
  for (int kind = 0; kind < KINDS; kind++) {
    double seconds;
    gan_status status = take_block(r, kind, &seconds);
    GAN_TRY(gan_comm_agree(r->group, status, "agreeing whether all took their steps"));
    if (at >= 0) r->mine[kind * repeat + at] = seconds;
  }
  return GAN_OK;
}

static gan_status choose_block(round_bench *r) {
  double start = gan_clock();
  GAN_TRY(gan_trial_step(&r->weak));
  r->block = (int)fmin(BLOCK_MAX, block_seconds / (gan_clock() - start)) + 1;
  return gan_comm_broadcast(r->group, &r->block, sizeof r->block, "the length of a block");
}

static gan_status measure(round_bench *r, int repeat) {
  r->block = 2;
  GAN_TRY(take_turns(r, repeat, -1));
  GAN_TRY(choose_block(r));
  for (int i = 0; i < repeat; i++) {
    GAN_TRY(take_turns(r, repeat, i));
    r->ratios[i] = r->sums_share;
  }
  r->sums_share = gan_median(r->ratios, repeat);
  return gan_comm_gather(r->group, r->mine, KINDS * (size_t)repeat * sizeof *r->mine, r->all,
                         "the times of a round");
}

/* ---- what was found ---- */

static const gan_column columns[] = {
    {"mode", "scaling", -7, 0, 0},
    {"ranks", "ranks", 5, 0, 1},
    {"batch", "batch", 7, 0, 1},
    {"seconds", "step ms", 9, 3, 1e3},
    {"seconds_low", "low", 9, 3, 1e3},
    {"seconds_high", "high", 9, 3, 1e3},
    {"images_per_s", "images/s", 9, 0, 1},
    {"efficiency_alone", "of one rank alone", 17, 3, 1},
    {"efficiency_independent", "of independent ranks", 20, 3, 1},
    {"sums_share", "% in sums", 9, 1, 100},
};

static double time_of(const round_bench *r, int repeat, int rank, int kind, int i) {
  return r->all[(rank * KINDS + kind) * repeat + i];
}

/* The slowest rank's time of repeat i. */
static double slowest(const round_bench *r, int repeat, int kind, int i) {
  double most = 0;
  for (int rank = 0; rank < gan_comm_size(r->group); rank++)
    most = fmax(most, time_of(r, repeat, rank, kind, i));
  return most;
}

/* Steps a second of all ranks that train for themselves, in repeat i. */
static double independent_rate(const round_bench *r, int repeat, int i) {
  double rate = 0;
  for (int rank = 0; rank < gan_comm_size(r->group); rank++)
    rate += 1 / time_of(r, repeat, rank, INDEPENDENT, i);
  return rate;
}

/* One-rank batches that a step takes: weak n, strong 1.  Efficiency is their rate against that of
 * one rank n times, or of n independent ones: of each repeat, so that both met the same machine. */
static void report_kind(scaling *s, round_bench *r, int kind) {
  int ranks = gan_comm_size(r->group), repeat = s->bench->repeat;
  double batches = kind == WEAK ? ranks : 1;
  for (int i = 0; i < repeat; i++)
    r->ratios[i] = batches / slowest(r, repeat, kind, i) * time_of(r, repeat, 0, ALONE, i) / ranks;
  double alone = gan_median(r->ratios, repeat);
  for (int i = 0; i < repeat; i++)
    r->ratios[i] = batches / slowest(r, repeat, kind, i) / independent_rate(r, repeat, i);
  double independent = gan_median(r->ratios, repeat);
  for (int i = 0; i < repeat; i++) r->ratios[i] = slowest(r, repeat, kind, i);
  gan_quartiles time = gan_quartiles_of(r->ratios, repeat);
  double batch = batches * (double)s->batch;
  gan_bench_report_row(&s->report, (gan_cell[]){
                                       GAN_TEXT(kind == WEAK ? "weak" : "strong"),
                                       GAN_NUMBER(ranks),
                                       GAN_NUMBER(batch),
                                       GAN_NUMBER(time.median),
                                       GAN_NUMBER(time.low),
                                       GAN_NUMBER(time.high),
                                       GAN_NUMBER(batch / time.median),
                                       GAN_NUMBER(alone),
                                       GAN_NUMBER(independent),
                                       GAN_NUMBER(kind == WEAK ? r->sums_share : (double)NAN),
                                   });
  gan_series_add(&s->plot.series[kind == WEAK ? 0 : 2], ranks, alone);
  gan_series_add(&s->plot.series[kind == WEAK ? 1 : 3], ranks, independent);
}

/* ---- rounds ---- */

static gan_status round_inside(scaling *s, round_bench *r) {
  GAN_TRY(open_round(s, r));
  GAN_TRY(measure(r, s->bench->repeat));
  report_kind(s, r, WEAK);
  if (!r->no_strong) report_kind(s, r, STRONG);
  return GAN_OK;
}

/* The first `ranks` ranks measure, the others rest. */
static gan_status take_round(scaling *s, int ranks) {
  gan_comm *comm = s->bench->comm;
  bool inside = gan_comm_rank(comm) < ranks;
  round_bench *r = gan_alloc(1, sizeof *r, "a round");
  GAN_TRY(gan_comm_agree(comm, r ? GAN_OK : GAN_NO_MEMORY, "agreeing whether all have room"));
  gan_status status = gan_comm_split(comm, !inside, &r->group);
  if (status == GAN_OK && inside) status = round_inside(s, r);
  gan_trial_reset(&r->one);
  gan_trial_reset(&r->weak);
  gan_trial_reset(&r->strong);
  gan_free(&r->mine);
  gan_free(&r->all);
  gan_free(&r->ratios);
  gan_comm_destroy(&r->group);
  gan_free(&r);
  GAN_TRY(gan_comm_rest(comm, "the end of a round"));
  return gan_comm_agree(comm, status, "agreeing whether a round was measured");
}

static gan_status take_rounds(scaling *s) {
  int all = gan_comm_size(s->bench->comm);
  for (int ranks = 1;; ranks = 2 * ranks < all ? 2 * ranks : all) {
    GAN_TRY(take_round(s, ranks));
    if (ranks == all) return GAN_OK;
  }
}

/* What the config says on one rank, whatever the job has; and the head of the report. */
static gan_status begin(scaling *s) {
  int nodes;
  gan_trial first = {.setting_count = 0};
  gan_comm *comm = s->bench->comm;
  GAN_TRY(gan_bench_threads(s->bench, &s->threads));
  gan_trial_set(&first, "compute.threads=%lld", (long long)s->threads);
  gan_status status = gan_trial_read(&first, s->bench, gan_comm_alone());
  if (status == GAN_OK) status = gan_session_choose_compute(&first.session);
  status = gan_comm_agree(comm, status, "agreeing whether the config is valid");
  if (status == GAN_OK) status = gan_bench_nodes(comm, &nodes);
  if (status == GAN_OK) {
    const gan_config *config = &first.session.config;
    s->batch = config->train.batch;
    s->shards = config->data.shards;
    s->default_shards = config->resolved.default_shards;
    gan_trial_describe(&first, s->bench, nodes, &s->report);
  }
  gan_trial_reset(&first);
  return status;
}

static gan_status write_plot(const scaling *s) {
  const gan_bench *bench = s->bench;
  gan_status status = GAN_OK;
  if (bench->plot && gan_comm_rank(bench->comm) == 0)
    status = gan_plot_write(&s->plot, bench->plot);
  return gan_comm_agree(bench->comm, status, "agreeing whether the plot could be written");
}

gan_status gan_bench_scaling(const gan_bench *bench) {
  if (bench->predict) return gan_bench_predict(bench);
  scaling s = {.bench = bench,
               .plot = {.title = bench->config,
                        .x_title = "ranks",
                        .y_title = "efficiency",
                        .series = {{.name = "weak, of one rank alone"},
                                   {.name = "weak, of independent ranks"},
                                   {.name = "strong, of one rank alone"},
                                   {.name = "strong, of independent ranks"}},
                        .count = 4}};
  gan_bench_report_begin(&s.report, "scaling");
  gan_status status = begin(&s);
  if (status == GAN_OK) {
    gan_bench_report_table(&s.report, "rounds", columns, sizeof columns / sizeof *columns);
    status = take_rounds(&s);
  }
  if (status == GAN_OK) status = write_plot(&s);
  if (status == GAN_OK) return gan_bench_report_end(&s.report, bench->comm, bench->json);
  gan_bench_report_reset(&s.report);
  return status;
}

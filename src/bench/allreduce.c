/* Sums over the ranks of this job: time by size, the latency and bandwidth that fit them, and the
 * sums of the config's own step.  A time is that of the slowest rank. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/messages.h"
#include "bench/timing.h"
#include "bench/trial.h"
#include "comm/reducer.h"

#include <math.h>
#include <string.h>

/* The ways of gradients: see comm/reducer.h.  Ranks that share no memory have no window: both are
 * MPI's then. */
static const struct {
  const char *name;
  gan_comm_sum way;
} ways[] = {{"allreduce", GAN_COMM_SUM_ALLREDUCE}, {"window", GAN_COMM_SUM_AUTO}};

enum {
  WAYS = sizeof ways / sizeof *ways,
  SIZES_MAX = 64,
  LARGEST = 1 << 24, /* bytes, unless the config sends more */
  CALLS_MAX = 1000,
};

/* A sample's calls take at least so long, which the clock can tell. */
static const double sample_seconds = 1e-3;

typedef struct {
  size_t bytes;
  const char *what;          /* a sum of the step; NULL: a size of the ladder */
  int a_step;                /* how often in a step */
  gan_quartiles times[WAYS]; /* of one call */
} size_row;

typedef struct {
  const gan_bench *bench;
  gan_trial trial;
  gan_messages messages;
  size_row rows[SIZES_MAX];
  int count;
  gan_reducer *reducers[WAYS]; /* of the row that is measured */
  double *times;               /* (WAYS, repeat) of this rank */
  double *all;                 /* (ranks, WAYS, repeat) */
} sum_bench;

/* ---- sizes ---- */

static void add_row(sum_bench *b, size_t bytes, const char *what) {
  for (int i = 0; i < b->count; i++) {
    size_row *row = &b->rows[i];
    bool same = row->bytes == bytes && (what ? row->what && !strcmp(row->what, what) : !row->what);
    if (!same) continue;
    row->a_step++;
    return;
  }
  if (b->count == SIZES_MAX) return;
  b->rows[b->count++] = (size_row){.bytes = bytes, .what = what, .a_step = 1};
}

static void choose_sizes(sum_bench *b) {
  size_t most = LARGEST;
  for (int i = 0; i < b->messages.count; i++)
    if (b->messages.list[i].bytes > most) most = b->messages.list[i].bytes;
  for (size_t bytes = sizeof(float); bytes <= most; bytes *= 4) add_row(b, bytes, NULL);
  for (int i = 0; i < b->messages.count; i++)
    add_row(b, b->messages.list[i].bytes, b->messages.list[i].what);
}

/* ---- measuring ---- */

static gan_status sample(sum_bench *b, int way, int calls, double *time) {
  gan_comm *comm = b->bench->comm;
  GAN_TRY(gan_comm_barrier(comm, "the start of a measurement"));
  double start = gan_clock();
  for (int i = 0; i < calls; i++) GAN_TRY(gan_reducer_finish(b->reducers[way]));
  *time = (gan_clock() - start) / calls;
  return GAN_OK;
}

/* Calls that fill a sample's time: rank 0's count, for all. */
static gan_status calls_in_sample(sum_bench *b, int way, int *calls) {
  double time;
  for (int i = 0; i < 3; i++) GAN_TRY(sample(b, way, 1, &time));
  *calls = (int)fmin(CALLS_MAX, sample_seconds / fmax(time, 1e-8)) + 1;
  return gan_comm_broadcast(b->bench->comm, calls, sizeof *calls, "the count of calls");
}

/* Of each sample, the slowest rank's. */
static void take_slowest(sum_bench *b) {
  int ranks = gan_comm_size(b->bench->comm), n = WAYS * b->bench->repeat;
  for (int i = 0; i < n; i++)
    for (int r = 0; r < ranks; r++) b->times[i] = fmax(b->times[i], b->all[r * n + i]);
}

/* Zeros: they stay so. */
static gan_status open_reducers(sum_bench *b, const size_row *row) {
  static const int64_t begin = 0;
  for (int w = 0; w < WAYS; w++) {
    gan_reducer_spec spec = {.way = ways[w].way,
                             .what = "a measured sum",
                             .n = (int64_t)(row->bytes / sizeof(float)),
                             .buckets = 1,
                             .begins = &begin};
    GAN_TRY(gan_reducer_create(b->bench->comm, &spec, &b->reducers[w]));
  }
  return GAN_OK;
}

static void close_reducers(sum_bench *b) {
  for (int w = 0; w < WAYS; w++) gan_reducer_destroy(&b->reducers[w]);
}

static gan_status measure_row(sum_bench *b, size_row *row) {
  int repeat = b->bench->repeat, calls[WAYS];
  GAN_TRY(open_reducers(b, row));
  for (int w = 0; w < WAYS; w++) GAN_TRY(calls_in_sample(b, w, &calls[w]));
  for (int i = 0; i < repeat; i++)
    for (int w = 0; w < WAYS; w++) GAN_TRY(sample(b, w, calls[w], &b->times[w * repeat + i]));
  close_reducers(b);
  GAN_TRY(gan_comm_gather(b->bench->comm, b->times, WAYS * (size_t)repeat * sizeof *b->times,
                          b->all, "the times of a sum"));
  take_slowest(b);
  for (int w = 0; w < WAYS; w++) row->times[w] = gan_quartiles_of(b->times + w * repeat, repeat);
  return GAN_OK;
}

static gan_status reserve(sum_bench *b) {
  gan_comm *comm = b->bench->comm;
  size_t times = WAYS * (size_t)b->bench->repeat;
  GAN_TRY(gan_bench_doubles(comm, times, &b->times));
  GAN_TRY(gan_bench_doubles(comm, times * (size_t)gan_comm_size(comm), &b->all));
  return GAN_OK;
}

/* ---- what was found ---- */

static const gan_column size_columns[] = {
    {"way", "way", -10, 0, 0},
    {"bytes", "bytes", 10, 0, 1},
    {"seconds", "us", 10, 2, 1e6},
    {"seconds_low", "low", 10, 2, 1e6},
    {"seconds_high", "high", 10, 2, 1e6},
    {"bytes_per_s", "GB/s", 8, 3, 1e-9},
    {"wire_bytes_per_s", "on the wire", 11, 3, 1e-9},
};

/* A rank sends and receives at least 2 (p - 1) / p times the bytes (Patarasuk and Yuan 2009). */
static double wire_share(int ranks) {
  return 2.0 * (ranks - 1) / ranks;
}

static void report_sizes(const sum_bench *b, gan_bench_report *report) {
  int ranks = gan_comm_size(b->bench->comm);
  gan_bench_report_table(report, "sizes", size_columns, sizeof size_columns / sizeof *size_columns);
  for (int w = 0; w < WAYS; w++)
    for (int i = 0; i < b->count; i++) {
      const size_row *row = &b->rows[i];
      double rate = (double)row->bytes / row->times[w].median;
      if (row->what) continue;
      gan_bench_report_row(report, (gan_cell[]){
                                       GAN_TEXT(ways[w].name),
                                       GAN_NUMBER(row->bytes),
                                       GAN_NUMBER(row->times[w].median),
                                       GAN_NUMBER(row->times[w].low),
                                       GAN_NUMBER(row->times[w].high),
                                       GAN_NUMBER(rate),
                                       GAN_NUMBER(wire_share(ranks) * rate),
                                   });
    }
}

static const gan_column step_columns[] = {
    {"way", "way", -10, 0, 0},
    {"bytes", "bytes", 10, 0, 1},
    {"calls", "calls a step", 12, 0, 1},
    {"seconds", "us", 10, 2, 1e6},
    {"step_seconds", "us a step", 10, 2, 1e6},
    {"what", "what", -1, 0, 0},
};

static void report_step(const sum_bench *b, gan_bench_report *report) {
  gan_bench_report_table(report, "step", step_columns, sizeof step_columns / sizeof *step_columns);
  for (int w = 0; w < WAYS; w++)
    for (int i = 0; i < b->count; i++) {
      const size_row *row = &b->rows[i];
      if (!row->what) continue;
      gan_bench_report_row(report, (gan_cell[]){
                                       GAN_TEXT(ways[w].name),
                                       GAN_NUMBER(row->bytes),
                                       GAN_NUMBER(row->a_step),
                                       GAN_NUMBER(row->times[w].median),
                                       GAN_NUMBER(row->a_step * row->times[w].median),
                                       GAN_TEXT(row->what),
                                   });
    }
}

static const gan_column fit_columns[] = {
    {"way", "way", -10, 0, 0},
    {"latency", "latency us", 10, 2, 1e6},
    {"bandwidth", "bandwidth GB/s", 14, 3, 1e-9},
    {"error", "largest error %", 15, 0, 100},
};

/* time = latency + bytes / bandwidth, over the ladder of sizes. */
static void report_fit(const sum_bench *b, int way, gan_bench_report *report) {
  double x[SIZES_MAX], y[SIZES_MAX], error = 0;
  int n = 0;
  for (int i = 0; i < b->count; i++) {
    if (b->rows[i].what) continue;
    x[n] = (double)b->rows[i].bytes;
    y[n++] = b->rows[i].times[way].median;
  }
  gan_line line = gan_line_through(x, y, n);
  for (int i = 0; i < n; i++)
    error = fmax(error, fabs((line.start + line.slope * x[i]) / y[i] - 1));
  gan_bench_report_row(report, (gan_cell[]){
                                   GAN_TEXT(ways[way].name),
                                   GAN_NUMBER(line.start),
                                   GAN_NUMBER(1 / line.slope),
                                   GAN_NUMBER(error),
                               });
}

static gan_status measure_and_report(sum_bench *b) {
  gan_bench_report report;
  int nodes;
  gan_comm *comm = b->bench->comm;
  if (gan_comm_size(comm) == 1)
    return gan_fail(GAN_USAGE, "bench allreduce: one rank has nothing to sum with; start it with "
                               "`mpirun -n 2 mpigan bench allreduce ...` or more ranks");
  GAN_TRY(gan_trial_open(&b->trial, b->bench, comm));
  GAN_TRY(gan_messages_record(b->trial.session.task, &b->messages));
  GAN_TRY(gan_bench_nodes(comm, &nodes));
  choose_sizes(b);
  GAN_TRY(reserve(b));
  for (int i = 0; i < b->count; i++) GAN_TRY(measure_row(b, &b->rows[i]));
  gan_bench_report_begin(&report, "allreduce");
  gan_trial_describe(&b->trial, b->bench, nodes, &report);
  report_sizes(b, &report);
  report_step(b, &report);
  gan_bench_report_table(&report, "fits", fit_columns, sizeof fit_columns / sizeof *fit_columns);
  for (int w = 0; w < WAYS; w++) report_fit(b, w, &report);
  return gan_bench_report_end(&report, comm, b->bench->json);
}

gan_status gan_bench_allreduce(const gan_bench *bench) {
  sum_bench b = {.bench = bench};
  gan_status status = measure_and_report(&b);
  gan_messages_reset(&b.messages);
  close_reducers(&b);
  gan_free(&b.times);
  gan_free(&b.all);
  gan_trial_reset(&b.trial);
  return status;
}

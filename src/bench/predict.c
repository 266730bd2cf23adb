/* A training step on a machine that is not here (model.h), from what can be measured here: the
 * computing of one rank at three batches, and what a step sends.  All ranks of this job compute at
 * the same time, each for itself: start as many as will share a node there. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/memory.h"
#include "bench/messages.h"
#include "bench/network.h"
#include "bench/plot.h"
#include "bench/timing.h"
#include "bench/trial.h"

#include <math.h>
#include <stdio.h>

enum { BATCHES = 3, WARM = 2 };

typedef struct {
  const gan_bench *bench;
  gan_trial trials[BATCHES]; /* half the config's batch, all of it, twice */
  double samples[BATCHES];
  double *times;           /* (BATCHES, repeat) */
  double seconds[BATCHES]; /* the slowest rank's median */
  gan_messages messages;
  gan_sum *sums; /* (messages.count) */
  gan_step_model model;
  gan_bandwidth memory;
  gan_machine machine;
  gan_bench_report report;
  gan_plot plot;
} prediction;

/* ---- measuring ---- */

static gan_status open_trials(prediction *p) {
  gan_trial first = {.setting_count = 0};
  int64_t threads;
  GAN_TRY(gan_bench_threads(p->bench, &threads));
  gan_status status = gan_trial_read(&first, p->bench, gan_comm_alone());
  double batch = (double)first.session.config.train.batch;
  bool default_shards = first.session.config.resolved.default_shards;
  gan_trial_reset(&first);
  GAN_TRY(status);
  for (int i = 0; i < BATCHES; i++) {
    p->samples[i] = fmax(1, floor(ldexp(batch, i - 1)));
    gan_trial_set(&p->trials[i], "train.batch_per_rank=%.0f", p->samples[i]);
    gan_trial_set(&p->trials[i], "compute.threads=%lld", (long long)threads);
    if (default_shards) gan_trial_set(&p->trials[i], "data.shards=null");
    GAN_TRY(gan_trial_open(&p->trials[i], p->bench, gan_comm_alone()));
  }
  return GAN_OK;
}

static gan_status measure_alone(prediction *p) {
  gan_rival rivals[BATCHES];
  int repeat = p->bench->repeat;
  for (int i = 0; i < BATCHES; i++)
    rivals[i] = (gan_rival){
        .run = gan_trial_step, .context = &p->trials[i], .times = p->times + i * repeat};
  GAN_TRY(gan_rivals_run(rivals, BATCHES, WARM, repeat));
  for (int i = 0; i < BATCHES; i++) p->seconds[i] = gan_median(rivals[i].times, repeat);
  gan_task *task = p->trials[1].session.task;
  GAN_TRY(gan_bench_bandwidth(task, &p->memory));
  return gan_messages_record(task, &p->messages);
}

/* A step is as long as that of the slowest rank. */
static gan_status share_slowest(prediction *p) {
  gan_comm *comm = p->bench->comm;
  int ranks = gan_comm_size(comm);
  double *all;
  GAN_TRY(gan_bench_doubles(comm, (size_t)(ranks * BATCHES), &all));
  gan_status status =
      gan_comm_gather(comm, p->seconds, sizeof p->seconds, all, "the times of all ranks");
  for (int i = 0; i < ranks * BATCHES; i++)
    p->seconds[i % BATCHES] = fmax(p->seconds[i % BATCHES], all[i]);
  gan_free(&all);
  return status;
}

static gan_status make_model(prediction *p) {
  p->sums = gan_alloc((size_t)p->messages.count, sizeof *p->sums, "sums of a step");
  GAN_TRY(gan_comm_agree(p->bench->comm, p->sums ? GAN_OK : GAN_NO_MEMORY,
                         "agreeing whether all have room for a step's sums"));
  for (int i = 0; i < p->messages.count; i++)
    p->sums[i] = (gan_sum){(double)p->messages.list[i].bytes, p->messages.list[i].gradients};
  gan_line line = gan_line_through(p->samples, p->seconds, BATCHES);
  p->model = (gan_step_model){fmax(0, line.start), line.slope, p->sums, p->messages.count};
  return GAN_OK;
}

/* ---- what was found ---- */

static const gan_column measured_columns[] = {
    {"samples", "batch a rank", 12, 0, 1},
    {"seconds", "measured ms", 11, 3, 1e3},
    {"line_seconds", "by the line ms", 14, 3, 1e3},
};

static void report_measured(prediction *p) {
  gan_bench_report_table(&p->report, "measured", measured_columns,
                         sizeof measured_columns / sizeof *measured_columns);
  for (int i = 0; i < BATCHES; i++)
    gan_bench_report_row(&p->report,
                         (gan_cell[]){
                             GAN_NUMBER(p->samples[i]),
                             GAN_NUMBER(p->seconds[i]),
                             GAN_NUMBER(p->model.fixed + p->model.per_sample * p->samples[i]),
                         });
  gan_json *head = &p->report.head;
  gan_json_real(head, "fixed_seconds", p->model.fixed);
  gan_json_real(head, "seconds_a_sample", p->model.per_sample);
  gan_json_real(head, "batch_a_rank", p->samples[1]);
}

static const gan_column message_columns[] = {
    {"bytes", NULL, 0, 0, 0}, {"gradients", NULL, 0, 0, 0}, {"what", NULL, 0, 0, 0}};

/* In a step's order, for programs; people are told the sum. */
static void report_messages(prediction *p) {
  double gradients = 0, others = 0;
  int count = 0;
  gan_bench_report_table(&p->report, "messages", message_columns,
                         sizeof message_columns / sizeof *message_columns);
  for (int i = 0; i < p->messages.count; i++) {
    const gan_message *message = &p->messages.list[i];
    gan_bench_report_row(&p->report, (gan_cell[]){
                                         GAN_NUMBER(message->bytes),
                                         GAN_NUMBER(message->gradients),
                                         GAN_TEXT(message->what),
                                     });
    if (message->gradients)
      gradients += (double)message->bytes;
    else
      others += (double)message->bytes;
    count += message->gradients;
  }
  gan_log("a step sums %.3f MB of gradients in %d calls, and %.1f kB in %d others",
          1e-6 * gradients, count, 1e-3 * others, p->messages.count - count);
}

static void report_machine(prediction *p) {
  const gan_machine *m = &p->machine;
  const gan_network *n = &m->network;
  gan_log("network: latency %.3g us and %.4g GB/s between nodes of %lld rank%s; %.3g us and %.4g "
          "GB/s inside; sums add %.3g GB/s; overlap %g",
          1e6 * n->latency, 1e-9 * n->bandwidth, (long long)n->ranks_per_node,
          n->ranks_per_node == 1 ? "" : "s", 1e6 * n->node_latency, 1e-9 * n->node_bandwidth,
          1e-9 * n->adding, m->overlap);
  gan_json *head = &p->report.head;
  gan_json_real(head, "latency", n->latency);
  gan_json_real(head, "bandwidth", n->bandwidth);
  gan_json_real(head, "node_latency", n->node_latency);
  gan_json_real(head, "node_bandwidth", n->node_bandwidth);
  gan_json_real(head, "adding", n->adding);
  gan_json_int(head, "ranks_per_node", n->ranks_per_node);
  gan_json_real(head, "overlap", m->overlap);
}

static const gan_column columns[] = {
    {"nodes", "nodes", 7, 0, 1},
    {"ranks", "ranks", 7, 0, 1},
    {"batch", "batch", 9, 0, 1},
    {"algorithm", "gradients by", -18, 0, 0},
    {"sums_seconds", "sums ms", 9, 3, 1e3},
    {"exposed_seconds", "exposed ms", 10, 3, 1e3},
    {"seconds", "step ms", 9, 3, 1e3},
    {"images_per_s", "images/s", 11, 0, 1},
    {"efficiency", "efficiency", 10, 3, 1},
    {"hides_from", "hides from", 10, 0, 1},
    {"efficient_from", "0.9 from", 8, 0, 1},
};

static void predict_one(prediction *p, int64_t nodes) {
  int64_t ranks = nodes * p->machine.network.ranks_per_node;
  gan_prediction made =
      gan_predict_step(&p->model, &p->machine.network, ranks, p->samples[1], p->machine.overlap);
  double batch = (double)ranks * p->samples[1], largest = 0;
  for (int i = 0; i < p->model.sum_count; i++) largest = fmax(largest, p->sums[i].bytes);
  bool alone = ranks == 1;
  gan_bench_report_row(
      &p->report,
      (gan_cell[]){
          GAN_NUMBER(nodes),
          GAN_NUMBER(ranks),
          GAN_NUMBER(batch),
          GAN_TEXT(alone ? "" : gan_allreduce_name(gan_allreduce_choose(ranks, largest))),
          GAN_NUMBER(made.sums),
          GAN_NUMBER(made.exposed),
          GAN_NUMBER(made.step),
          GAN_NUMBER(batch * (double)p->trials[1].session.task->batches_a_step / made.step),
          GAN_NUMBER(made.efficiency),
          GAN_NUMBER(alone ? (double)NAN : ceil(made.hides)),
          GAN_NUMBER(alone ? (double)NAN : ceil(made.efficient)),
      });
  gan_series_add(&p->plot.series[0], (double)nodes, made.efficiency);
}

static void report_predictions(prediction *p) {
  gan_bench_report_table(&p->report, "predictions", columns, sizeof columns / sizeof *columns);
  for (int64_t nodes = 1; nodes < p->machine.nodes; nodes *= 2) predict_one(p, nodes);
  predict_one(p, p->machine.nodes);
  gan_log("hides from: the batch a rank at which computing takes as long as the gradients' sums; "
          "0.9 from: at which the efficiency is 0.9");
}

static gan_status write_plot(const prediction *p) {
  const gan_bench *bench = p->bench;
  gan_status status = GAN_OK;
  if (bench->plot && gan_comm_rank(bench->comm) == 0)
    status = gan_plot_write(&p->plot, bench->plot);
  return gan_comm_agree(bench->comm, status, "agreeing whether the plot could be written");
}

static gan_status measure_and_report(prediction *p) {
  const gan_bench *bench = p->bench;
  gan_comm *comm = bench->comm;
  int nodes;
  GAN_TRY(gan_machine_parse(bench->network, bench->network_count, INFINITY, &p->machine));
  GAN_TRY(gan_comm_agree(comm, open_trials(p), "agreeing whether all could build a model"));
  GAN_TRY(gan_bench_doubles(comm, (size_t)(BATCHES * bench->repeat), &p->times));
  GAN_TRY(gan_comm_agree(comm, measure_alone(p), "agreeing whether all have measured"));
  GAN_TRY(share_slowest(p));
  GAN_TRY(make_model(p));
  /* Two numbers are read and one is written for each that is added. */
  GAN_TRY(gan_machine_parse(bench->network, bench->network_count, p->memory.bytes_per_s / 3,
                            &p->machine));
  GAN_TRY(gan_bench_nodes(comm, &nodes));
  gan_bench_report_begin(&p->report, "predict");
  gan_trial_describe(&p->trials[1], bench, nodes, &p->report);
  report_measured(p);
  report_messages(p);
  report_machine(p);
  report_predictions(p);
  GAN_TRY(write_plot(p));
  return gan_bench_report_end(&p->report, comm, bench->json);
}

gan_status gan_bench_predict(const gan_bench *bench) {
  prediction *p = gan_alloc(1, sizeof *p, "a prediction");
  GAN_TRY(
      gan_comm_agree(bench->comm, p ? GAN_OK : GAN_NO_MEMORY, "agreeing whether all have room"));
  p->bench = bench;
  p->plot = (gan_plot){.title = bench->config,
                       .x_title = "nodes",
                       .y_title = "predicted efficiency",
                       .series = {{.name = "weak scaling"}},
                       .count = 1};
  gan_status status = measure_and_report(p);
  for (int i = 0; i < BATCHES; i++) gan_trial_reset(&p->trials[i]);
  gan_messages_reset(&p->messages);
  gan_bench_report_reset(&p->report);
  gan_free(&p->sums);
  gan_free(&p->times);
  gan_free(&p);
  return status;
}

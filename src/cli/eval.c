/* mpigan eval: how good samples are, by the metrics of src/eval. */
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "config/config.h"
#include "io/file.h"
#include "output/lines.h"
#include "train/eval_record.h"
#include "train/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                      \
  "CHECKPOINT|RUN_DIR|SAMPLES.h5 [--data PATH] [--test PATH] [--features CLASSIFIER|RUN_DIR] "     \
  "[--metrics NAME,...] [--count N] [--seed S] [--weights ema|raw] [--truncation T] "              \
  "[--neighbours K] "                                                                              \
  "[--mixture ring:M:R:S|grid:K:D:S] [--buffer-mb MB] [--json FILE] [--pairs F.png] "              \
  "[--physics F.png]"

/* Files that are written beside the run's own; NULL: not wanted. */
typedef struct {
  const char *json, *physics;
} files;

/* The run folder whose checkpoint that is: it holds checkpoints/ and records.  False for one that
 * lies elsewhere. */
static bool run_folder_of(const char *checkpoint, char *out, size_t size) {
  char records[4200];
  const char *name = strrchr(checkpoint, '/');
  size_t folder = name ? (size_t)(name - checkpoint) : 0;
  static const char INSIDE[] = "checkpoints";
  size_t inside = sizeof INSIDE - 1;
  if (folder < inside || strncmp(checkpoint + folder - inside, INSIDE, inside) != 0) return false;
  if (folder == inside)
    snprintf(out, size, ".");
  else if (checkpoint[folder - inside - 1] == '/' && folder - inside - 1 < size)
    snprintf(out, size, "%.*s", (int)(folder - inside - 1), checkpoint);
  else
    return false;
  snprintf(records, sizeof records, "%s/run.jsonl", out);
  return gan_file_exists(records);
}

static gan_status append_to_run(gan_json *line, const gan_evaluation *made) {
  char folder[4096], *path;
  gan_lines *lines = NULL;
  if (made->step < 0 || !run_folder_of(made->samples_path, folder, sizeof folder)) return GAN_OK;
  path = gan_format("%s/eval.jsonl", folder);
  if (!path) return GAN_NO_MEMORY;
  gan_status status = gan_lines_open(path, &lines);
  if (status == GAN_OK) status = gan_lines_append(lines, line);
  if (status == GAN_OK) gan_log("appended to %s", path);
  gan_lines_close(&lines);
  gan_free(&path);
  return status;
}

/* The statistics behind the figures of the line, which is closed: what is too long for a line. */
static gan_status write_with_physics(const char *path, const gan_json *line,
                                     const gan_physics_report *report) {
  char *statistics, *text;
  size_t open = line->used - strlen("}\n");
  GAN_TRY(gan_physics_report_json(report, &statistics));
  text = gan_format("%.*s, \"physics\": %s}\n", (int)open, line->text, statistics);
  gan_free(&statistics);
  if (!text) return GAN_NO_MEMORY;
  gan_status status = gan_file_replace(path, text, strlen(text), NULL, 0);
  gan_free(&text);
  return status;
}

static gan_status write_json(const char *path, gan_json *line, const gan_physics_report *report) {
  const char *text = gan_json_end(line);
  if (report && report->size)
    GAN_TRY(write_with_physics(path, line, report));
  else
    GAN_TRY(gan_file_replace(path, text, line->used, NULL, 0));
  gan_log("as JSON: %s", path);
  return GAN_OK;
}

static gan_status draw_physics(const char *path, const gan_physics_report *report) {
  if (!report->size) return GAN_OK;
  GAN_TRY(gan_physics_report_draw(report, path));
  gan_log("statistics of the images, beside the data's: %s", path);
  return GAN_OK;
}

static gan_status write_down(const gan_evaluation_request *request, int ranks, const files *to,
                             const gan_evaluation *made) {
  gan_json *line;
  GAN_TRY_ALLOC(line, 1, "a line of JSON");
  gan_evaluation_fill(line, request, "eval", ranks, made);
  gan_status status = to->json ? write_json(to->json, line, request->physics) : GAN_OK;
  if (status == GAN_OK && to->physics) status = draw_physics(to->physics, request->physics);
  if (status == GAN_OK) status = append_to_run(line, made);
  gan_free(&line);
  return status;
}

/* ---- the command ---- */

/* The row of the option table that says the same to a run that is evaluated while it trains. */
static const gan_option *option_of(const char *key) {
  return gan_options_find(gan_config_options(), key);
}

/* Before hours of work: whether there will be a place for what comes of it. */
static gan_status try_files(gan_comm *comm, const gan_evaluation_request *request,
                            const files *to) {
  const char *paths[] = {to->json, to->physics, request->pairs};
  gan_status status = GAN_OK;
  for (int i = 0; gan_comm_rank(comm) == 0 && status == GAN_OK && i < 3; i++)
    if (paths[i]) status = gan_file_try(paths[i]);
  return gan_comm_agree(comm, status, "agreeing whether the files can be written");
}

static gan_status tell(gan_comm *comm, const gan_evaluation_request *request, const files *to,
                       const gan_evaluation *made) {
  gan_status status = GAN_OK;
  gan_evaluation_print(request, made);
  if (request->physics) gan_physics_report_print(request->physics);
  if (gan_comm_rank(comm) == 0) status = write_down(request, gan_comm_size(comm), to, made);
  return gan_comm_agree(comm, status, "agreeing whether the figures were written");
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  const gan_option *count = option_of("eval.count"), *buffer = option_of("eval.buffer_mb");
  gan_evaluation_request request = {.count = strtoll(count->fallback, NULL, 10),
                                    .seed = 1,
                                    .neighbours = GAN_EVAL_NEIGHBOURS,
                                    .buffer_mb = strtod(buffer->fallback, NULL)};
  files to = {NULL, NULL};
  gan_physics_report report = {.size = 0};
  const char *weights = NULL;
  const gan_argument table[] = {
      {.what = "CHECKPOINT, RUN_DIR or SAMPLES.h5", .text = &request.samples, .required = true},
      {.name = "--data", .what = "PATH", .text = &request.data},
      {.name = "--test", .what = "PATH", .text = &request.held_out},
      {.name = "--features", .what = "CLASSIFIER", .text = &request.classifier},
      {.name = "--metrics", .what = "NAME,...", .text = &request.metrics},
      {.name = "--count", .what = "N", .integer = &request.count, .min = 10, .max = INT32_MAX},
      {.name = "--seed", .what = "S", .integer = &request.seed, .min = 0, .max = INT64_MAX},
      {.name = "--weights", .what = "ema or raw", .text = &weights},
      {.name = "--truncation", .what = "T", .positive = &request.truncation},
      {.name = "--neighbours", .what = "K", .integer = &request.neighbours, .min = 1, .max = 1000},
      {.name = "--mixture", .what = "ring:M:R:S or grid:K:D:S", .text = &request.mixture},
      {.name = "--buffer-mb", .what = "MB", .positive = &request.buffer_mb},
      {.name = "--json", .what = "FILE", .text = &to.json},
      {.name = "--pairs", .what = "F.png", .text = &request.pairs},
      {.name = "--physics", .what = "F.png", .text = &to.physics},
  };
  GAN_TRY(gan_arguments_parse("eval", USAGE, table, sizeof table / sizeof *table, argc, argv));
  if (request.buffer_mb > buffer->max)
    return gan_fail(GAN_USAGE, "--buffer-mb is %g; allowed is up to %g", request.buffer_mb,
                    buffer->max);
  GAN_TRY(gan_argument_weights("eval: --weights", weights, &request.weights));
  if (to.physics) request.physics = &report;
  GAN_TRY(try_files(comm, &request, &to));
  gan_evaluation *made;
  GAN_TRY_ALLOC(made, 1, "an evaluation");
  gan_status status = gan_evaluate(comm, &request, made);
  if (made->count) { /* whatever came behind them */
    gan_status told = tell(comm, &request, &to, made);
    if (status == GAN_OK) status = told;
  }
  gan_physics_report_destroy(&report);
  gan_free(&made);
  return status;
}

/* "coverage (more)", a line each, for eval.best. */
static void list_figures(void) {
  int count;
  const gan_metric_row *rows = gan_metric_rows(&count);
  gan_log("\nFigures that eval.best of a run's config can watch, and what is better:\n");
  for (int i = 0; i < count; i++)
    for (int k = 0; k < GAN_METRIC_FIGURES && rows[i].figures[k]; k++)
      if (rows[i].better[k] != '-')
        gan_log("  %-30s %s", rows[i].figures[k], rows[i].better[k] == '>' ? "more" : "less");
}

static void explain(void) {
  const char *name, *what;
  gan_log("\nMetrics, for --metrics; default: all that apply:\n");
  for (int i = 0; (name = gan_evaluate_metric(i, &what)); i++) gan_log("  %-14s %s", name, what);
  gan_log(
      "\nFeatures are the penultimate activations of the classifier that --features names, else "
      "the\ndata's first principal components. --test: rows that were not trained on. "
      "--buffer-mb: MiB a\nrank for blocks of distances. --physics: value histogram, power "
      "spectrum "
      "and moments as a\npicture, their numbers into the file of --json. The figures are the same "
      "on any number "
      "of ranks, to 1e-6.");
  list_figures();
}

const gan_command gan_command_eval = {
    .name = "eval",
    .usage = USAGE,
    .summary = "how good samples are: distances to the data, coverage, classes, memorisation; "
               "shared by the ranks",
    .mpi = GAN_MPI_ALWAYS,
    .run = run,
    .explain = explain,
};

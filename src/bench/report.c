#include "bench/report.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void append(gan_bench_report *report, const char *text, size_t n) {
  if (report->status != GAN_OK) return;
  if (report->used + n + 1 > report->room) {
    size_t room = 2 * (report->used + n + 1);
    char *larger = gan_alloc(room, 1, "a report");
    if (!larger) {
      report->status = GAN_NO_MEMORY;
      return;
    }
    if (report->used) memcpy(larger, report->tables, report->used);
    gan_free(&report->tables);
    report->tables = larger;
    report->room = room;
  }
  memcpy(report->tables + report->used, text, n);
  report->used += n;
}

static void append_text(gan_bench_report *report, const char *text) {
  append(report, text, strlen(text));
}

void gan_bench_report_begin(gan_bench_report *report, const char *measurement) {
  *report = (gan_bench_report){.status = GAN_OK};
  gan_json_begin(&report->head);
  gan_json_text(&report->head, "measurement", measurement);
}

static void end_table(gan_bench_report *report) {
  if (report->columns) append_text(report, "\n]");
  report->columns = NULL;
}

/* ---- the console ---- */

static void print_cell(char *line, size_t room, const gan_column *column, const char *text) {
  size_t used = strlen(line);
  snprintf(line + used, room - used, "%s%*s", used ? "  " : "", column->width, text);
}

static void print_row(const gan_bench_report *report, const gan_cell *cells) {
  char line[512] = "", text[64];
  for (int i = 0; i < report->column_count; i++) {
    const gan_column *column = &report->columns[i];
    const char *shown = cells ? cells[i].text : column->title;
    if (!column->title) continue;
    if (!shown && isfinite(cells[i].number))
      snprintf(text, sizeof text, "%.*f", column->digits, column->scale * cells[i].number);
    else
      snprintf(text, sizeof text, "%s", shown ? shown : "-");
    print_cell(line, sizeof line, column, text);
  }
  size_t end = strlen(line);
  while (end && line[end - 1] == ' ') line[--end] = '\0';
  if (end) gan_log("%s", line); /* else the table is for programs alone */
}

/* ---- both ---- */

void gan_bench_report_table(gan_bench_report *report, const char *key, const gan_column *columns,
                            int count) {
  char begin[128];
  end_table(report);
  report->columns = columns;
  report->column_count = count;
  report->rows = 0;
  snprintf(begin, sizeof begin, ", \"%s\": [", key);
  append_text(report, begin);
  print_row(report, NULL);
}

void gan_bench_report_row(gan_bench_report *report, const gan_cell *cells) {
  gan_json row;
  gan_json_begin(&row);
  for (int i = 0; i < report->column_count; i++) {
    if (cells[i].text)
      gan_json_text(&row, report->columns[i].key, cells[i].text);
    else
      gan_json_real(&row, report->columns[i].key, cells[i].number);
  }
  gan_json_end(&row);
  append_text(report, report->rows++ ? ",\n  " : "\n  ");
  append(report, row.text, row.used - 1); /* without its newline */
  print_row(report, cells);
}

gan_status gan_bench_report_end(gan_bench_report *report, gan_comm *comm, const char *path) {
  end_table(report);
  append_text(report, "}\n");
  gan_json_end(&report->head);
  gan_status status = report->status;
  if (status == GAN_OK && path && gan_comm_rank(comm) == 0)
    status = gan_file_replace(path, report->head.text, report->head.used - 2, report->tables,
                              report->used);
  gan_bench_report_reset(report);
  return gan_comm_agree(comm, status, "agreeing whether the measurement could be written");
}

void gan_bench_report_reset(gan_bench_report *report) {
  gan_free(&report->tables);
}

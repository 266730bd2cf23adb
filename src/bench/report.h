/* What a measurement found, for people and for programs: each table is printed as it grows, and the
 * same rows go into one JSON object, in SI units:
 *
 *   {"measurement": "step", "ranks": 2, ..., "phases": [{"phase": "data", "seconds": 1e-5}, ...]}
 *
 * Every rank may report; rank 0 alone prints (base/log.h) and writes. */
#ifndef GAN_BENCH_REPORT_H
#define GAN_BENCH_REPORT_H

#include "comm/comm.h"
#include "output/json.h"

typedef struct gan_bench_report {
  gan_json head;     /* for the caller's own fields, until the end */
  char *tables;      /* as JSON, without the braces around all */
  size_t used, room; /* of tables */
  gan_status status;
  const struct gan_column *columns;
  int column_count, rows;
} gan_bench_report;

typedef struct gan_column {
  const char *key;   /* in JSON */
  const char *title; /* on the console, with the unit; NULL: not shown there */
  int width;         /* negative: to the left, for texts */
  int digits;        /* behind the point */
  double scale;      /* from SI to the unit of the title */
} gan_column;

/* A number (NaN: none) or a text. */
typedef struct gan_cell {
  double number;
  const char *text;
} gan_cell;

#define GAN_TEXT(value)   ((gan_cell){.text = (value)})
#define GAN_NUMBER(value) ((gan_cell){.number = (double)(value)})

void gan_bench_report_begin(gan_bench_report *report, const char *measurement);

/* A table begins, which ends where the next one does; rows have a cell a column. */
void gan_bench_report_table(gan_bench_report *report, const char *key, const gan_column *columns,
                            int count);
void gan_bench_report_row(gan_bench_report *report, const gan_cell *cells);

/* Writes the JSON to `path` (NULL: nowhere), whole or not at all, and frees what the report holds.
 * Collective. */
GAN_CHECKED gan_status gan_bench_report_end(gan_bench_report *report, gan_comm *comm,
                                            const char *path);

/* Frees it where the measurement failed. */
void gan_bench_report_reset(gan_bench_report *report);

#endif

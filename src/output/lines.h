/* Files of lines: metrics.jsonl and run.jsonl, appended a whole line at a time, never torn. */
#ifndef GAN_OUTPUT_LINES_H
#define GAN_OUTPUT_LINES_H

#include "base/status.h"
#include "output/json.h"

#include <stdint.h>

typedef struct gan_lines gan_lines;

GAN_CHECKED gan_status gan_lines_open(const char *path, gan_lines **out);
void gan_lines_close(gan_lines **lines);

/* One line, in one write.  GAN_OUTPUT if it cannot; what was written of it is taken back. */
GAN_CHECKED gan_status gan_lines_append(gan_lines *lines, gan_json *line);

/* Waits until all lines are on the disk. */
GAN_CHECKED gan_status gan_lines_sync(gan_lines *lines);

/* Before opening: keeps only the whole lines whose "step" is at most `step` (all whole lines if
 * step is INT64_MAX), by replacing the file atomically.  No file is no error. */
GAN_CHECKED gan_status gan_lines_cut(const char *path, int64_t step);

/* How many lines hold this text; 0 if there is no file. */
GAN_CHECKED gan_status gan_lines_count(const char *path, const char *text, int64_t *count);

#endif

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
 * step is INT64_MAX), by replacing the file atomically.  Of void lines those of the first
 * `rollbacks` roll-backs are kept, whatever their step.  No file is no error. */
GAN_CHECKED gan_status gan_lines_cut(const char *path, int64_t step, int64_t rollbacks);

/* Marks the lines whose "step" is above `step` as void, by roll-back number `rollback`, which is
 * written into them; half a line is dropped.  Replaces the file atomically: who has it open opens
 * it again.  No file is no error. */
GAN_CHECKED gan_status gan_lines_void(const char *path, int64_t step, int64_t rollback);

/* The same two for files in which others write too: only lines that hold the text `ours` are cut or
 * marked. */
GAN_CHECKED gan_status gan_lines_cut_ours(const char *path, const char *ours, int64_t step,
                                          int64_t rollbacks);
GAN_CHECKED gan_status gan_lines_void_ours(const char *path, const char *ours, int64_t step,
                                           int64_t rollback);

/* How many lines hold this text; 0 if there is no file. */
GAN_CHECKED gan_status gan_lines_count(const char *path, const char *text, int64_t *count);

#endif

/* The log: what a person sees on the console, and the same with time stamps in the run's log.txt.
 *
 * Only rank 0 speaks; on other ranks every call is silent.  The progress line of a terminal is
 * redrawn in place, and lines that come between are printed above it.
 */
#ifndef GAN_BASE_LOG_H
#define GAN_BASE_LOG_H

#include <stdbool.h>

/* Called once by the program: whether this process speaks. */
void gan_log_start(bool speaks);

/* From now on lines go to the file `fd` too (-1: no longer).  The log does not own it. */
void gan_log_set_file(int fd);

/* One line (no newline) for the console and the log file. */
void gan_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same on standard error, behind "mpigan: ". */
void gan_log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The last line of a process, on standard error and in the log file, from any rank and any thread:
 * it waits for no other that prints. */
void gan_log_last(const char *text);

/* Whether the console is a terminal, where a progress line can be redrawn. */
bool gan_log_is_terminal(void);

/* Redraws the progress line of a terminal; the log file gets it where `keep`. */
void gan_log_progress(const char *text, bool keep);

#endif

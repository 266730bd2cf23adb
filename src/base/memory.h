/* Memory: every byte that mpigan's own code takes from the heap comes through here, zeroed, on a
 * 64-byte boundary, and counted, so that a test can show that a training step takes none.
 */
#ifndef GAN_BASE_MEMORY_H
#define GAN_BASE_MEMORY_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

/* count * size zeroed bytes, aligned to 64; NULL with a recorded message (naming `what`) if the
 * product overflows or memory is short.  Zero bytes give a valid pointer too. */
void *gan_alloc(size_t count, size_t size, const char *what);

/* Frees what gan_alloc gave and nulls the caller's pointer: gan_free(&p). */
void gan_free(void *pointer_address);

char *gan_strdup(const char *text);

/* printf into fresh memory; NULL if memory is short. */
char *gan_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on large blocks go back to the system when they are freed, so that what a process takes
 * is what it uses.  Once, at the start. */
void gan_memory_give_back(void);

/* How many allocations this process has made so far. */
uint64_t gan_alloc_count(void);

/* Our threads' bytes from gan_alloc that are not freed yet. */
size_t gan_alloc_bytes(void);

/* The physical memory of this machine, in bytes; 0: not known. */
size_t gan_memory_physical(void);

/* The physical memory that this process has now, in bytes, libraries included; 0: not known. */
size_t gan_memory_now(void);

/* The most physical memory that this process has had so far, in bytes, libraries included. */
size_t gan_memory_peak(void);

/* Allocates or passes the failure up. */
#define GAN_TRY_ALLOC(pointer, count, what)                                                        \
  do {                                                                                             \
    (pointer) = gan_alloc((size_t)(count), sizeof *(pointer), (what));                             \
    if (!(pointer)) return GAN_NO_MEMORY;                                                          \
  } while (0)

/* "12.3 MiB" into text (at least 16 bytes); returns text. */
char *gan_bytes_text(char text[16], double bytes);

#endif

#include "base/memory.h"

#include <features.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ALIGNMENT = 64 };

/* A block is one alignment unit that holds its size, then the caller's bytes. */
static atomic_uint_fast64_t allocation_count;
static atomic_size_t allocated_bytes;

char *gan_bytes_text(char text[16], double bytes) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  while (bytes >= 1024.0 && unit + 1 < sizeof units / sizeof *units) {
    bytes /= 1024.0;
    unit++;
  }
  snprintf(text, 16, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return text;
}

void *gan_alloc(size_t count, size_t size, const char *what) {
  size_t bytes, padded;
  char text[16];
  char *block = NULL;
  if (!__builtin_mul_overflow(count, size, &bytes) &&
      !__builtin_add_overflow(bytes, 2 * ALIGNMENT - 1, &padded)) {
    padded -= padded % ALIGNMENT;
    block = aligned_alloc(ALIGNMENT, padded);
  }
  if (!block) {
    (void)gan_fail(
        GAN_NO_MEMORY,
        "cannot allocate %s for %s; use more ranks, a smaller batch or model, or ask for "
        "more memory",
        gan_bytes_text(text, (double)count * (double)size), what);
    return NULL;
  }
  memset(block, 0, padded);
  memcpy(block, &bytes, sizeof bytes);
  atomic_fetch_add(&allocation_count, 1);
  atomic_fetch_add(&allocated_bytes, bytes);
  return block + ALIGNMENT;
}

void gan_free(void *pointer_address) {
  char *bytes_pointer;
  memcpy(&bytes_pointer, pointer_address, sizeof bytes_pointer);
  if (!bytes_pointer) return;
  char *block = bytes_pointer - ALIGNMENT;
  size_t bytes;
  memcpy(&bytes, block, sizeof bytes);
  atomic_fetch_sub(&allocated_bytes, bytes);
  free(block);
  memset(pointer_address, 0, sizeof(void *));
}

char *gan_strdup(const char *text) {
  size_t length = strlen(text) + 1;
  char *copy = gan_alloc(length, 1, "a string");
  return copy ? memcpy(copy, text, length) : NULL;
}

char *gan_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = gan_alloc((size_t)length + 1, 1, "a string");
  if (!text) return NULL;
  va_start(args, format);
  vsnprintf(text, (size_t)length + 1, format, args);
  va_end(args);
  return text;
}

uint64_t gan_alloc_count(void) {
  return atomic_load(&allocation_count);
}

size_t gan_alloc_bytes(void) {
  return atomic_load(&allocated_bytes);
}

/* By itself glibc moves the threshold up to the largest block that was freed. */
void gan_memory_give_back(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

size_t gan_memory_physical(void) {
  long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? (size_t)pages * (size_t)bytes : 0;
}

size_t gan_memory_now(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

size_t gan_memory_peak(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return (size_t)usage.ru_maxrss * 1024; /* Linux counts in KiB */
}

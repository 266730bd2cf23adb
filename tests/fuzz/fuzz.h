/* What the fuzzers share.  Each is one reader and what must be true whatever bytes it is given;
 * beyond that, the sanitizers watch for bad accesses, leaks and undefined behaviour, and libFuzzer
 * for single blocks of memory that no input of that size can be worth.
 */
#ifndef GAN_TESTS_FUZZ_FUZZ_H
#define GAN_TESTS_FUZZ_FUZZ_H

#include "base/memory.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

typedef struct fuzz_bytes {
  const uint8_t *at;
  size_t n;
} fuzz_bytes;

/* What must hold.  Ends the fuzzer, which keeps the input. */
#define FUZZ_CHECK(condition, ...)                                                                 \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: '%s' does not hold: ", __FILE__, __LINE__, #condition);              \
      fprintf(stderr, __VA_ARGS__);                                                                \
      fputc('\n', stderr);                                                                         \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

/* A reader's answer: GAN_OK, or `failure` with a message that begins with `place`. */
bool fuzz_accepted(gan_status status, gan_status failure, const char *place);

/* All that was taken since `before` (gan_alloc_bytes) is given back. */
void fuzz_check_freed(size_t before);

/* `name` in a folder of this process; good until the next 8 calls. */
const char *fuzz_path(const char *name);

/* Makes a file, or a folder, of that name; both give its path. */
const char *fuzz_file(const char *name, fuzz_bytes content);
const char *fuzz_folder(const char *name);

/* The first byte says how many `units` come off the front of the rest: 0 (none), 1, 2... */
fuzz_bytes fuzz_cut(fuzz_bytes *input, size_t unit);

/* gzip-compressed, as two members where `cut` lies inside; to be freed with gan_free. */
fuzz_bytes fuzz_gzip(fuzz_bytes content, size_t cut, uint8_t **owner);
bool fuzz_is_gzip(fuzz_bytes content);

#endif

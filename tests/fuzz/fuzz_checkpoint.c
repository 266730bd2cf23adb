/* The user block of a checkpoint: a file is opened if its first 512 bytes are, to the byte, what
 * the rest of it makes them, and is refused otherwise.  HDF5 sees nothing that the digest does not
 * cover, so it is not what is tried here.
 *
 * Input: a byte, what the rest is: 0 a file; 1 edits of a good file: a byte, how much its end is
 * moved, then positions (two bytes) and what is XORed there; 2 what stands in a good file behind
 * its first line.
 */
#include "checkpoint/checkpoint.h"
#include "fuzz/fuzz.h"

#include <inttypes.h>
#include <xxhash.h>

enum { BLOCK = 512, FIRST_LINE = 18, TAIL = 128, EDIT = 3 };

static struct {
  uint8_t *bytes;
  size_t n;
} good;

/* A checkpoint of no network at all, written by the product and read back. */
static void make_good(void) {
  const char *path = fuzz_path("good.h5");
  gan_checkpoint_content content = {.task = "gan",
                                    .config = "name: good\n",
                                    .facts = {.step = 7, .data = {.c = 1, .h = 1, .w = 1}}};
  FUZZ_CHECK(gan_checkpoint_write(path, &content) == GAN_OK, "%s", gan_error_message());
  FILE *file = fopen(path, "rb");
  FUZZ_CHECK(file && !fseek(file, 0, SEEK_END), "%s", path);
  good.n = (size_t)ftell(file);
  good.bytes = gan_alloc(good.n, 1, "a checkpoint");
  rewind(file);
  FUZZ_CHECK(good.bytes && fread(good.bytes, 1, good.n, file) == good.n, "%s", path);
  fclose(file);
}

/* The user block that fits what stands behind it, by the format's words alone. */
static bool block_fits(fuzz_bytes file) {
  if (file.n < BLOCK) return false;
  char block[BLOCK + 1];
  XXH128_hash_t digest = XXH3_128bits(file.at + BLOCK, file.n - BLOCK);
  int used = snprintf(
      block, sizeof block,
      "mpigan checkpoint\nversion %d\nbytes %zu\nxxh3-128 %016" PRIx64 "%016" PRIx64 "\n",
      GAN_CHECKPOINT_VERSION, file.n - BLOCK, (uint64_t)digest.high64, (uint64_t)digest.low64);
  memset(block + used, ' ', BLOCK - (size_t)used);
  block[BLOCK - 1] = '\n';
  return memcmp(block, file.at, BLOCK) == 0;
}

/* Whether it is opened. */
static bool open_file(fuzz_bytes content) {
  const char *path = fuzz_file("file.h5", content);
  gan_checkpoint *checkpoint = NULL;
  bool opened = fuzz_accepted(gan_checkpoint_open(path, &checkpoint), GAN_INPUT, path);
  FUZZ_CHECK(opened == (checkpoint != NULL), "opened: %d, %p", opened, (void *)checkpoint);
  FUZZ_CHECK(!opened || block_fits(content), "opened, though its user block does not fit");
  if (opened) FUZZ_CHECK(gan_checkpoint_facts(checkpoint)->step == 7, "another step");
  gan_checkpoint_close(&checkpoint);
  return opened;
}

static size_t edit(fuzz_bytes edits, uint8_t *copy) {
  size_t n = good.n;
  for (size_t i = 1; i + EDIT <= edits.n; i += EDIT)
    copy[(edits.at[i] << 8 | edits.at[i + 1]) % good.n] ^= edits.at[i + 2];
  size_t move = edits.n ? edits.at[0] : 0;
  n = move < TAIL ? n - move : n + move - TAIL;
  return n;
}

static void try_changed(fuzz_bytes change, bool edits) {
  uint8_t *copy = gan_alloc(good.n + TAIL, 1, "a changed checkpoint");
  FUZZ_CHECK(copy, "%s", gan_error_message());
  memcpy(copy, good.bytes, good.n);
  size_t n = good.n;
  if (edits) n = edit(change, copy);
  if (!edits && change.n > BLOCK - FIRST_LINE) change.n = BLOCK - FIRST_LINE;
  if (!edits && change.n) memcpy(copy + FIRST_LINE, change.at, change.n);
  bool same = n == good.n && !memcmp(copy, good.bytes, n);
  bool opened = open_file((fuzz_bytes){copy, n});
  FUZZ_CHECK(opened == same, "it is %s, and was %s", same ? "the same" : "another one",
             opened ? "opened" : "refused");
  gan_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  if (!good.bytes) make_good();
  if (!n) return 0;
  size_t before = gan_alloc_bytes();
  fuzz_bytes rest = {bytes + 1, n - 1};
  if (bytes[0] % 3)
    try_changed(rest, bytes[0] % 3 == 1);
  else
    open_file(rest);
  fuzz_check_freed(before);
  return 0;
}

/* Memory, statuses, digests, time. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "unit/support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

/* ---- memory ---- */

static bool all_zero(const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (bytes[i]) return false;
  return true;
}

START_TEST(memory_is_aligned_and_zero) {
  for (size_t n = 0; n < 3000; n += n < 200 ? 1 : 97) {
    char *bytes = gan_alloc(n, 1, "bytes");
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq((uintptr_t)bytes % 64, 0);
    ck_assert(all_zero(bytes, n));
    memset(bytes, 0xff, n); /* so that memory used again is not zero by luck */
    gan_free(&bytes);
    ck_assert_ptr_null(bytes);
  }
}
END_TEST

START_TEST(memory_is_counted) {
  uint64_t count = gan_alloc_count();
  size_t bytes = gan_alloc_bytes();
  double *a = gan_alloc(100, sizeof *a, "a");
  char *b = gan_strdup("four"), *c = gan_format("%d-%s", 12, "x"), *none = NULL;
  ck_assert_str_eq(b, "four");
  ck_assert_str_eq(c, "12-x");
  ck_assert_uint_eq(gan_alloc_count(), count + 3);
  ck_assert_uint_eq(gan_alloc_bytes(), bytes + 800 + 5 + 5);
  gan_free(&a);
  gan_free(&b);
  gan_free(&c);
  gan_free(&none);
  ck_assert_uint_eq(gan_alloc_bytes(), bytes);
  ck_assert_uint_eq(gan_alloc_count(), count + 3);
}
END_TEST

/* A size that overflows must not become a small one. */
START_TEST(memory_refuses_what_cannot_be) {
  static const struct {
    size_t count, size;
  } absurd[] = {{SIZE_MAX / 2 + 1, 2}, {SIZE_MAX, SIZE_MAX}, {SIZE_MAX / 4 + 2, 4},
                {SIZE_MAX, 1},         {SIZE_MAX - 64, 1},   {SIZE_MAX - 127, 1},
                {SIZE_MAX / 2, 1},     {(size_t)1 << 62, 1}, {(size_t)1 << 32, 1u << 31}};
  size_t before = gan_alloc_bytes();
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    gan_fail_clear();
    ck_assert_ptr_null(gan_alloc(absurd[i].count, absurd[i].size, "the moon"));
    check_message("the moon", "cannot allocate");
  }
  ck_assert_uint_eq(gan_alloc_bytes(), before);
}
END_TEST

/* 64 MiB that were once touched stay in the peak when they are gone. */
START_TEST(memory_has_a_peak) {
  enum { BYTES = 64 << 20, SLACK = 1 << 20 }; /* of the kernel's account */
  char *bytes = gan_alloc(BYTES, 1, "much");
  ck_assert_ptr_nonnull(bytes);
  memset(bytes, 1, BYTES);
  ck_assert_int_eq(bytes[BYTES / 2], 1);
  size_t with = gan_memory_peak();
  gan_free(&bytes);
  ck_assert_uint_ge(with, BYTES);
  ck_assert_uint_le(with, (size_t)1 << 34);
  ck_assert_uint_ge(gan_memory_peak(), with - SLACK);
}
END_TEST

START_TEST(bytes_as_text) {
  static const struct {
    double bytes;
    const char *text;
  } rows[] = {{0, "0 B"},          {1023, "1023 B"},          {1024, "1.0 KiB"},
              {1536, "1.5 KiB"},   {12897485, "12.3 MiB"},    {3.0 * (1u << 30), "3.0 GiB"},
              {0x1p40, "1.0 TiB"}, {0x1p50 * 7.25, "7.2 PiB"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[16];
    ck_assert_str_eq(gan_bytes_text(text, rows[i].bytes), rows[i].text);
  }
}
END_TEST

/* ---- statuses ---- */

static gan_status innermost(void) {
  return gan_fail(GAN_INPUT, "line %d is %s", 7, "odd");
}
static gan_status middle(int *reached) {
  GAN_TRY(innermost());
  ++*reached;
  return GAN_OK;
}

START_TEST(message_comes_up_the_chain) {
  int reached = 0;
  ck_assert_int_eq(middle(&reached), GAN_INPUT);
  ck_assert_int_eq(reached, 0);
  ck_assert_str_eq(gan_error_message(), "line 7 is odd");
  ck_assert_int_eq(gan_fail_context(GAN_OUTPUT, "file %s", "a"), GAN_OUTPUT);
  ck_assert_str_eq(gan_error_message(), "file a: line 7 is odd");
  ck_assert_int_eq(gan_fail(GAN_USAGE, "again: %s", gan_error_message()), GAN_USAGE);
  ck_assert_str_eq(gan_error_message(), "again: file a: line 7 is odd");
  gan_fail_clear();
  ck_assert_str_eq(gan_error_message(), "");
}
END_TEST

START_TEST(message_that_is_too_long_is_cut) {
  char *longest = gan_alloc(20001, 1, "a long text");
  memset(longest, 'x', 20000);
  ck_assert_int_eq(gan_fail(GAN_INPUT, "%s", longest), GAN_INPUT);
  size_t length = strlen(gan_error_message());
  ck_assert(length > 1000 && length < 20000);
  ck_assert_int_eq(gan_fail_context(GAN_INPUT, "front"), GAN_INPUT);
  check_message("front: xxx");
  ck_assert_uint_eq(strlen(gan_error_message()), length);
  ck_assert_int_eq(gan_fail_context(GAN_INPUT, "%s", longest), GAN_INPUT);
  check_message("front: xxx"); /* a context that leaves no room for the message is dropped */
  gan_free(&longest);
}
END_TEST

static void *fail_elsewhere(void *unused) {
  (void)unused;
  ck_assert_str_eq(gan_error_message(), "");
  ck_assert_int_eq(gan_fail(GAN_INPUT, "elsewhere"), GAN_INPUT);
  return NULL;
}

START_TEST(message_belongs_to_its_thread) {
  pthread_t thread;
  ck_assert_int_eq(gan_fail(GAN_INPUT, "here"), GAN_INPUT);
  ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
  pthread_join(thread, NULL);
  ck_assert_str_eq(gan_error_message(), "here");
}
END_TEST

static void end_job(int status) {
  _exit(status);
}

static void broken_promise(const char *log, bool with_job) {
  ck_assert_ptr_nonnull(freopen(log, "w", stderr));
  if (with_job) gan_panic_set(3, end_job);
  int one = 1;
  GAN_ASSERT(one == 2);
}

START_TEST(assertion_ends_the_job) {
  const char *log = unit_path("stderr");
  for (int with_job = 0; with_job < 2; with_job++) {
    int status;
    size_t n;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) broken_promise(log, with_job);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (with_job)
      ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == GAN_INTERNAL);
    else
      ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char *text = unit_read(log, &n);
    ck_assert(strstr(text, with_job ? "rank 3" : "rank 0") && strstr(text, "one == 2"));
    ck_assert_ptr_nonnull(strstr(text, "test_base.c"));
    gan_free(&text);
  }
}
END_TEST

/* ---- digests ---- */

/* xxHash's own sanity check (its tests/sanity_test_vectors.h): XXH3-128 with seed 0 of the first
 * bytes of a buffer whose byte i is the top byte of PRIME32 * PRIME64^i. */
static const struct {
  size_t n;
  uint64_t low, high;
} published[] = {
    {0, 0x6001C324468D497F, 0x99AA06D3014798D8},    {1, 0xC44BDFF4074EECDB, 0xA6CD5E9392000F6A},
    {6, 0x3E7039BDDA43CFC6, 0x082AFE0B8162D12A},    {12, 0x061A192713F69AD9, 0x6E3EFD8FC7802B18},
    {24, 0x1E7044D28B1B901D, 0x0CE966E4678D3761},   {48, 0xF942219AED80F67B, 0xA002AC4E5478227E},
    {81, 0x5E8BAFB9F95FB803, 0x4952F58181AB0042},   {222, 0xF1AEBD597CEC6B3A, 0x337E09641B948717},
    {403, 0xCDEB804D65C6DEA4, 0x1B6DE21E332DD73D},  {512, 0x617E49599013CB6B, 0x18D2D110DCC9BCA1},
    {2048, 0xDD59E2C3A5F038E0, 0xF736557FD47073A5}, {2240, 0x6E73A90539CF2948, 0xCCB134FBFA7CE49D},
    {2367, 0xCB37AEB9E5D361ED, 0xE89C0F6FF369B427},
};

static void sanity_buffer(unsigned char *bytes, size_t n) {
  uint64_t state = 2654435761u;
  for (size_t i = 0; i < n; i++, state *= 11400714785074694797u)
    bytes[i] = (unsigned char)(state >> 56);
}

START_TEST(digest_is_the_published_one) {
  unsigned char bytes[2367];
  char text[33], wanted[33];
  sanity_buffer(bytes, sizeof bytes);
  for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
    gan_digest digest = gan_digest_of(bytes, published[i].n);
    ck_assert_uint_eq(digest.low, published[i].low);
    ck_assert_uint_eq(digest.high, published[i].high);
    snprintf(wanted, sizeof wanted, "%016lx%016lx", (unsigned long)published[i].high,
             (unsigned long)published[i].low);
    ck_assert_str_eq(gan_digest_text(text, digest), wanted);
  }
}
END_TEST

START_TEST(digest_of_pieces_is_the_same) {
  unsigned char bytes[2367];
  sanity_buffer(bytes, sizeof bytes);
  XXH3_state_t *state = XXH3_createState();
  for (size_t piece = 1; piece < 700; piece += 61) {
    XXH3_128bits_reset(state);
    for (size_t at = 0; at < sizeof bytes; at += piece)
      XXH3_128bits_update(state, bytes + at, sizeof bytes - at < piece ? sizeof bytes - at : piece);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    gan_digest streamed = {hash.high64, hash.low64};
    ck_assert(gan_digest_equal(streamed, gan_digest_of(bytes, sizeof bytes)));
  }
  XXH3_freeState(state);
  gan_digest a = {1, 2}, other_high = {3, 2}, other_low = {1, 3};
  ck_assert(!gan_digest_equal(a, other_high) && !gan_digest_equal(a, other_low));
}
END_TEST

/* ---- time ---- */

START_TEST(durations) {
  static const struct {
    double seconds;
    const char *text;
  } rows[] = {{0, "0 s"},        {7.4, "7 s"},         {59.6, "1 m 00 s"},
              {192, "3 m 12 s"}, {3599.7, "1 h 00 m"}, {5 * 3600 + 180, "5 h 03 m"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[32];
    ck_assert_str_eq(gan_duration_text(text, rows[i].seconds), rows[i].text);
  }
}
END_TEST

START_TEST(clock_and_sleep) {
  char text[32];
  double start = gan_clock();
  gan_sleep(0.02);
  ck_assert_double_ge(gan_clock() - start, 0.02);
  gan_clock_text(text); /* 2024-05-01T13:45:10+0200 */
  ck_assert_uint_eq(strlen(text), 24);
  ck_assert(text[4] == '-' && text[10] == 'T' && text[13] == ':');
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {memory_is_aligned_and_zero, 1},
      {memory_is_counted, 1},
      {memory_refuses_what_cannot_be, 1},
      {memory_has_a_peak, 1},
      {bytes_as_text, 1},
      {message_comes_up_the_chain, 1},
      {message_that_is_too_long_is_cut, 1},
      {message_belongs_to_its_thread, 1},
      {assertion_ends_the_job, 1},
      {digest_is_the_published_one, 1},
      {digest_of_pieces_is_the_same, 1},
      {durations, 1},
      {clock_and_sleep, 1},
  };
  return UNIT_MAIN("base", tests);
}

#include "unit/support.h"

#include "base/memory.h"
#include "kernels/gemm.h"

#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Far above what any test takes under the sanitizers on a busy machine. */
enum { TIME_LIMIT_S = 120, PATHS = 16, PATH_BYTES = 4096 };

static char folder[PATH_BYTES / 2];
static size_t bytes_before; /* in use when the test began */

const char *unit_missing_text(const char *const *texts) {
  for (; *texts; texts++)
    if (!strstr(gan_error_message(), *texts)) return *texts;
  return NULL;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

static void make_folder(void) {
  const char *base = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/mpigan-unit-XXXXXX", base && *base ? base : "/tmp");
  ck_assert_msg(mkdtemp(folder) != NULL, "cannot make %s", folder);
  bytes_before = gan_alloc_bytes();
}

/* Every test is a test for leaks too, without sanitizers as well. */
static void remove_folder(void) {
  ck_assert_msg(gan_alloc_bytes() == bytes_before, "%td bytes are not freed",
                (ptrdiff_t)(gan_alloc_bytes() - bytes_before));
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *unit_folder(void) {
  return folder;
}

const char *unit_path(const char *format, ...) {
  static char paths[PATHS][PATH_BYTES];
  static int next;
  char *path = paths[next++ % PATHS], name[PATH_BYTES / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(name, sizeof name, format, args);
  va_end(args);
  snprintf(path, PATH_BYTES, "%s/%s", folder, name);
  return path;
}

int unit_main(const char *name, const unit_test *tests, int count) {
  gan_gemm_set_threads(1); /* the last bits depend on it */
  Suite *suite = suite_create(name);
  TCase *cases = tcase_create(name);
  tcase_set_timeout(cases, TIME_LIMIT_S);
  tcase_add_checked_fixture(cases, make_folder, remove_folder);
  for (int i = 0; i < count; i++) tcase_add_loop_test(cases, tests[i].test, 0, tests[i].loops);
  suite_add_tcase(suite, cases);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void unit_write(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  ck_assert_msg(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0, "cannot write %s",
                path);
}

char *unit_read(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file && fseek(file, 0, SEEK_END) == 0, "cannot read %s", path);
  *n = (size_t)ftell(file);
  rewind(file);
  char *bytes = gan_alloc(*n + 1, 1, "a file of a test");
  ck_assert(bytes && fread(bytes, 1, *n, file) == *n);
  fclose(file);
  return bytes;
}

bool unit_exists(const char *path) {
  return access(path, F_OK) == 0;
}

uint64_t unit_bits(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

double unit_uniform(uint64_t *state, double low, double high) {
  return low + (high - low) * (double)(unit_bits(state) >> 11) * 0x1p-53;
}

void unit_fill(float *x, int64_t n, uint64_t seed, double low, double high) {
  for (int64_t i = 0; i < n; i++) x[i] = (float)unit_uniform(&seed, low, high);
}

float *unit_floats(int64_t n) {
  float *x = gan_alloc((size_t)n, sizeof *x, "numbers of a test");
  ck_assert_ptr_nonnull(x);
  return x;
}

double unit_distance(int64_t n, const float *a, const double *b) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return sqrt(error / norm);
}

double unit_float_distance(int64_t n, const float *a, const float *b) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    double difference = (double)a[i] - (double)b[i];
    error += difference * difference;
    norm += (double)b[i] * (double)b[i];
  }
  return sqrt(error / norm);
}

double unit_chi_square_bound(int degrees) {
  const double normal_quantile = 4.7534; /* P(z > 4.7534) = 1e-6 */
  double s = 2.0 / (9.0 * degrees);
  return degrees * pow(1 - s + normal_quantile * sqrt(s), 3);
}

gan_status unit_parse_on(int ranks, gan_config *config, const char *text, int override_count,
                         const char *const *overrides) {
  gan_layer_schemas layers = gan_layer_table();
  return gan_config_parse(config, text, strlen(text), "run.yaml", overrides, override_count, ranks,
                          &layers);
}

gan_status unit_parse(gan_config *config, const char *text, int override_count,
                      const char *const *overrides) {
  return unit_parse_on(1, config, text, override_count, overrides);
}

static gan_status build(unit_net *made, const char *layers, gan_shape in, gan_shape out,
                        int64_t capacity) {
  char *text = gan_format("data: {path: none}\nmodel:\n  generator: %s\n"
                          "  discriminator: [linear: {units: 1}]\ntrain: {steps: 1}\n",
                          layers);
  ck_assert_ptr_nonnull(text);
  gan_status status = unit_parse(&made->config, text, 0, NULL);
  gan_free(&text);
  GAN_TRY(status);
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &made->config.model.generator,
                       .in = in,
                       .out = out,
                       .capacity = capacity,
                       .classes = UNIT_CLASSES,
                       .trains = true};
  return gan_net_create(&spec, &made->net);
}

gan_status unit_net_try(unit_net *made, const char *layers, gan_shape in, gan_shape out,
                        int64_t capacity) {
  *made = (unit_net){0};
  gan_status status = build(made, layers, in, out, capacity);
  if (status != GAN_OK) unit_net_destroy(made);
  return status;
}

unit_net unit_net_create(const char *layers, gan_shape in, gan_shape out, int64_t capacity) {
  unit_net made;
  check_ok(unit_net_try(&made, layers, in, out, capacity));
  return made;
}

void unit_net_destroy(unit_net *made) {
  gan_net_destroy(&made->net);
  gan_config_reset(&made->config);
}

const int32_t *unit_classes(void) {
  static int32_t classes[4096];
  for (int i = 0; i < 4096; i++) classes[i] = i * i % 5 % UNIT_CLASSES;
  return classes;
}

gan_pass unit_pass(int64_t samples) {
  return (gan_pass){.comm = gan_comm_alone(),
                    .training = true,
                    .samples = samples,
                    .batch = samples,
                    .seed = 1,
                    .classes = unit_classes()};
}

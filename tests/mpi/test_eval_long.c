/* Precision, recall, density and coverage of N(0, I) against N(0, I) at the count that was
 * published: 10,000 rows of 1000 numbers, k = 5.  (tests/unit holds smaller draws to NumPy's
 * numbers.) */
#include "base/memory.h"
#include "eval/cover.h"
#include "mpi/support.h"

#include <stdio.h>

enum { N = 10000, D = 1000, K = 5, DRAWS = 2 };

/* Naeem et al.'s program gave 0.4772, 0.4705, 1.0555, 0.9735 of one draw; four draws of NumPy's
 * were within these. */
static const struct {
  double low, high;
} precision = {0.46, 0.50}, recall = {0.46, 0.48}, density = {0.95, 1.13}, coverage = {0.96, 0.98};

static gan_status judge(uint64_t draw, int64_t first, int64_t n, float *real, float *fake,
                        gan_cover *out) {
  gan_eval eval = {.comm = world, .buffer_bytes = (size_t)64 << 20, .seed = 1};
  gan_rng rng = gan_rng_stream(draw, GAN_RNG_SYNTHETIC, 0, 0, 0);
  gan_rows rows, fakes;
  for (int64_t i = 0; i < n; i++) {
    gan_rng_normal(rng, 0, (uint32_t)(first + i), D, real + i * D);
    gan_rng_normal(rng, 1, (uint32_t)(first + i), D, fake + i * D);
  }
  GAN_TRY(gan_rows_share(&eval, n, D, real, &rows));
  GAN_TRY(gan_rows_share(&eval, n, D, fake, &fakes));
  return gan_cover_run(&eval, &rows, &fakes, K, out);
}

START_TEST(the_published_draw) {
  int64_t rank = gan_comm_rank(world), size = gan_comm_size(world);
  int64_t first = N * rank / size, n = N * (rank + 1) / size - first;
  float *real = gan_alloc((size_t)(n * D), sizeof *real, "features");
  float *fake = gan_alloc((size_t)(n * D), sizeof *fake, "features");
  check_all(real && fake);
  for (uint64_t draw = 0; draw < DRAWS; draw++) {
    gan_cover found;
    check_ok(judge(draw, first, n, real, fake, &found));
    if (rank == 0)
      printf("precision %.4f, recall %.4f, density %.4f, coverage %.4f\n", found.precision,
             found.recall, found.density, found.coverage);
    check_all(found.precision >= precision.low && found.precision <= precision.high);
    check_all(found.recall >= recall.low && found.recall <= recall.high);
    check_all(found.density >= density.low && found.density <= density.high);
    check_all(found.coverage >= coverage.low && found.coverage <= coverage.high);
  }
  gan_free(&real);
  gan_free(&fake);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {the_published_draw};
  return run_mpi_tests(argc, argv, "eval_long", tests, 1);
}

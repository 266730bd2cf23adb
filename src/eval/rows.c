#include "eval/rows.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static const char counting[] = "counting the rows of all ranks";
static const char fetching[] = "the exchange of rows of features";

gan_rng gan_eval_stream(const gan_eval *eval, gan_eval_draw draw) {
  return gan_rng_stream(eval->seed, GAN_RNG_EVAL, (uint32_t)draw, 0, 0);
}

gan_status gan_eval_alloc(const gan_eval *eval, void *pointer_address, int64_t count, size_t size,
                          const char *what) {
  void *memory = gan_alloc((size_t)count, size, what);
  gan_status status = gan_comm_agree(eval->comm, memory ? GAN_OK : GAN_NO_MEMORY,
                                     "agreeing whether all have room for an evaluation");
  if (status != GAN_OK) gan_free(&memory);
  memcpy(pointer_address, &memory, sizeof memory);
  return status;
}

/* Rows are named by their numbers over all ranks. */
static gan_status check_finite(const gan_rows *rows) {
  int64_t d = rows->d;
  for (int64_t i = 0; i < rows->n * d; i++)
    if (!isfinite(rows->x[i]))
      return gan_fail(GAN_NUMBERS, "feature %lld of row %lld is %g: what is judged must be finite",
                      (long long)(i % d), (long long)(rows->first + i / d),
                      gan_printable((double)rows->x[i]));
  return GAN_OK;
}

/* Rows of each rank to counts (ranks). */
static gan_status count_rows(gan_comm *comm, int64_t n, int64_t *counts, gan_rows *out) {
  counts[gan_comm_rank(comm)] = n;
  GAN_TRY(gan_comm_sum_int64(comm, counts, (size_t)gan_comm_size(comm), counting));
  for (int r = 0; r < gan_comm_size(comm); r++) {
    if (r < gan_comm_rank(comm)) out->first += counts[r];
    out->total += counts[r];
  }
  if (out->total > UINT32_MAX)
    return gan_fail(GAN_USAGE, "%lld rows of features: at most %lld can be judged",
                    (long long)out->total, (long long)UINT32_MAX);
  return GAN_OK;
}

gan_status gan_rows_share(const gan_eval *eval, int64_t n, int64_t d, const float *x,
                          gan_rows *out) {
  gan_comm *comm = eval->comm;
  int odd;
  GAN_TRY(gan_comm_compare(comm, &d, sizeof d, &odd, counting));
  if (odd >= 0) return gan_fail(GAN_INPUT, "rank %d has rows of another length than rank 0", odd);
  *out = (gan_rows){.n = n, .d = d, .x = x};
  int64_t *counts;
  GAN_TRY_EVAL_ALLOC(eval, counts, gan_comm_size(comm));
  gan_status status = count_rows(comm, n, counts, out);
  gan_free(&counts);
  GAN_TRY(status);
  return gan_comm_agree(comm, check_finite(out), counting);
}

/* Copies row `number` to its place in out, if this rank has it. */
static void put(const gan_rows *rows, int64_t number, float *out) {
  int64_t i = number - rows->first;
  if (i >= 0 && i < rows->n) memcpy(out, rows->x + i * rows->d, (size_t)rows->d * sizeof *out);
}

/* One rank's numbers and the others' zeros: the sum gathers. */
static gan_status gather(const gan_eval *eval, const gan_rows *rows, int64_t count, float *out) {
  return gan_comm_sum_float(eval->comm, out, (size_t)(count * rows->d), fetching);
}

gan_status gan_rows_fetch(const gan_eval *eval, const gan_rows *rows, int64_t first, int64_t count,
                          float *out) {
  memset(out, 0, (size_t)(count * rows->d) * sizeof *out);
  for (int64_t i = 0; i < count; i++) put(rows, first + i, out + i * rows->d);
  return gather(eval, rows, count, out);
}

gan_status gan_rows_pick(const gan_eval *eval, const gan_rows *rows, int64_t count,
                         const uint32_t *numbers, float *out) {
  memset(out, 0, (size_t)(count * rows->d) * sizeof *out);
  for (int64_t i = 0; i < count; i++) put(rows, numbers[i], out + i * rows->d);
  return gather(eval, rows, count, out);
}

gan_status gan_rows_gather(const gan_eval *eval, const gan_rows *rows, const double *mine,
                           double *all) {
  memset(all, 0, (size_t)rows->total * sizeof *all);
  memcpy(all + rows->first, mine, (size_t)rows->n * sizeof *all);
  return gan_comm_sum_double(eval->comm, all, (size_t)rows->total, fetching);
}

int64_t gan_rows_places(const gan_rows *rows, int64_t count, const uint32_t *numbers,
                        int64_t *places) {
  int64_t held = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t place = (int64_t)numbers[i] - rows->first;
    if (place >= 0 && place < rows->n) places[held++] = place;
  }
  return held;
}

double gan_squared_distance(int64_t d, const float *x, const float *y) {
  enum { LANES = 8 };
  double sums[LANES] = {0}, total = 0;
  int64_t i = 0;
  for (; i + LANES <= d; i += LANES)
    for (int l = 0; l < LANES; l++) {
      double difference = (double)x[i + l] - (double)y[i + l];
      sums[l] += difference * difference;
    }
  for (; i < d; i++) sums[0] += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
  for (int l = 0; l < LANES; l++) total += sums[l];
  return total;
}

#include "task/heldout.h"

#include "base/memory.h"
#include "data/heldout.h"

#include <string.h>

gan_status gan_heldout_reserve(const gan_task *task, gan_work *work, int sums,
                               gan_heldout *heldout) {
  heldout->data = task->test;
  heldout->piece = work->piece;
  heldout->sums = sums;
  if (work->sums) GAN_TRY(gan_sums_reserve(work->sums, sums));
  GAN_TRY_ALLOC(heldout->images, work->piece * gan_data_row_size(task->info), "held-out images");
  GAN_TRY_ALLOC(heldout->parts, task->test->shards.owned * sums, "sums over held-out data");
  GAN_TRY_ALLOC(heldout->totals, sums, "sums over held-out data");
  return GAN_OK;
}

void gan_heldout_release(gan_heldout *heldout) {
  gan_free(&heldout->images);
  gan_free(&heldout->parts);
  gan_free(&heldout->totals);
}

/* What rounding of a scaling may add. */
static const double SLACK = 1e-6;

gan_status gan_heldout_check_unit(const gan_task *task) {
  const gan_dataset *set = task->test;
  int64_t size = gan_data_row_size(&set->info), count = gan_shards_rows(&set->shards) * size;
  const float *values = set->rows;
  char place[600];
  if (set->info.type == GAN_U8) return GAN_OK; /* as those that are trained on */
  for (int64_t i = 0; i < count; i++) {
    double seen = (double)values[i] * set->scale + set->offset;
    if (seen >= -SLACK && seen <= 1 + SLACK) continue;
    return gan_fail(GAN_INPUT,
                    "%s is %s: its row %lld holds %g, but with model.likelihood: bernoulli values "
                    "must lie where those of the training data do, from %g to %g, which become 0 "
                    "to 1; bring both to the same units, or use model.likelihood: gaussian",
                    gan_config_place(task->config, "data.test", place, sizeof place),
                    task->config->data.test,
                    (long long)(gan_shards_first_row(&set->shards) + i / size), (double)values[i],
                    set->low, set->high);
  }
  return GAN_OK;
}

gan_pass gan_heldout_look(int64_t n) {
  return (gan_pass){.comm = gan_comm_alone(), .samples = n, .batch = n};
}

/* Rows own..own+rows-1 of this rank. */
static gan_status pass_over_shard(gan_task *task, gan_heldout *heldout, int64_t own, int64_t rows,
                                  gan_heldout_take take, double *sums) {
  int64_t before = gan_shards_first_row(&heldout->data->shards);
  for (int64_t done = 0; done < rows; done += heldout->piece) {
    int64_t n = rows - done < heldout->piece ? rows - done : heldout->piece;
    gan_heldout_images(heldout->data, own + done, n, heldout->images);
    GAN_TRY(take(task, heldout, before + own + done, own + done, n, sums));
  }
  return GAN_OK;
}

gan_status gan_heldout_pass(gan_task *task, gan_work *work, gan_heldout *heldout,
                            gan_heldout_take take) {
  const gan_shards *shards = &heldout->data->shards;
  gan_status status = GAN_OK;
  int64_t own = 0;
  memset(heldout->parts, 0, (size_t)(shards->owned * heldout->sums) * sizeof *heldout->parts);
  for (int64_t s = 0; s < shards->owned && status == GAN_OK; s++) {
    int64_t rows = gan_shard_rows(shards, shards->first + s);
    status = pass_over_shard(task, heldout, own, rows, take, heldout->parts + s * heldout->sums);
    own += rows;
  }
  GAN_TRY(gan_comm_agree(task->comm, status, "agreeing whether all could look at held-out data"));
  return gan_sums_doubles(work->sums, task->comm, shards->owned, heldout->sums, heldout->sums,
                          heldout->parts, heldout->totals, "the sum over held-out data");
}

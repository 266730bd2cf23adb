/* The batch and the shards of the data: what one says about the other, per rank and as a whole. */
#include "base/memory.h"
#include "unit/support.h"

#include <stdlib.h>
#include <string.h>

#define SHORTEST                                                                                   \
  "data: {path: builtin:digits}\n"                                                                 \
  "model:\n"                                                                                       \
  "  generator: [linear: {units: 64}]\n"                                                           \
  "  discriminator: [linear: {units: 1}]\n"

/* Shards 0: not given. */
static gan_status with_batch(gan_config *config, int64_t batch, int64_t shards) {
  char *text = gan_format(SHORTEST "train: {steps: 1, batch: %lld}\n%s", (long long)batch,
                          shards ? "data.shards: " : "");
  char *all = shards ? gan_format("%s%lld\n", text, (long long)shards) : gan_strdup(text);
  gan_status status = unit_parse(config, all, 0, NULL);
  gan_free(&all);
  gan_free(&text);
  return status;
}

START_TEST(default_shards) {
  for (int64_t batch = 1; batch <= 300; batch++) {
    gan_config config;
    int64_t largest = 1;
    for (int64_t d = 1; d <= 16; d++)
      if (batch % d == 0) largest = d;
    check_ok(with_batch(&config, batch, 0));
    ck_assert_int_eq(config.data.shards, largest);
    ck_assert_int_eq(gan_config_default_shards(batch, 1), largest);
    gan_config_reset(&config);
  }
}
END_TEST

/* What does not divide the batch is refused, and each number that the message offers would work. */
static void check_offer(int64_t batch, int64_t shards) {
  gan_config config;
  check_fails(with_batch(&config, batch, shards), GAN_USAGE, "run.yaml:6: key 'data.shards'",
              "train.batch");
  gan_config_reset(&config);
  char *kept = gan_strdup(gan_error_message());
  const char *offer = strstr(kept, "use data.shards "), *other = strstr(kept, ", or a batch of ");
  ck_assert(offer && other && offer < other);
  if (shards > batch) ck_assert_ptr_nonnull(strstr(kept, "more than train.batch"));
  int numbers = 0;
  for (const char *at = offer; *(at += strcspn(at, "0123456789")); at += strspn(at, "0123456789")) {
    long long number = strtoll(at, NULL, 10);
    numbers++;
    check_ok(at < other ? with_batch(&config, batch, number) : with_batch(&config, number, shards));
    gan_config_reset(&config);
  }
  ck_assert_int_ge(numbers, 2);
  gan_free(&kept);
}

START_TEST(shards_divide_the_batch) {
  for (int64_t batch = 1; batch <= 40; batch++)
    for (int64_t shards = 1; shards <= 42; shards++) {
      gan_config config;
      if (batch % shards) {
        check_offer(batch, shards);
      } else {
        check_ok(with_batch(&config, batch, shards));
        ck_assert_int_eq(config.data.shards, shards);
        gan_config_reset(&config);
      }
    }
  static const int64_t large[][2] = {{16777213, 4}, {16777216, 3}, {16777216, 65535},
                                     {65537, 2},    {131074, 3},   {9999991, 65536}};
  for (size_t i = 0; i < sizeof large / sizeof *large; i++) check_offer(large[i][0], large[i][1]);
}
END_TEST

/* ---- per rank ---- */

/* What stands in the file and on the command line, and the batch on six ranks; 0: refused. */
static const struct {
  const char *in_file, *override;
  int64_t batch;
  bool multiplied;
} batches[] = {
    {"steps: 1", NULL, 128, false},
    {"batch: 30", NULL, 30, false},
    {"batch_per_rank: 30", NULL, 180, true},
    {"batch_per_rank: null", NULL, 128, false},
    {"batch: 30, batch_per_rank: null", NULL, 30, false},
    {"batch: 30, batch_per_rank: 5", NULL, 0, false},
    {"batch: 30", "train.batch_per_rank=7", 42, true},
    {"batch_per_rank: 7", "train.batch=48", 48, false},
    {"batch_per_rank: 7", "train.batch_per_rank=9", 54, true},
    {"batch_per_rank: 7", "train.batch_per_rank=null", 128, false},
    {"batch: 30, batch_per_rank: 5", "train.batch=12", 12, false},
    {"batch: 30, batch_per_rank: 5", "train.batch_per_rank=2", 12, true},
    {"steps: 1", "train={batch: 30, batch_per_rank: 5}", 0, false},
    {"batch_per_rank: 2796202", NULL, 16777212, true},
    {"batch_per_rank: 2796203", NULL, -1, false}, /* above the largest batch */
};

START_TEST(batch_or_batch_per_rank) {
  gan_config config;
  const char *override = batches[_i].override;
  char *text = gan_format(SHORTEST "train: {%s}\ntrain.epochs: 1\n", batches[_i].in_file);
  if (!strncmp(batches[_i].in_file, "steps", 5)) strstr(text, "train.epochs")[0] = '#';
  gan_status status = unit_parse_on(6, &config, text, override ? 1 : 0, &override);
  if (batches[_i].batch < 1) {
    ck_assert_int_eq(status, GAN_USAGE);
    if (batches[_i].batch == 0)
      check_message("train.batch'", "train.batch_per_rank is given too", "one of the two");
    else
      check_message("run.yaml:5: key 'train.batch_per_rank' is 2796203", "6 ranks", "2796202");
  } else {
    check_ok(status);
    ck_assert_int_eq(config.train.batch, batches[_i].batch);
    ck_assert_int_eq(config.train.batch_per_rank, GAN_UNSET_INT);
    ck_assert_int_eq(config.resolved.batch_per_rank,
                     batches[_i].multiplied ? batches[_i].batch / 6 : 0);
    ck_assert_int_eq(config.resolved.ranks, 6);
  }
  gan_config_reset(&config);
  gan_free(&text);
}
END_TEST

/* Any number of ranks can start with a batch per rank, and each has the same work. */
START_TEST(every_rank_count_is_even) {
  for (int ranks = 1; ranks <= 130; ranks++)
    for (int64_t per_rank = 1; per_rank <= 70; per_rank += per_rank < 9 ? 1 : 15) {
      int64_t batch = per_rank * ranks, best = 0;
      char *text =
          gan_format(SHORTEST "train: {steps: 1, batch_per_rank: %lld}\n", (long long)per_rank);
      gan_config config;
      check_ok(unit_parse_on(ranks, &config, text, 0, NULL));
      for (int64_t d = 1; d <= (ranks > 16 ? ranks : 16); d++)
        if (batch % d == 0 && d % ranks == 0) best = d;
      if (config.data.shards != best || best < ranks || !config.resolved.default_shards)
        ck_abort_msg("%d ranks of %lld: %lld shards, not %lld", ranks, (long long)per_rank,
                     (long long)config.data.shards, (long long)best);
      gan_config_reset(&config);
      gan_free(&text);
    }
}
END_TEST

/* The saved config holds the product: read on any ranks it is the same batch and shards. */
START_TEST(the_product_is_saved) {
  const char *text = SHORTEST "train: {steps: 1, batch_per_rank: 10}\n";
  for (int ranks = 1; ranks <= 40; ranks += 13) {
    gan_config first, again;
    char *saved;
    check_ok(unit_parse_on(ranks, &first, text, 0, NULL));
    check_ok(gan_config_yaml(&first, &saved));
    check_ok(unit_parse_on(7, &again, saved, 0, NULL));
    ck_assert_int_eq(again.train.batch, 10 * ranks);
    ck_assert_int_eq(again.data.shards, first.data.shards);
    ck_assert_int_eq(again.resolved.batch_per_rank, 0);
    ck_assert(!again.resolved.default_shards);
    gan_config_reset(&first);
    gan_config_reset(&again);
    gan_free(&saved);
  }
}
END_TEST

START_TEST(shards_for_so_many_ranks) {
  static const int64_t rows[][3] = {{24, 13, 24}, {24, 7, 8},          {24, 25, 0},
                                    {128, 1, 1},  {65537, 2, 0},       {131074, 3, 0},
                                    {97, 2, 97},  {16777216, 3, 4},    {16777216, 65536, 65536},
                                    {6, 6, 6},    {16777216, 65537, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_int_eq(gan_config_shards_from(rows[i][0], rows[i][1]), rows[i][2]);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {default_shards, 1},
      {shards_divide_the_batch, 1},
      {batch_or_batch_per_rank, sizeof batches / sizeof *batches},
      {every_rank_count_is_even, 1},
      {the_product_is_saved, 1},
      {shards_for_so_many_ranks, 1},
  };
  return UNIT_MAIN("config: batch and shards", tests);
}

#include "unit/store_support.h"

#include "base/memory.h"
#include "io/file.h"
#include "unit/support.h"

#include <string.h>

gan_status store_write_step(int64_t step, const char *config, int64_t keep_last,
                            int64_t keep_every) {
  gan_checkpoint_content content = {.task = "test", .config = config};
  content.facts.step = step;
  return gan_store_write(unit_folder(), &content, keep_last, keep_every);
}

const char *store_file_of(int64_t step) {
  return unit_path("checkpoints/step-%08lld.h5", (long long)step);
}

int64_t store_newest_step(void) {
  gan_checkpoint *checkpoint;
  check_ok(gan_store_newest(unit_folder(), &checkpoint));
  int64_t step = checkpoint ? gan_checkpoint_facts(checkpoint)->step : -1;
  gan_checkpoint_close(&checkpoint);
  return step;
}

bool store_newest_is(const char *config) {
  gan_checkpoint *checkpoint;
  check_ok(gan_store_newest(unit_folder(), &checkpoint));
  ck_assert_ptr_nonnull(checkpoint);
  bool same = strcmp(gan_checkpoint_config(checkpoint), config) == 0;
  gan_checkpoint_close(&checkpoint);
  return same;
}

void check_store_listing(const char *wanted) {
  char **names, *all = gan_strdup("");
  int count;
  check_ok(gan_folder_list(unit_path("checkpoints"), "", "", &names, &count));
  for (int i = 0; i < count; i++) {
    if (names[i][0] == '.') continue;
    char *more = gan_format("%s%s%s", all, *all ? " " : "", names[i]);
    gan_free(&all);
    all = more;
  }
  gan_names_free(&names, count);
  ck_assert_str_eq(all, wanted);
  gan_free(&all);
}

void check_store_whole(void) {
  char **names;
  int count;
  check_ok(gan_folder_list(unit_path("checkpoints"), "step-", ".h5", &names, &count));
  ck_assert_int_ge(count, 1);
  for (int i = 0; i < count; i++) {
    gan_checkpoint *checkpoint;
    check_ok(gan_checkpoint_open(unit_path("checkpoints/%s", names[i]), &checkpoint));
    gan_checkpoint_close(&checkpoint);
  }
  gan_names_free(&names, count);
}

#include "data/survey.h"

#include "base/memory.h"

enum { PIECE_BYTES = 4 << 20 };

static void hash_rows(gan_hasher *hasher, const gan_data_info *info, int64_t count,
                      const char *rows, const int32_t *labels) {
  size_t row = gan_data_row_bytes(info);
  if (!info->has_labels) {
    gan_hasher_add(hasher, rows, (size_t)count * row);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    unsigned char label[4];
    for (int k = 0; k < 4; k++) label[k] = (unsigned char)((uint32_t)labels[i] >> 8 * k);
    gan_hasher_add(hasher, rows + (size_t)i * row, row);
    gan_hasher_add(hasher, label, sizeof label);
  }
}

static gan_status look(gan_source *source, const gan_source_spec *spec, int64_t piece, char *rows,
                       int32_t *labels, gan_hasher *hasher, gan_sheet *sheet, gan_survey *out) {
  const gan_data_info *info = &source->info;
  for (int64_t done = 0, count; done < info->n; done += count) {
    count = info->n - done < piece ? info->n - done : piece;
    GAN_TRY(gan_source_read(source, count, rows, labels));
    GAN_TRY(gan_value_facts_add(&out->facts, info, spec, done, count, rows, labels));
    if (info->has_labels) gan_label_counts_add(&out->labels, count, labels);
    hash_rows(hasher, info, count, rows, labels);
    if (sheet) gan_sheet_add(sheet, count, rows, labels);
  }
  out->digest = gan_hasher_digest(hasher);
  return gan_source_finish(source);
}

gan_status gan_survey_take(gan_source *source, const gan_source_spec *spec, gan_sheet *sheet,
                           gan_survey *out) {
  int64_t row = (int64_t)gan_data_row_bytes(&source->info);
  int64_t piece = row < PIECE_BYTES ? PIECE_BYTES / row : 1;
  *out = (gan_survey){.facts = gan_value_facts_none()};
  char *rows = gan_alloc((size_t)(piece * row), 1, "rows of data");
  int32_t *labels = gan_alloc((size_t)piece, sizeof *labels, "labels");
  gan_hasher *hasher = gan_hasher_create();
  gan_status status = rows && labels && hasher ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK) status = look(source, spec, piece, rows, labels, hasher, sheet, out);
  gan_hasher_destroy(&hasher);
  gan_free(&rows);
  gan_free(&labels);
  return status;
}

gan_status gan_survey_check(gan_source *source, const gan_source_spec *spec,
                            const gan_survey *survey) {
  bool known;
  float smallest, largest;
  const gan_value_facts *facts = &survey->facts;
  GAN_TRY(gan_source_extent(source, &known, &smallest, &largest));
  if (!known || (smallest == facts->smallest && largest == facts->largest)) return GAN_OK;
  return gan_fail(
      GAN_INPUT,
      "%s: dataset '%s' has the attributes minimum %g and maximum %g, but its values go "
      "from %g to %g: one of the two was changed; write it again by `mpigan data convert`",
      spec->path, spec->images, (double)smallest, (double)largest, (double)facts->smallest,
      (double)facts->largest);
}

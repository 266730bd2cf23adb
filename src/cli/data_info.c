/* mpigan data info: what a data set is and what is in it; all of it is read once. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/data.h"
#include "data/survey.h"
#include "io/file.h"

#include <string.h>

typedef struct {
  const char *name, *images, *labels, *layout, *png;
  bool verify;
} info_request;

/* Of a file, or of the files in a folder; 0 for what is in none. */
static uint64_t bytes_on_disk(const char *path) {
  uint64_t sum = 0, bytes;
  char **names;
  int count;
  if (!gan_folder_exists(path)) {
    if (gan_file_exists(path) && gan_file_size(path, &sum) != GAN_OK) gan_fail_clear();
    return sum;
  }
  if (gan_folder_list(path, "", "", &names, &count) != GAN_OK) {
    gan_fail_clear();
    return 0;
  }
  for (int i = 0; i < count; i++) {
    char *file = gan_format("%s/%s", path, names[i]);
    bool counts = file && !gan_folder_exists(file);
    if (counts && gan_file_size(file, &bytes) == GAN_OK) sum += bytes;
    gan_free(&file);
  }
  gan_fail_clear();
  gan_names_free(&names, count);
  return sum;
}

/* Line `number` of a text, "" behind the last; *n bytes. */
static const char *line_of(const char *text, int number, int *n) {
  for (; text && *text && number > 0; number--) {
    text += strcspn(text, "\n");
    if (*text) text++;
  }
  *n = text ? (int)strcspn(text, "\n") : 0;
  return text ? text : "";
}

static void print_classes(const gan_source *source, const gan_label_counts *counts) {
  int n;
  gan_log("rows of each label:");
  for (int label = 0; label < GAN_LABELS_COUNTED; label++) {
    const char *name = line_of(source->class_names, label, &n);
    if (counts->rows[label])
      gan_log("  %4d %10lld%s%.*s", label, (long long)counts->rows[label], n ? "  " : "", n, name);
  }
  if (counts->others) gan_log("  from %d on %lld", GAN_LABELS_COUNTED, (long long)counts->others);
}

static void print(const gan_source *source, const char *path, const gan_survey *survey,
                  double seconds) {
  char what[128], digest[33], size[16];
  uint64_t bytes = bytes_on_disk(path);
  gan_log("%s: %s, %s", path, source->format->name,
          gan_data_info_text(&source->info, what, sizeof what));
  gan_log("values: %g to %g", (double)survey->facts.smallest, (double)survey->facts.largest);
  if (source->info.has_labels) print_classes(source, &survey->labels);
  gan_log("digest: %s", gan_digest_text(digest, survey->digest));
  if (bytes) gan_log("on disk: %s", gan_bytes_text(size, (double)bytes));
  gan_log("read in %.1f s", seconds);
}

static gan_status survey_source(gan_source *source, const gan_source_spec *spec,
                                const info_request *request, gan_sheet *sheet, gan_survey *survey) {
  char what[128], digest[33];
  double start = gan_clock();
  GAN_TRY(gan_survey_take(source, spec, sheet, survey));
  if (request->verify) {
    GAN_TRY(gan_survey_check(source, spec, survey));
    gan_log("%s: verified: %s, digest %s", spec->path,
            gan_data_info_text(&source->info, what, sizeof what),
            gan_digest_text(digest, survey->digest));
  } else {
    print(source, spec->path, survey, gan_clock() - start);
  }
  if (!sheet) return GAN_OK;
  GAN_TRY(gan_sheet_write(sheet, request->png, &survey->facts));
  gan_log("picture: %s", request->png);
  return GAN_OK;
}

static gan_status look_into(const gan_source_spec *spec, const info_request *request) {
  gan_source *source;
  gan_sheet *sheet = NULL;
  GAN_TRY(gan_source_open(spec, &source));
  gan_survey *survey = gan_alloc(1, sizeof *survey, "what is in the data");
  gan_status status = survey ? GAN_OK : GAN_NO_MEMORY;
  if (status == GAN_OK && request->png)
    status = gan_sheet_create(&source->info, spec->path, &sheet);
  if (status == GAN_OK) status = survey_source(source, spec, request, sheet, survey);
  gan_sheet_destroy(&sheet);
  gan_free(&survey);
  gan_source_close(&source);
  return status;
}

gan_status gan_data_info_run(int argc, char **argv) {
  info_request request = {.images = "images", .labels = "labels", .layout = "auto"};
  const gan_argument table[] = {
      {.what = "PATH", .text = &request.name, .required = true},
      {.name = "--verify", .flag = &request.verify},
      {.name = "--png", .what = "F.png", .text = &request.png},
      {.name = "--images", .what = "NAME", .text = &request.images},
      {.name = "--labels", .what = "NAME", .text = &request.labels},
      {.name = "--layout", .what = "auto, nhwc or nchw", .text = &request.layout},
  };
  GAN_TRY(gan_arguments_parse("data info", GAN_DATA_INFO_USAGE, table, sizeof table / sizeof *table,
                              argc, argv));
  gan_source_spec spec = {.images = request.images, .labels = request.labels};
  GAN_TRY(gan_data_layout_find("info", request.layout, &spec.layout));
  char *path;
  GAN_TRY(gan_source_find(request.name, &path));
  spec.path = path;
  gan_status status = look_into(&spec, &request);
  gan_free(&path);
  return status;
}

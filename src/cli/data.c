/* mpigan data: what concerns data sets alone. */
#include "cli/data.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "data/convert.h"
#include "io/file.h"

#include <signal.h>
#include <string.h>

#define CONVERT_USAGE                                                                              \
  "SRC... OUT.h5 [--classes 3,5] [--gzip LEVEL] [--force] [--images NAME] [--labels NAME] "        \
  "[--layout auto|nhwc|nchw] [--stack COUNT] [--size N [--channels 3|1] [--damaged stop|skip]]"
#define USAGE "convert " CONVERT_USAGE " | info " GAN_DATA_INFO_USAGE

gan_status gan_data_layout_find(const char *word, const char *name, gan_layout *layout) {
  static const char *const names[] = {
      [GAN_LAYOUT_AUTO] = "auto", [GAN_LAYOUT_NHWC] = "nhwc", [GAN_LAYOUT_NCHW] = "nchw"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    *layout = (gan_layout)i;
    if (strcmp(names[i], name) == 0) return GAN_OK;
  }
  return gan_fail(GAN_USAGE, "data %s: --layout is '%.100s'; allowed is auto, nhwc or nchw", word,
                  name);
}

/* "3,5" as a list of different labels. */
static gan_status parse_classes(const char *text, gan_option_ints *classes) {
  GAN_TRY(gan_argument_integers("data convert: --classes", text, INT32_MAX - 1, classes));
  for (int i = 0; i < classes->count; i++)
    for (int k = 0; k < i; k++)
      if (classes->values[k] == classes->values[i])
        return gan_fail(GAN_USAGE,
                        "data convert: --classes is '%.100s'; allowed are different labels, for "
                        "example 3,5",
                        text);
  return GAN_OK;
}

/* What folders of pictures become; 0 in `side`: there are none. */
static gan_status check_pictures(const gan_convert_request *request, const char *damaged,
                                 gan_picture_spec *pictures) {
  bool skip = damaged && strcmp(damaged, "skip") == 0;
  if (!pictures->side && (damaged || pictures->channels))
    return gan_fail(
        GAN_USAGE, "data convert: --channels and --damaged are for folders of pictures, which want "
                   "--size too: the side of the squares that they become, for example --size 64");
  if (damaged && !skip && strcmp(damaged, "stop") != 0)
    return gan_fail(GAN_USAGE, "data convert: --damaged is '%.100s'; allowed is stop or skip",
                    damaged);
  if (!pictures->channels) pictures->channels = 3;
  if (pictures->channels == 2)
    return gan_fail(GAN_USAGE, "data convert: --channels is 2; allowed is 3 (colours) or 1 (grey)");
  if (pictures->side && request->select.count)
    return gan_fail(GAN_USAGE,
                    "data convert: --classes does not go with pictures; convert them all, then "
                    "choose from the file");
  if (pictures->side && request->stack)
    return gan_fail(GAN_USAGE,
                    "data convert: --stack does not go with folders of pictures; convert "
                    "them with --channels 1, then stack the file");
  pictures->skip_damaged = skip;
  return GAN_OK;
}

static gan_status convert(gan_comm *comm, const gan_convert_request *request) {
  char what[128], size[16];
  double start = gan_clock();
  gan_data_info info;
  uint64_t bytes;
  signal(SIGXFSZ, SIG_IGN); /* a limit of the file size becomes a failure to write */
  GAN_TRY(gan_convert(comm, request, &info));
  if (gan_comm_rank(comm) != 0) return GAN_OK;
  GAN_TRY(gan_file_size(request->out, &bytes));
  gan_log("%s: %s, %s on disk, written in %.1f s", request->out,
          gan_data_info_text(&info, what, sizeof what), gan_bytes_text(size, (double)bytes),
          gan_clock() - start);
  return GAN_OK;
}

static gan_status run_convert(gan_comm *comm, int argc, char **argv) {
  gan_argument_list words = {.count = 0};
  gan_convert_request request = {.images = "images", .labels = "labels"};
  const char *layout = "auto", *classes_text = NULL, *damaged = NULL;
  gan_option_ints classes = {.count = 0};
  gan_picture_spec *pictures = &request.pictures;
  int64_t gzip = 0;
  const gan_argument table[] = {
      {.what = "SRC... OUT.h5", .list = &words, .required = true},
      {.name = "--classes", .what = "3,5", .text = &classes_text},
      {.name = "--gzip", .what = "LEVEL", .integer = &gzip, .min = 0, .max = 9},
      {.name = "--stack", .what = "COUNT", .integer = &request.stack, .min = 1, .max = 1 << 30},
      {.name = "--size", .what = "N", .integer = &pictures->side, .min = 1, .max = 4096},
      {.name = "--channels", .what = "3 or 1", .integer = &pictures->channels, .min = 1, .max = 3},
      {.name = "--damaged", .what = "stop or skip", .text = &damaged},
      {.name = "--force", .flag = &request.force},
      {.name = "--images", .what = "NAME", .text = &request.images},
      {.name = "--labels", .what = "NAME", .text = &request.labels},
      {.name = "--layout", .what = "auto, nhwc or nchw", .text = &layout},
  };
  GAN_TRY(gan_arguments_parse("data convert", CONVERT_USAGE, table, sizeof table / sizeof *table,
                              argc, argv));
  if (words.count < 2)
    return gan_fail(GAN_USAGE,
                    "data convert: OUT.h5 is missing\nusage: mpigan data convert " CONVERT_USAGE);
  GAN_TRY(gan_data_layout_find("convert", layout, &request.layout));
  if (classes_text) GAN_TRY(parse_classes(classes_text, &classes));
  request.select = (gan_selection){classes.values, classes.count, true};
  GAN_TRY(check_pictures(&request, damaged, pictures));
  request.gzip = (int)gzip;
  request.sources = words.values;
  request.source_count = words.count - 1;
  request.out = words.values[words.count - 1];
  return convert(comm, &request);
}

static gan_status run(gan_comm *comm, int argc, char **argv) {
  if (argc < 2)
    return gan_fail(GAN_USAGE,
                    "data: say what to do; there are: convert, info\nusage: mpigan data " USAGE);
  if (strcmp(argv[1], "convert") == 0) return run_convert(comm, argc - 1, argv + 1);
  if (strcmp(argv[1], "info") == 0) /* one rank does it for the job */
    return gan_comm_rank(comm) == 0 ? gan_data_info_run(argc - 1, argv + 1) : GAN_OK;
  return gan_fail(GAN_USAGE, "data: unknown word '%.100s'; there are: convert, info", argv[1]);
}

const gan_command gan_command_data = {
    .name = "data",
    .usage = USAGE,
    .summary =
        "convert: any data set, or several, or folders of pictures, as one HDF5 file, which can "
        "be streamed; under mpirun all ranks decode pictures (EXIF orientation is ignored); "
        "info: what a data set is and what is in it",
    .mpi = GAN_MPI_LAUNCHED,
    .run = run,
};

/* Checkpoints: what is written comes back, and whatever is damaged is refused. */
#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/snapshot.h"
#include "io/file.h"
#include "train/session.h"
#include "unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { USER_BLOCK = 512 };

/* A GAN with all kinds of tensors: parameters, running statistics, counters. */
static const char config_text[] =
    "data: {path: 'builtin:digits'}\n"
    "model:\n"
    "  latent: 3\n"
    "  generator: [linear: {units: 5, bias: false}, batchnorm: {}, relu, linear: {units: 64}]\n"
    "  discriminator: [linear: {units: %d}, leaky_relu, linear: {units: 1}]\n"
    "train: {batch: 8, steps: 3}\n";

static const char *config_file(int discriminator_units) {
  char text[sizeof config_text + 16];
  const char *path = unit_path("run.yaml");
  int n = snprintf(text, sizeof text, config_text, discriminator_units);
  unit_write(path, text, (size_t)n);
  return path;
}

static void build_with(gan_session *session, int discriminator_units, const char *setting) {
  *session = (gan_session){.comm = gan_comm_alone()};
  check_ok(
      gan_session_config(session, config_file(discriminator_units), &setting, setting != NULL));
  check_ok(gan_session_build(session));
  check_ok(gan_session_load(session));
  gan_task_init(session->task);
}

static void build(gan_session *session, int discriminator_units) {
  build_with(session, discriminator_units, NULL);
}

/* After two steps nothing is at its first value. */
static void train(gan_session *session) {
  for (int i = 0; i < 2; i++) check_ok(session->task->type->step(session->task));
}

static gan_checkpoint_content content_of(const gan_session *session) {
  const gan_task *task = session->task;
  gan_checkpoint_content content = {.task = task->type->name,
                                    .config = session->config_text,
                                    .learner_count = task->learner_count,
                                    .counter_count = task->counter_count};
  content.facts = (gan_run_facts){.step = 2,
                                  .seed = -5,
                                  .world_size = 3,
                                  .epoch = 1.0 / 3,
                                  .elapsed_s = 12.75,
                                  .data = gan_session_data_facts(session)};
  memcpy(content.learners, task->learners, sizeof content.learners);
  memcpy(content.counters, task->counters, sizeof content.counters);
  return content;
}

/* A good file's bytes, of a run of two steps. */
static char *good_bytes(const char *path, size_t *n) {
  gan_session session;
  build(&session, 6);
  train(&session);
  gan_checkpoint_content content = content_of(&session);
  check_ok(gan_checkpoint_write(path, &content));
  gan_session_reset(&session);
  return unit_read(path, n);
}

static gan_status try_open(const char *path) {
  gan_checkpoint *checkpoint;
  gan_fail_clear();
  gan_status status = gan_checkpoint_open(path, &checkpoint);
  if (status == GAN_OK)
    gan_checkpoint_close(&checkpoint);
  else
    ck_assert_ptr_null(checkpoint);
  return status;
}

static gan_status try_bytes(const void *bytes, size_t n) {
  const char *path = unit_path("tried.h5");
  unit_write(path, bytes, n);
  return try_open(path);
}

/* ---- round trip ---- */

static void same_floats(const float *a, const float *b, int64_t n, const char *what) {
  ck_assert_msg(memcmp(a, b, (size_t)n * sizeof *a) == 0, "other %s", what);
}

static void same_learner(const gan_learner *a, const gan_learner *b) {
  const gan_net *net = a->net;
  same_floats(a->net->params, b->net->params, net->slab_size, "params");
  ck_assert_ptr_eq(a->optimizer->type, b->optimizer->type);
  for (int i = 0; i < a->optimizer->type->moment_count; i++)
    same_floats(a->optimizer->moments[i], b->optimizer->moments[i], net->slab_size,
                a->optimizer->type->moments[i]);
  same_floats(a->net->buffers, b->net->buffers, net->buffer_size, "buffers");
  for (int64_t i = 0; i < net->counter_count; i++)
    ck_assert_int_eq(a->net->counters[i], b->net->counters[i]);
  ck_assert_int_eq(a->optimizer->step, b->optimizer->step);
}

static void read_into(gan_checkpoint *checkpoint, gan_task *task) {
  for (int i = 0; i < task->learner_count; i++)
    check_ok(gan_checkpoint_read_learner(checkpoint, &task->learners[i]));
  for (int i = 0; i < task->counter_count; i++)
    check_ok(gan_checkpoint_read_counter(checkpoint, &task->counters[i]));
}

START_TEST(state_comes_back) {
  const char *path = unit_path("a.h5");
  gan_session one, two;
  gan_checkpoint *checkpoint;
  build(&one, 6);
  train(&one);
  gan_checkpoint_content content = content_of(&one);
  check_ok(gan_checkpoint_write(path, &content));
  ck_assert(!unit_exists(unit_path("a.h5.tmp")));

  build(&two, 6);
  check_ok(gan_checkpoint_open(path, &checkpoint));
  ck_assert_int_ne(two.task->learners[0].optimizer->step, one.task->learners[0].optimizer->step);
  ck_assert_int_gt(one.task->learners[0].net->counter_count, 0);
  read_into(checkpoint, two.task);
  for (int i = 0; i < one.task->learner_count; i++)
    same_learner(&one.task->learners[i], &two.task->learners[i]);
  for (int i = 0; i < one.task->counter_count; i++)
    ck_assert_int_eq(*one.task->counters[i].value, *two.task->counters[i].value);
  ck_assert_int_eq(two.task->images_seen, 2 * two.config.train.batch);

  ck_assert_str_eq(gan_checkpoint_path(checkpoint), path);
  ck_assert_str_eq(gan_checkpoint_config(checkpoint), one.config_text);
  ck_assert_str_eq(gan_checkpoint_task(checkpoint), "gan");
  ck_assert_str_eq(gan_checkpoint_networks(checkpoint), "generator,discriminator");
  ck_assert_uint_gt(strlen(gan_checkpoint_program(checkpoint)), 0);
  const gan_run_facts *facts = gan_checkpoint_facts(checkpoint);
  ck_assert(facts->step == 2 && facts->seed == -5 && facts->world_size == 3);
  ck_assert(facts->epoch == 1.0 / 3 && facts->elapsed_s == 12.75);
  gan_data_facts data = gan_session_data_facts(&one), found = facts->data;
  ck_assert(found.n == 1797 && found.h == 8 && found.w == 8 && found.c == 1);
  ck_assert(found.classes == 10 && found.low == data.low && found.high == data.high);
  ck_assert(found.scale == data.scale && found.offset == data.offset);
  ck_assert(gan_digest_equal(found.digest, data.digest));

  /* Both go on to the same bits. */
  check_ok(one.task->type->step(one.task));
  check_ok(two.task->type->step(two.task));
  for (int i = 0; i < one.task->learner_count; i++)
    same_learner(&one.task->learners[i], &two.task->learners[i]);
  gan_checkpoint_close(&checkpoint);
  gan_session_reset(&one);
  gan_session_reset(&two);
}
END_TEST

/* What is written from a copy is what was there at the copying, though training has gone on. */
START_TEST(snapshot_stands_still) {
  gan_session session;
  gan_snapshot *snapshot;
  size_t n, m;
  build(&session, 6);
  train(&session);
  gan_checkpoint_content content = content_of(&session);
  check_ok(gan_snapshot_create(&content, &snapshot));
  uint64_t taken = gan_alloc_count();
  gan_snapshot_take(snapshot, &content.facts);
  ck_assert_uint_eq(gan_alloc_count(), taken);
  check_ok(gan_checkpoint_write(unit_path("now.h5"), &content));
  train(&session);
  check_ok(gan_checkpoint_write(unit_path("copy.h5"), gan_snapshot_content(snapshot)));
  check_ok(gan_checkpoint_write(unit_path("later.h5"), &content));
  char *now = unit_read(unit_path("now.h5"), &n), *copy = unit_read(unit_path("copy.h5"), &m);
  ck_assert(n == m && memcmp(now, copy, n) == 0);
  gan_free(&copy);
  copy = unit_read(unit_path("later.h5"), &m);
  ck_assert(n == m && memcmp(now, copy, n) != 0);
  gan_free(&now);
  gan_free(&copy);
  gan_snapshot_destroy(&snapshot);
  gan_session_reset(&session);
}
END_TEST

START_TEST(facts_come_back) {
  static const gan_run_facts rows[] = {{INT64_MAX,
                                        INT64_MIN,
                                        1,
                                        7,
                                        5,
                                        3,
                                        0.125,
                                        0,
                                        0,
                                        {INT64_MAX, 1, 1, 7, 0, -1e300, 5e-324, -0.0, 1e-9, {0, 0}},
                                        {"frechet_distance", 1.0 / 3, INT64_MAX, 4},
                                        1},
                                       {0,
                                        0,
                                        1 << 20,
                                        0,
                                        0,
                                        0,
                                        1,
                                        1e9,
                                        1e-9,
                                        {1, 2, 3, 4, 0, 0, 255, 2, -1, {UINT64_MAX, 1}},
                                        {"", 0, 0, 0},
                                        0},
                                       {99,
                                        1,
                                        1,
                                        INT64_MAX,
                                        1,
                                        1,
                                        1e-9,
                                        0.1,
                                        0.1,
                                        {5, 1, 9, 1, 3, 0, 1, 1, 0, {1, (uint64_t)1 << 63}},
                                        {"test_loss", 0, 0, 1},
                                        0}};
  const char *path = unit_path("facts.h5");
  for (size_t i = 0; i < COUNT(rows); i++) {
    gan_checkpoint *checkpoint;
    gan_checkpoint_content content = {.task = "t", .config = "", .facts = rows[i]};
    check_ok(gan_checkpoint_write(path, &content));
    check_ok(gan_checkpoint_open(path, &checkpoint));
    const gan_run_facts *found = gan_checkpoint_facts(checkpoint);
    ck_assert_msg(memcmp(found, &rows[i], sizeof rows[i]) == 0, "row %zu", i);
    ck_assert_str_eq(gan_checkpoint_config(checkpoint), "");
    gan_checkpoint_close(&checkpoint);
  }
}
END_TEST

static void note(void *context, const char *name, int rank, const int64_t *dims) {
  char *text = context;
  size_t used = strlen(text);
  snprintf(text + used, 512 - used, "%s", name);
  for (int i = 0; i < rank; i++) {
    used = strlen(text);
    snprintf(text + used, 512 - used, "%s%d", i ? "x" : " ", (int)dims[i]);
  }
  strcat(text, "; ");
}

/* Of SGD as of Adam; and neither takes the other's. */
START_TEST(optimizers_have_types) {
  const char *path = unit_path("sgd.h5"), *sgd = "train.optimizer={type: sgd, momentum: 0.9}";
  gan_session one, two, adam;
  gan_checkpoint *checkpoint;
  char *type, text[512] = "";
  build_with(&one, 6, sgd);
  train(&one);
  gan_checkpoint_content content = content_of(&one);
  check_ok(gan_checkpoint_write(path, &content));
  check_ok(gan_checkpoint_open(path, &checkpoint));
  build_with(&two, 6, sgd);
  read_into(checkpoint, two.task);
  for (int k = 0; k < 2; k++) { /* and both go on to the same bits */
    for (int i = 0; i < one.task->learner_count; i++)
      same_learner(&one.task->learners[i], &two.task->learners[i]);
    check_ok(one.task->type->step(one.task));
    check_ok(two.task->type->step(two.task));
  }
  build(&adam, 6);
  const gan_learner *other = &adam.task->learners[0];
  check_ok(gan_checkpoint_optimizer(checkpoint, other->net, &type));
  ck_assert_str_eq(type, "sgd");
  gan_free(&type);
  check_fails(gan_checkpoint_read_learner(checkpoint, other), GAN_INPUT, "sgd.h5",
              "generator/optimizer is of type sgd, not adam");
  check_ok(
      gan_checkpoint_tensors(checkpoint, "discriminator/optimizer", "momentum_buffer", note, text));
  ck_assert_str_eq(text, "0.bias 6; 0.weight 6x64; 2.bias 1; 2.weight 1x6; ");
  gan_checkpoint_close(&checkpoint);
  gan_session_reset(&one);
  gan_session_reset(&two);
  gan_session_reset(&adam);
}
END_TEST

START_TEST(sampling_needs_no_moments) {
  const char *path = unit_path("a.h5");
  gan_session one, two;
  gan_checkpoint *checkpoint;
  build(&one, 6);
  train(&one);
  gan_checkpoint_content content = content_of(&one);
  check_ok(gan_checkpoint_write(path, &content));
  build(&two, 6);
  gan_learner weights_only = {.net = two.task->learners[0].net};
  check_ok(gan_checkpoint_open(path, &checkpoint));
  check_ok(gan_checkpoint_read_learner(checkpoint, &weights_only));
  same_floats(two.task->learners[0].net->params, one.task->learners[0].net->params,
              weights_only.net->slab_size, "params");
  ck_assert_int_eq(two.task->learners[0].optimizer->step, 0);
  gan_checkpoint_close(&checkpoint);
  gan_session_reset(&one);
  gan_session_reset(&two);
}
END_TEST

START_TEST(same_state_gives_the_same_bytes) {
  size_t first_n, second_n;
  char *first = good_bytes(unit_path("a.h5"), &first_n);
  char *second = good_bytes(unit_path("b.h5"), &second_n);
  ck_assert_uint_eq(first_n, second_n);
  ck_assert_int_eq(memcmp(first, second, first_n), 0);
  gan_free(&first);
  gan_free(&second);
}
END_TEST

/* The block is text that tells the length and the XXH3-128 of the rest. */
START_TEST(user_block_is_what_it_says) {
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n), head[256];
  XXH128_hash_t hash = XXH3_128bits(bytes + USER_BLOCK, n - USER_BLOCK);
  int used = snprintf(
      head, sizeof head, "mpigan checkpoint\nversion 2\nbytes %zu\nxxh3-128 %016llx%016llx\n",
      n - USER_BLOCK, (unsigned long long)hash.high64, (unsigned long long)hash.low64);
  ck_assert_int_eq(memcmp(bytes, head, (size_t)used), 0);
  for (int i = used; i < USER_BLOCK - 1; i++) ck_assert_int_eq(bytes[i], ' ');
  ck_assert_int_eq(bytes[USER_BLOCK - 1], '\n');
  ck_assert_int_eq(memcmp(bytes + USER_BLOCK, "\x89HDF\r\n\x1a\n", 8), 0);
  gan_free(&bytes);
}
END_TEST

START_TEST(tensors_are_listed) {
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n), text[512] = "";
  gan_checkpoint *checkpoint;
  check_ok(gan_checkpoint_open(unit_path("a.h5"), &checkpoint));
  check_ok(gan_checkpoint_tensors(checkpoint, "discriminator", "param", note, text));
  ck_assert_str_eq(text, "0.bias 6; 0.weight 6x64; 2.bias 1; 2.weight 1x6; ");
  *text = '\0';
  check_ok(gan_checkpoint_tensors(checkpoint, "generator", "buffer", note, text));
  ck_assert_str_eq(text, "1.num_batches_tracked; 1.running_mean 5; 1.running_var 5; ");
  check_ok(gan_checkpoint_tensors(checkpoint, "discriminator", "buffer", note, text)); /* none */
  check_fails(gan_checkpoint_tensors(checkpoint, "critic", "param", note, text), GAN_INPUT,
              "critic");
  gan_checkpoint_close(&checkpoint);
  gan_free(&bytes);
}
END_TEST

/* The file has 6 units where this network has 7. */
START_TEST(tensors_are_matched) {
  static const struct {
    int learner;
    const char *name;
    gan_tensor_match match;
    const char *there;
  } rows[] = {{0, "1.running_var", GAN_TENSOR_FITS, "(5)"},
              {0, "1.num_batches_tracked", GAN_TENSOR_FITS, "()"},
              {1, "0.weight", GAN_TENSOR_RESHAPED, "(6, 64)"},
              {1, "2.weight", GAN_TENSOR_RESHAPED, "(1, 6)"},
              {1, "2.bias", GAN_TENSOR_FITS, "(1)"}};
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n), there[GAN_DIMS_TEXT];
  gan_session other;
  gan_checkpoint *checkpoint;
  gan_tensor_match match;
  build(&other, 7);
  check_ok(gan_checkpoint_open(unit_path("a.h5"), &checkpoint));
  for (size_t i = 0; i < COUNT(rows); i++) {
    const gan_net *net = other.task->learners[rows[i].learner].net;
    int k = 0;
    while (strcmp(net->tensors[k].name, rows[i].name) != 0) k++;
    check_ok(gan_checkpoint_match(checkpoint, net, &net->tensors[k], &match, there));
    ck_assert_int_eq(match, rows[i].match);
    ck_assert_str_eq(there, rows[i].there);
  }
  gan_tensor extra = other.task->learners[0].net->tensors[0];
  strcpy(extra.name, "9.weight");
  check_ok(gan_checkpoint_match(checkpoint, other.task->learners[0].net, &extra, &match, there));
  ck_assert(match == GAN_TENSOR_MISSING && !*there);
  gan_checkpoint_close(&checkpoint);
  gan_session_reset(&other);
  gan_free(&bytes);
}
END_TEST

/* ---- refusals ---- */

START_TEST(truncated_files_are_refused) {
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n);
  for (size_t cut = 0; cut < n; cut += 97) {
    ck_assert_msg(try_bytes(bytes, cut) == GAN_INPUT, "cut at %zu", cut);
    check_message("tried.h5");
  }
  ck_assert_int_eq(try_bytes(bytes, n - 1), GAN_INPUT);
  check_message("truncated");
  ck_assert_int_eq(try_bytes(bytes, USER_BLOCK), GAN_INPUT);
  check_message("truncated");
  ck_assert_int_eq(try_bytes(bytes, USER_BLOCK - 1), GAN_INPUT);
  check_message("truncated");
  ck_assert_int_eq(try_bytes(bytes, n), GAN_OK);
  gan_free(&bytes);
}
END_TEST

START_TEST(flipped_bits_are_refused) {
  size_t n;
  uint64_t state = 11;
  char *bytes = good_bytes(unit_path("a.h5"), &n);
  for (size_t i = 0; i < USER_BLOCK + 300; i++) {
    size_t at = i < USER_BLOCK ? i : USER_BLOCK + unit_bits(&state) % (n - USER_BLOCK);
    char bit = (char)(1 << unit_bits(&state) % 8);
    bytes[at] = (char)(bytes[at] ^ bit);
    ck_assert_msg(try_bytes(bytes, n) == GAN_INPUT, "bit %d of byte %zu", bit, at);
    check_message("tried.h5");
    bytes[at] = (char)(bytes[at] ^ bit);
  }
  ck_assert_int_eq(try_bytes(bytes, n), GAN_OK);
  gan_free(&bytes);
}
END_TEST

START_TEST(longer_files_are_refused) {
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n);
  char *longer = gan_alloc(n + 1, 1, "a longer file");
  memcpy(longer, bytes, n);
  ck_assert_int_eq(try_bytes(longer, n + 1), GAN_INPUT);
  check_message("damaged");
  gan_free(&bytes);
  gan_free(&longer);
}
END_TEST

/* A user block that is spelt well and tells other things than ours. */
static void forge(char *bytes, const char *version, unsigned long long n, XXH128_hash_t hash) {
  char text[USER_BLOCK + 1];
  int used = snprintf(text, sizeof text,
                      "mpigan checkpoint\nversion %s\nbytes %llu\nxxh3-128 %016llx%016llx\n",
                      version, n, (unsigned long long)hash.high64, (unsigned long long)hash.low64);
  memset(text + used, ' ', (size_t)(USER_BLOCK - used));
  text[USER_BLOCK - 1] = '\n';
  memcpy(bytes, text, USER_BLOCK);
}

START_TEST(other_versions_are_refused) {
  static const struct {
    const char *version, *message;
  } rows[] = {{"3", "newer"},    {"17", "newer"},  {"1", "reads version 2"}, {"0", "damaged"},
              {"-1", "damaged"}, {"", "damaged"},  {"x", "damaged"},         {"02", "damaged"},
              {" 2", "damaged"}, {"+2", "damaged"}};
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n);
  XXH128_hash_t hash = XXH3_128bits(bytes + USER_BLOCK, n - USER_BLOCK);
  for (size_t i = 0; i < COUNT(rows); i++) {
    forge(bytes, rows[i].version, n - USER_BLOCK, hash);
    ck_assert_msg(try_bytes(bytes, n) == GAN_INPUT, "version '%s'", rows[i].version);
    check_message("tried.h5", rows[i].message);
  }
  forge(bytes, "2", 1ull << 63, hash);
  ck_assert_int_eq(try_bytes(bytes, n), GAN_INPUT);
  forge(bytes, "2", UINT64_MAX, hash); /* the message does not count past the largest number */
  ck_assert_int_eq(try_bytes(bytes, n), GAN_INPUT);
  check_message("truncated", "18446744073709551615");
  forge(bytes, "2", n - USER_BLOCK, hash); /* the forger can forge: this one is good */
  ck_assert_int_eq(try_bytes(bytes, n), GAN_OK);
  gan_free(&bytes);
}
END_TEST

/* A rest whose hash is right is still not trusted. */
START_TEST(well_hashed_rubbish_is_refused) {
  static const char rubbish[] = "no HDF5 at all";
  char bytes[USER_BLOCK + sizeof rubbish], *image;
  size_t n;
  memcpy(bytes + USER_BLOCK, rubbish, sizeof rubbish);
  forge(bytes, "2", sizeof rubbish, XXH3_128bits(rubbish, sizeof rubbish));
  ck_assert_int_eq(try_bytes(bytes, sizeof bytes), GAN_INPUT);
  check_message("tried.h5");

  gan_h5 *file; /* an HDF5 file without what a checkpoint has */
  check_ok(gan_h5_create(&file));
  check_ok(gan_h5_set_text(file, "/", "config", "x"));
  check_ok(gan_h5_image(file, &image, &n));
  gan_h5_close(&file);
  char *whole = gan_alloc(USER_BLOCK + n, 1, "a file");
  memcpy(whole + USER_BLOCK, image, n);
  forge(whole, "2", n, XXH3_128bits(image, n));
  ck_assert_int_eq(try_bytes(whole, USER_BLOCK + n), GAN_INPUT);
  check_message("tried.h5", "'task'");
  gan_free(&whole);

  ck_assert_int_eq(try_bytes(image, n), GAN_INPUT); /* plain HDF5 */
  check_message("tried.h5", "not an mpigan checkpoint");
  gan_free(&image);
}
END_TEST

START_TEST(what_is_no_checkpoint_is_refused) {
  ck_assert_int_eq(try_bytes("", 0), GAN_INPUT);
  check_message("tried.h5", "empty");
  ck_assert_int_eq(try_bytes("x", 1), GAN_INPUT);
  check_message("not an mpigan checkpoint");
  ck_assert_int_eq(try_open(unit_folder()), GAN_INPUT);
  check_message(unit_folder());
  ck_assert_int_eq(try_open(unit_path("none")), GAN_INPUT);
  check_message(unit_path("none"));
}
END_TEST

START_TEST(other_networks_are_refused) {
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n);
  gan_session other;
  gan_checkpoint *checkpoint;
  int64_t value = 5;
  build(&other, 7);
  check_ok(gan_checkpoint_open(unit_path("a.h5"), &checkpoint));
  check_ok(gan_checkpoint_read_learner(checkpoint, &other.task->learners[0]));
  check_fails(gan_checkpoint_read_learner(checkpoint, &other.task->learners[1]), GAN_INPUT, "a.h5",
              "discriminator/param/0.weight");
  other.task->learners[0].net->name = "critic";
  check_fails(gan_checkpoint_read_learner(checkpoint, &other.task->learners[0]), GAN_INPUT, "a.h5",
              "critic/param/0.weight");
  gan_counter counter = {"c_updates", &value};
  check_fails(gan_checkpoint_read_counter(checkpoint, &counter), GAN_INPUT, "a.h5", "c_updates");
  gan_checkpoint_close(&checkpoint);
  gan_session_reset(&other);
  gan_free(&bytes);
}
END_TEST

START_TEST(failed_writing_is_told) {
  gan_checkpoint_content content = {.task = "t", .config = ""};
  const char *path = unit_path("no/such/a.h5");
  check_fails(gan_checkpoint_write(path, &content), GAN_OUTPUT, path);
}
END_TEST

/* ---- other programs ---- */

/* Every HDF5 program passes over a user block by itself. */
START_TEST(h5dump_reads_it) {
  if (system("h5dump --version >/dev/null 2>&1") != 0) {
    fprintf(stderr, "h5dump_reads_it is skipped: there is no h5dump here\n");
    return;
  }
  size_t n;
  char *bytes = good_bytes(unit_path("a.h5"), &n), *text;
  char *command = gan_format("h5dump -a /step -d /generator/param/3.bias -d /data/shape %s >%s",
                             unit_path("a.h5"), unit_path("dump"));
  ck_assert_int_eq(system(command), 0);
  gan_free(&bytes);
  text = unit_read(unit_path("dump"), &n);
  ck_assert_ptr_nonnull(strstr(text, "(0): 2\n"));
  ck_assert_ptr_nonnull(strstr(text, "H5T_IEEE_F32LE"));
  ck_assert_ptr_nonnull(strstr(text, "SIMPLE { ( 64 ) / ( 64 ) }"));
  ck_assert_ptr_nonnull(strstr(text, "(0): 1, 8, 8\n"));
  gan_free(&text);
  gan_free(&command);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {state_comes_back, 1},
      {snapshot_stands_still, 1},
      {facts_come_back, 1},
      {optimizers_have_types, 1},
      {sampling_needs_no_moments, 1},
      {same_state_gives_the_same_bytes, 1},
      {user_block_is_what_it_says, 1},
      {tensors_are_listed, 1},
      {tensors_are_matched, 1},
      {truncated_files_are_refused, 1},
      {flipped_bits_are_refused, 1},
      {longer_files_are_refused, 1},
      {other_versions_are_refused, 1},
      {well_hashed_rubbish_is_refused, 1},
      {what_is_no_checkpoint_is_refused, 1},
      {other_networks_are_refused, 1},
      {failed_writing_is_told, 1},
      {h5dump_reads_it, 1},
  };
  return UNIT_MAIN("checkpoint", tests);
}

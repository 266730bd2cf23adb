/* The replica check: one bit on one rank is seen, and rank and tensor are named. */
#include "base/memory.h"
#include "mpi/support.h"
#include "train/replicas.h"
#include "train/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char config_text[] = "data: {path: 'builtin:digits'}\n"
                                  "model:\n"
                                  "  latent: 5\n"
                                  "  generator:\n"
                                  "  - linear: {units: 9, bias: false}\n"
                                  "  - batchnorm: {}\n"
                                  "  - relu: {}\n"
                                  "  - linear: {units: 64}\n"
                                  "  discriminator:\n"
                                  "  - linear: {units: 7}\n"
                                  "  - relu: {}\n"
                                  "  - linear: {units: 1}\n"
                                  "train: {batch: 12, steps: 1, ema: {decay: 0.9}}\n";

enum { GENERATOR, DISCRIMINATOR, STEP = 77 };

static gan_session session;
static gan_replicas *replicas;

/* Two steps, so that moments and statistics hold something. */
static void begin(void) {
  char path[64];
  int pid = (int)getpid();
  check_ok(gan_comm_broadcast(world, &pid, sizeof pid, "a pid"));
  snprintf(path, sizeof path, "/tmp/mpigan-test-%d.yaml", pid);
  if (gan_comm_rank(world) == 0) {
    FILE *file = fopen(path, "w");
    if (file) fputs(config_text, file);
    if (file) fclose(file);
  }
  session = (gan_session){.comm = world};
  check_ok(gan_session_config(&session, path, NULL, 0));
  if (gan_comm_rank(world) == 0) unlink(path);
  check_ok(gan_session_build(&session));
  check_ok(gan_session_load(&session));
  gan_task_init(session.task);
  for (int i = 0; i < 2; i++) check_ok(session.task->type->step(session.task));
  check_ok(gan_replicas_create(session.task, &replicas));
  check_ok(gan_replicas_check(replicas, STEP));
}

static void end(void) {
  check_ok(gan_replicas_check(replicas, STEP)); /* every flip was undone */
  gan_replicas_destroy(&replicas);
  gan_session_reset(&session);
}

/* Where a number of a tensor stands, in the slab of that part. */
typedef enum { VALUE, EXP_AVG, EXP_AVG_SQ, AVERAGE } slab;

static unsigned char *byte_of(int learner, slab which, const char *name, int64_t number) {
  const gan_learner *l = &session.task->learners[learner];
  for (int i = 0; i < l->net->tensor_count; i++) {
    const gan_tensor *tensor = &l->net->tensors[i];
    if (strcmp(tensor->name, name) != 0) continue;
    if (which == EXP_AVG)
      return (unsigned char *)(l->optimizer->moments[0] + tensor->offset + number);
    if (which == EXP_AVG_SQ)
      return (unsigned char *)(l->optimizer->moments[1] + tensor->offset + number);
    size_t size = tensor->kind == GAN_TENSOR_COUNTER ? sizeof(int64_t) : sizeof(float);
    const gan_net *net = which == AVERAGE ? l->average->net : l->net;
    return (unsigned char *)gan_net_tensor(net, tensor) + (size_t)number * size;
  }
  return NULL;
}

static bool message_holds(const char *text) {
  return strstr(gan_error_message(), text) != NULL;
}

/* The message names this rank as odd if it is, and only then. */
static bool names_exactly(const bool *odd) {
  bool right = true;
  for (int r = 0; r < gan_comm_size(world); r++) {
    char text[32];
    snprintf(text, sizeof text, "rank %d (", r);
    right &= message_holds(text) == odd[r];
  }
  return right;
}

/* One rank of one is always alike; of two nobody is the majority, so both are named. */
static void check_flip(unsigned char *byte, int who, const char *where) {
  int size = gan_comm_size(world);
  bool odd[8] = {false};
  for (int r = 0; r < size; r++) odd[r] = r == who || size == 2;
  check_all(byte != NULL);
  if (gan_comm_rank(world) == who) *byte ^= 1; /* the last bit */
  uint64_t before = gan_alloc_count();
  gan_fail_clear();
  gan_status status = gan_replicas_check(replicas, STEP);
  check_all(gan_alloc_count() == before);
  check_all(status == (size > 1 ? GAN_INTERNAL : GAN_OK));
  if (size > 1) {
    check_all(message_holds("step 77: ") && message_holds("no checkpoint is written"));
    check_all(message_holds(where));
    check_all(message_holds("no majority") == (size == 2));
    check_all(names_exactly(odd));
  }
  if (gan_comm_rank(world) == who) *byte ^= 1;
}

static const struct {
  int learner;
  slab which;
  const char *name;
  int64_t number;
  const char *where;
} flips[] = {
    {GENERATOR, VALUE, "0.weight", 0, "in generator 0.weight;"},
    {GENERATOR, VALUE, "3.weight", 575, "in generator 3.weight;"},
    {DISCRIMINATOR, VALUE, "2.bias", 0, "in discriminator 2.bias;"},
    {GENERATOR, EXP_AVG, "3.bias", 63, "in generator exp_avg of 3.bias;"},
    {DISCRIMINATOR, EXP_AVG, "0.weight", 447, "in discriminator exp_avg of 0.weight;"},
    {GENERATOR, EXP_AVG_SQ, "1.weight", 8, "in generator exp_avg_sq of 1.weight;"},
    {DISCRIMINATOR, EXP_AVG_SQ, "2.weight", 6, "in discriminator exp_avg_sq of 2.weight;"},
    {GENERATOR, VALUE, "1.running_mean", 4, "in generator 1.running_mean;"},
    {GENERATOR, VALUE, "1.running_var", 8, "in generator 1.running_var;"},
    {GENERATOR, VALUE, "1.num_batches_tracked", 0, "in generator 1.num_batches_tracked;"},
    {GENERATOR, AVERAGE, "3.weight", 575, "in generator_ema 3.weight;"},
    {GENERATOR, AVERAGE, "1.running_var", 8, "in generator_ema 1.running_var;"},
};

START_TEST(one_bit_is_seen) {
  begin();
  for (size_t i = 0; i < sizeof flips / sizeof *flips; i++)
    for (int who = 0; who < gan_comm_size(world); who++)
      check_flip(byte_of(flips[i].learner, flips[i].which, flips[i].name, flips[i].number), who,
                 flips[i].where);
  end();
}
END_TEST

START_TEST(counters_are_state_too) {
  begin();
  int last = gan_comm_size(world) - 1;
  check_flip((unsigned char *)&session.task->learners[GENERATOR].optimizer->step, last,
             "in generator step of the optimizer;");
  check_flip((unsigned char *)&session.task->learners[GENERATOR].average->updates, last,
             "in generator_ema count of updates;");
  check_flip((unsigned char *)&session.task->images_seen, last, "in counter images_seen;");
  end();
}
END_TEST

/* Nothing lives in the gaps between tensors, but a bit there is a bad bit of this memory too. */
START_TEST(gaps_are_looked_at) {
  begin();
  check_flip(byte_of(GENERATOR, VALUE, "0.weight", 45), 0,
             "in generator gaps between its tensors;");
  end();
}
END_TEST

/* Rank r with another value than all others, or as many as agree: the majority is right. */
START_TEST(several_odd_ranks) {
  static const struct {
    int size;
    unsigned char bits[4]; /* what each rank flips */
    bool odd[4];
    bool majority;
  } rows[] = {
      {3, {1, 2, 4}, {true, true, true}, false},
      {3, {1, 1, 0}, {false, false, true}, true},
      {4, {1, 1, 0, 0}, {true, true, true, true}, false},
      {4, {1, 1, 2, 0}, {true, true, true, true}, false},
      {4, {1, 1, 1, 2}, {false, false, false, true}, true},
      {4, {0, 1, 0, 0}, {false, true, false, false}, true},
  };
  begin();
  unsigned char *byte = byte_of(DISCRIMINATOR, VALUE, "0.weight", 100);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].size != gan_comm_size(world)) continue;
    unsigned char bits = rows[i].bits[gan_comm_rank(world)];
    *byte ^= bits;
    check_all(gan_replicas_check(replicas, STEP) == GAN_INTERNAL);
    check_all(message_holds("in discriminator 0.weight;"));
    check_all(message_holds("no majority") == !rows[i].majority);
    check_all(names_exactly(rows[i].odd));
    *byte ^= bits;
  }
  end();
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {
      one_bit_is_seen,
      counters_are_state_too,
      gaps_are_looked_at,
      several_odd_ranks,
  };
  return run_mpi_tests(argc, argv, "replicas", tests, sizeof tests / sizeof *tests);
}

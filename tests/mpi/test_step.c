/* Promise 3: one step from a common checkpoint is the same on 1, 2, 3, 4, 5 and 8 ranks, to
 * rounding.
 *
 * The groups of ranks live in one job of eight, and each takes its step in turn from the same
 * state: untrained, and after STEP_EARLY and STEP_LATE steps at the config's rates, which
 * prepare.py took.
 */
#include "base/memory.h"
#include "mpi/support.h"
#include "train/resume.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS = 8, LEARNERS = 2, LOSSES = 2 };

static const int worlds[] = {1, 2, 3, 4, 5, RANKS};

/* The contract: losses and gradient slabs of one step agree to this. */
static const double TOLERANCE = 1e-5;

/* Of an untrained network the gradients of the generator agree to this: it learns through a
 * discriminator that has just taken Adam's first step, lr * sign(gradient), so that weights whose
 * gradient is zero to rounding move either way.  1.3e-5 was seen, and 8e-7 once Adam has moments.
 */
static const double FIRST = 1e-4;

/* With STEP_KINKS the gradients agree to this.  Where the input of a relu is zero to rounding, its
 * gradient turns with the last bit: of 7 million inputs a step one does in about one comparison of
 * ten, and the gradients then part by 2e-5 to 1e-4 (measured; with silu instead never by more than
 * 4e-7).  Other samples part them by more than 2e-2. */
static const double TURNED = 1e-3;

/* What a step gave, on rank 0: losses of discriminator and generator, gradients of generator and
 * discriminator. */
typedef struct {
  double losses[LOSSES];
  float *grads[LEARNERS];
  int64_t n[LEARNERS];
} outcome;

static gan_status load_state(gan_session *session, const char *folder, int step) {
  gan_checkpoint *checkpoint = NULL;
  gan_run_facts facts;
  gan_task_init(session->task);
  if (step == 0) return GAN_OK;
  gan_status status = GAN_OK;
  if (gan_comm_rank(session->comm) == 0) {
    char path[512];
    snprintf(path, sizeof path, "%s/run/checkpoints/step-%08d.h5", folder, step);
    status = gan_checkpoint_open(path, &checkpoint);
  }
  status = gan_comm_agree(session->comm, status, "a checkpoint");
  if (status == GAN_OK) status = gan_resume_load(session, checkpoint, &facts);
  gan_checkpoint_close(&checkpoint);
  return status;
}

static gan_status keep(const gan_task *task, outcome *out) {
  for (int i = 0; i < LOSSES; i++) out->losses[i] = task->metrics[i].value;
  for (int i = 0; i < LEARNERS; i++) {
    const gan_net *net = task->learners[i].net;
    out->n[i] = net->slab_size;
    GAN_TRY_ALLOC(out->grads[i], net->slab_size, "gradients");
    memcpy(out->grads[i], net->summed, (size_t)net->slab_size * sizeof(float));
  }
  return GAN_OK;
}

/* One step of one group. */
static gan_status take_step(gan_comm *group, const char *folder, int step, outcome *out) {
  char config[512];
  snprintf(config, sizeof config, "%s/run/config.yaml", folder);
  gan_session session = {.comm = group};
  gan_status status = gan_session_config(&session, config, NULL, 0);
  if (status == GAN_OK) status = gan_session_build(&session);
  if (status == GAN_OK) status = gan_session_load(&session);
  if (status == GAN_OK) status = load_state(&session, folder, step);
  if (status == GAN_OK) status = session.task->type->step(session.task);
  if (status == GAN_OK) status = keep(session.task, out);
  gan_session_reset(&session);
  return status;
}

static bool agree(const outcome *one, const outcome *many, int step, int ranks) {
  double limit = getenv("STEP_KINKS") ? TURNED : TOLERANCE;
  bool good = true;
  for (int i = 0; i < LOSSES; i++) {
    double loss = fabs(many->losses[i] / one->losses[i] - 1);
    printf("step %d on %d ranks: %s differs by %.1e\n", step, ranks, i ? "g_loss" : "d_loss", loss);
    good &= loss < TOLERANCE;
  }
  for (int i = 0; i < LEARNERS; i++) {
    double grad = distance(many->grads[i], one->grads[i], one->n[i]);
    printf("step %d on %d ranks: gradients of the %s differ by %.1e\n", step, ranks,
           i ? "discriminator" : "generator", grad);
    good &= grad < (step == 0 && i == 0 && limit < FIRST ? FIRST : limit);
  }
  return good;
}

static void free_outcome(outcome *out) {
  for (int i = 0; i < LEARNERS; i++) gan_free(&out->grads[i]);
}

static void compare_worlds(int step) {
  const char *folder = getenv("STEP_FOLDER");
  check_all(folder && gan_comm_size(world) == RANKS);
  outcome one = {.n = {0}};
  for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++) {
    int ranks = worlds[i];
    gan_comm *group;
    outcome many = {.n = {0}};
    bool mine = gan_comm_rank(world) < ranks;
    check_ok(gan_comm_split(world, mine ? 0 : 1, &group));
    check_ok(mine ? take_step(group, folder, step, &many) : GAN_OK);
    bool root = gan_comm_rank(world) == 0;
    if (ranks > 1) check_all(!root || agree(&one, &many, step, ranks));
    if (ranks == 1)
      one = many;
    else
      free_outcome(&many);
    gan_comm_destroy(&group);
  }
  free_outcome(&one);
}

START_TEST(untrained) {
  compare_worlds(0);
}
END_TEST

START_TEST(early) {
  compare_worlds(atoi(getenv("STEP_EARLY")));
}
END_TEST

START_TEST(late) {
  compare_worlds(atoi(getenv("STEP_LATE")));
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {untrained, early, late};
  return run_mpi_tests(argc, argv, "step", tests, sizeof tests / sizeof *tests);
}

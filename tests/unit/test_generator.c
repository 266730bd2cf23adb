/* The public face of a trained generator: what it makes is what the run's own network makes, and
 * mistakes of its caller. */
#include "base/memory.h"
#include "task/generate.h"
#include "train/session.h"
#include "unit/support.h"

#include <math.h>
#include <string.h>

/* Of 255: matrix products of other sizes round otherwise. */
static const double PRODUCT_ROUNDING = 1e-3;

enum { LATENT = 5, PIXELS = 64, N = 6, SEED = 9 };

static const char *const config_text = "data: {path: 'builtin:digits', classes: [5, 3]}\n"
                                       "model:\n"
                                       "  latent: 5\n"
                                       "  classes: 2\n"
                                       "  generator: [linear: {units: 64}, sigmoid: {}]\n"
                                       "  discriminator: [linear: {units: 1}]\n"
                                       "train: {batch: 12, steps: 6}\n";

/* A run with its first weights, and a generator from its checkpoint. */
typedef struct {
  gan_session session;
  gan_generator *generator;
} made_run;

static void make(made_run *made, int override_count, const char *const *overrides) {
  const char *config = unit_path("run.yaml"), *file = unit_path("checkpoint.h5");
  gan_session *session = &made->session;
  unit_write(config, config_text, strlen(config_text));
  *session = (gan_session){.comm = gan_comm_alone()};
  check_ok(gan_session_config(session, config, overrides, override_count));
  check_ok(gan_session_build(session));
  check_ok(gan_session_load(session));
  gan_task_init(session->task);
  gan_checkpoint_content content = {.task = "gan",
                                    .config = session->config_text,
                                    .facts = {.seed = session->config.seed, .step = 3},
                                    .learners = {session->task->learners[0]},
                                    .learner_count = 1};
  content.facts.data = gan_session_data_facts(session);
  check_ok(gan_checkpoint_write(file, &content));
  check_ok(gan_generator_open(file, &made->generator));
}

static void release(made_run *made) {
  gan_generator_close(&made->generator);
  gan_session_reset(&made->session);
}

/* Whether n images are the same to rounding. */
static bool same(int n, const float *a, const float *b) {
  for (int i = 0; i < n * PIXELS; i++)
    if (!(fabs((double)a[i] - (double)b[i]) <= PRODUCT_ROUNDING)) return false;
  return true;
}

START_TEST(makes_what_the_run_makes) {
  static float theirs[N * PIXELS], ours[N * PIXELS];
  float z[N * LATENT], latent[N * LATENT];
  const int32_t classes[N] = {0, 1, 1, 0, 1, 0}, others[N] = {1, 0, 0, 1, 0, 1};
  made_run made;
  make(&made, 0, NULL);
  gan_data_facts facts = gan_session_data_facts(&made.session);
  gan_request request = {.seed = SEED, .first = 2, .n = N, .classes = classes};
  gan_net *net = made.session.task->learners[0].net;
  check_ok(gan_generate(net, &request, &facts, theirs, z));
  check_ok(gan_generator_latent(made.generator, SEED, 0, 2, N, latent));
  ck_assert_mem_eq(latent, z, sizeof z);
  gan_generator_classes of = {.of = classes};
  check_ok(gan_generator_run(made.generator, N, latent, &of, ours));
  ck_assert(same(N, ours, theirs));

  const float whole[N] = {1, 1, 1, 1, 1, 1}; /* all of the way from the others to the classes */
  gan_generator_classes between = {others, classes, whole};
  check_ok(gan_generator_run(made.generator, N, latent, &between, ours));
  ck_assert(same(N, ours, theirs));
  of.of = others;
  check_ok(gan_generator_run(made.generator, N, latent, &of, ours));
  ck_assert(!same(N, ours, theirs));
  release(&made);
}
END_TEST

START_TEST(classes_have_the_labels_of_the_data) {
  made_run made;
  int32_t class = -7;
  make(&made, 0, NULL);
  ck_assert_int_eq(gan_generator_get_info(made.generator).classes, 2);
  check_ok(gan_generator_find_class(made.generator, 3, &class));
  ck_assert_int_eq(class, 1);
  ck_assert_int_eq(gan_generator_class_label(made.generator, 1), 3);
  ck_assert_int_eq(gan_generator_class_label(made.generator, 0), 5);
  const int64_t wrong[] = {0, 1, 4, -1, INT64_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    check_fails(gan_generator_find_class(made.generator, wrong[i], &class), GAN_USAGE,
                "checkpoint.h5", "no class", "classes are 5, 3");
  release(&made);

  make(&made, 2, (const char *const[]){"data.classes=null", "model.classes=10"});
  check_ok(gan_generator_find_class(made.generator, 9, &class));
  ck_assert_int_eq(class, 9);
  ck_assert_int_eq(gan_generator_class_label(made.generator, 9), 9);
  check_fails(gan_generator_find_class(made.generator, 10, &class), GAN_USAGE, "no class 10",
              "0 to 9");
  release(&made);
}
END_TEST

START_TEST(mistakes_of_the_caller) {
  float latent[N * LATENT] = {0}, images[N * PIXELS];
  const int32_t good[N] = {0}, bad[N] = {0, 1, 2}, below[N] = {0, -1};
  const float share[N] = {0};
  const gan_generator_classes right = {.of = good},
                              wrong[] = {{.of = bad}, {.of = below}, {good, bad, share}};
  int32_t class;
  made_run made;
  make(&made, 0, NULL);
  check_fails(gan_generator_run(made.generator, N, latent, NULL, images), GAN_USAGE,
              "is conditional");
  for (int i = 0; i < 3; i++)
    check_fails(gan_generator_run(made.generator, N, latent, &wrong[i], images), GAN_USAGE,
                "class number", "0 to 1");
  check_fails(gan_generator_latent(made.generator, 1, -1, 0, N, latent), GAN_USAGE,
              "truncation is -1");
  check_fails(gan_generator_latent(made.generator, 1, (double)NAN, 0, N, latent), GAN_USAGE,
              "truncation is nan");
  release(&made);

  make(&made, 2, (const char *const[]){"model.classes=0", "model.latent_distribution=uniform"});
  check_ok(gan_generator_run(made.generator, N, latent, NULL, images));
  check_fails(gan_generator_run(made.generator, N, latent, &right, images), GAN_USAGE,
              "not conditional");
  check_fails(gan_generator_find_class(made.generator, 5, &class), GAN_USAGE, "not conditional");
  check_ok(gan_generator_latent(made.generator, 1, 0, 0, N, latent));
  check_fails(gan_generator_latent(made.generator, 1, 0.5, 0, N, latent), GAN_USAGE,
              "model.latent_distribution", "truncation");
  release(&made);
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {makes_what_the_run_makes, 1},
      {classes_have_the_labels_of_the_data, 1},
      {mistakes_of_the_caller, 1},
  };
  return UNIT_MAIN("generator", tests);
}

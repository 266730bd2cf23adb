/* Networks over ranks: batch norm has the statistics of the global batch, dropout its masks by
 * global sample, so outputs, gradients and running statistics are those of one rank. */
#include "base/memory.h"
#include "model/net.h"
#include "mpi/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH = 24, INPUTS = 7, OUTPUTS = 3, PASSES = 4 };

/* Sums in another order differ in the last bits of a float (6e-8); a few layers of them stay far
 * below this. */
static const double ROUNDING = 2e-6;

static const char config_text[] = "data: {path: none}\n"
                                  "model:\n"
                                  "  latent: 7\n"
                                  "  generator:\n"
                                  "  - linear: {units: 33, bias: false}\n"
                                  "  - batchnorm: {momentum: 0.3}\n"
                                  "  - leaky_relu: {slope: 0.2}\n"
                                  "  - dropout: {p: 0.3}\n"
                                  "  - linear: {units: 12}\n"
                                  "  - batchnorm: {}\n"
                                  "  - tanh: {}\n"
                                  "  - linear: {units: 3}\n"
                                  "  discriminator: [linear: {units: 1}]\n"
                                  "train: {batch: 24, steps: 1}\n";

typedef struct {
  gan_net *net;
  float out[BATCH * OUTPUTS], dx[BATCH * INPUTS]; /* of the local samples */
} result;

static void make_net(const gan_config *config, gan_net **net) {
  gan_net_spec spec = {.name = "generator",
                       .key = "model.generator",
                       .layers = &config->model.generator,
                       .in = {1, 1, INPUTS},
                       .out = {1, 1, OUTPUTS},
                       .capacity = BATCH,
                       .trains = true};
  check_ok(gan_net_create(&spec, net));
  gan_net_init(*net, 11, GAN_INIT_PYTORCH, 0);
}

/* Some passes over samples first..first+n-1 of the global batch; the last one's results stay. */
static gan_status run(gan_comm *comm, int64_t first, int64_t n, result *r) {
  float x[BATCH * INPUTS];
  gan_rng rng = gan_rng_stream(3, GAN_RNG_SYNTHETIC, 0, 0, 0);
  for (uint64_t p = 0; p < PASSES; p++) {
    gan_pass pass = {.comm = comm,
                     .training = true,
                     .samples = n,
                     .first_sample = first,
                     .batch = BATCH,
                     .seed = 9,
                     .draw = p};
    float *y, *dx;
    for (int64_t i = 0; i < n; i++)
      gan_rng_normal(rng, p, (uint32_t)(first + i), INPUTS, x + i * INPUTS);
    GAN_TRY(gan_net_forward(r->net, &pass, x, &y));
    memcpy(r->out, y, (size_t)(n * OUTPUTS) * sizeof *y);
    for (int64_t i = 0; i < n * OUTPUTS; i++) r->net->dout[i] = sinf((float)(first * OUTPUTS + i));
    GAN_TRY(gan_net_backward(r->net, &pass, GAN_WANT_INPUT | GAN_WANT_WEIGHTS, r->net->dout, &dx));
    memcpy(r->dx, dx, (size_t)(n * INPUTS) * sizeof *dx);
  }
  return gan_comm_sum_float(comm, r->net->grads, (size_t)r->net->slab_size, "a sum");
}

START_TEST(ranks_together_are_one_rank) {
  gan_config config;
  gan_layer_schemas layers = gan_layer_table();
  static result one, many;
  check_ok(
      gan_config_parse(&config, config_text, strlen(config_text), "test", NULL, 0, 1, &layers));
  make_net(&config, &one.net);
  make_net(&config, &many.net);
  int rank = gan_comm_rank(world), size = gan_comm_size(world), odd;
  int64_t first = BATCH * rank / size, end = BATCH * (rank + 1) / size;
  check_ok(run(gan_comm_alone(), 0, BATCH, &one));
  check_ok(run(world, first, end - first, &many));
  check_all(distance(many.out, one.out + first * OUTPUTS, (end - first) * OUTPUTS) < ROUNDING);
  check_all(distance(many.dx, one.dx + first * INPUTS, (end - first) * INPUTS) < ROUNDING);
  check_all(distance(many.net->grads, one.net->grads, one.net->slab_size) < ROUNDING);
  check_all(distance(many.net->buffers, one.net->buffers, one.net->buffer_size) < ROUNDING);
  check_all(many.net->counters[0] == PASSES);
  check_ok(gan_comm_compare(world, many.net->buffers, (size_t)many.net->buffer_size * sizeof(float),
                            &odd, "a comparison"));
  check_all(odd == -1);
  gan_net_destroy(&one.net);
  gan_net_destroy(&many.net);
  gan_config_reset(&config);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const tests[] = {ranks_together_are_one_rank};
  return run_mpi_tests(argc, argv, "statistics", tests, 1);
}

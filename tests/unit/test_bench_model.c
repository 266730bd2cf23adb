/* The model of a step on other machines: sums against the formulas by hand and against SimGrid's
 * simulation of the real algorithms, Open MPI's choice, what a step is made of; and its words. */
#include "bench/network.h"
#include "unit/support.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Sums of a few numbers. */
static const double EXACT = 1e-12;

/* Trees let ranks that are done go on while others wait, which the formula does not see; the others
 * agree to 6%. */
static const double SIMULATED = 0.15;

/* Latency 1 and 10 bytes a second; 20 bytes a second are added up. */
static const gan_network plain = {.latency = 1,
                                  .bandwidth = 10,
                                  .node_latency = 1,
                                  .node_bandwidth = 10,
                                  .adding = 20,
                                  .ranks_per_node = 1};

START_TEST(formulas_by_hand) {
  static const struct {
    gan_allreduce_way way;
    int64_t ranks;
    double seconds;
  } rows[] = {
      {GAN_ALLREDUCE_DOUBLING, 8, 39},       /* 3 (1 + 8 + 4) */
      {GAN_ALLREDUCE_RABENSEIFNER, 8, 23.5}, /* 6 + 2 * 7/8 * 8 + 7/8 * 4 */
      {GAN_ALLREDUCE_RING, 8, 31.5},         /* 14 (1 + 1) + 7/2 */
      {GAN_ALLREDUCE_TREE, 8, 66},           /* 3 (2 (1 + 8) + 4) */
      {GAN_ALLREDUCE_DOUBLING, 6, 48},       /* 2 (1 + 8) + 4 before and after those of 4 */
      {GAN_ALLREDUCE_RABENSEIFNER, 6, 41},   /* 22 + 4 + 2 * 3/4 * 8 + 3/4 * 4 */
      {GAN_ALLREDUCE_TREE, 5, 66},           /* as deep as that of 8 */
      {GAN_ALLREDUCE_RING, 2, 12},           /* 2 (1 + 4) + 2 */
      {GAN_ALLREDUCE_RING, 1, 0},
      {GAN_ALLREDUCE_DOUBLING, 1, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ck_assert_double_eq_tol(gan_allreduce_seconds(rows[i].way, &plain, rows[i].ranks, 80),
                            rows[i].seconds, EXACT);
}
END_TEST

/* Two ranks a node: the link is shared where both of a node send out. */
START_TEST(nodes_by_hand) {
  gan_network network = plain;
  network.node_latency = 0.5;
  network.node_bandwidth = 100;
  network.ranks_per_node = 2;
  static const struct {
    gan_allreduce_way way;
    double seconds;
  } rows[] = {
      {GAN_ALLREDUCE_DOUBLING, 26.3},     /* 0.5 + 0.8 + 4, 1 + 16 + 4 */
      {GAN_ALLREDUCE_RABENSEIFNER, 14.8}, /* 2 (0.5 + 0.4) + 2, 2 (1 + 4) + 1 */
      {GAN_ALLREDUCE_RING, 21},           /* 6 (1 + 2) + 3: one of them sends out */
      {GAN_ALLREDUCE_TREE, 28.6},         /* 2 (0.5 + 0.8) + 4, 2 (1 + 8) + 4 */
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ck_assert_double_eq_tol(gan_allreduce_seconds(rows[i].way, &network, 4, 80), rows[i].seconds,
                            EXACT);
  ck_assert_double_eq_tol(gan_allreduce_seconds(GAN_ALLREDUCE_RING, &network, 2, 80), 3.8, EXACT);
}
END_TEST

/* Thresholds of Open MPI 4.1. */
START_TEST(algorithms_are_those_of_open_mpi) {
  static const struct {
    int64_t ranks;
    double bytes;
    gan_allreduce_way way;
  } rows[] = {
      {2, 4, GAN_ALLREDUCE_DOUBLING}, /* the rule's ring has too few numbers */
      {2, 4095, GAN_ALLREDUCE_DOUBLING},
      {2, 4096, GAN_ALLREDUCE_RING},
      {3, 262143, GAN_ALLREDUCE_RING},
      {3, 262144, GAN_ALLREDUCE_RABENSEIFNER},
      {4, 262144, GAN_ALLREDUCE_RABENSEIFNER},
      {8, 8191, GAN_ALLREDUCE_DOUBLING},
      {8, 8192, GAN_ALLREDUCE_RABENSEIFNER},
      {31, 4096, GAN_ALLREDUCE_RABENSEIFNER},
      {32, 128, GAN_ALLREDUCE_RABENSEIFNER},
      {63, 124, GAN_ALLREDUCE_DOUBLING}, /* again too few */
      {64, 262143, GAN_ALLREDUCE_DOUBLING},
      {64, 262144, GAN_ALLREDUCE_RABENSEIFNER},
      {128, 131071, GAN_ALLREDUCE_TREE},
      {128, 131072, GAN_ALLREDUCE_DOUBLING},
      {256, 4095, GAN_ALLREDUCE_TREE},
      {511, 4096, GAN_ALLREDUCE_RABENSEIFNER},
      {512, 2047, GAN_ALLREDUCE_TREE},
      {1024, 16383, GAN_ALLREDUCE_DOUBLING},
      {1024, 16384, GAN_ALLREDUCE_RABENSEIFNER},
      {2048, 2048, GAN_ALLREDUCE_DOUBLING}, /* too few for a ring */
      {100000, 32767, GAN_ALLREDUCE_DOUBLING},
      {100000, 1e9, GAN_ALLREDUCE_RABENSEIFNER},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    ck_assert_msg(gan_allreduce_choose(rows[i].ranks, rows[i].bytes) == rows[i].way,
                  "%lld ranks, %g bytes: %s", (long long)rows[i].ranks, rows[i].bytes,
                  gan_allreduce_name(gan_allreduce_choose(rows[i].ranks, rows[i].bytes)));
}
END_TEST

/* Seconds of one of ten sums in a row, simulated by SimGrid 3.32 with the settings of
 * tools/simulate-scaling: latency 1.5 us, 25 GB/s, nothing for adding up. */
START_TEST(sums_take_what_simgrid_says) {
  static const struct {
    int64_t ranks;
    double bytes, seconds;
  } rows[] = {
      {16, 1024, 6.1669e-6},       {16, 4096, 1.231282e-5},     {16, 198720, 2.690962e-5},
      {16, 4e6, 3.1200562e-4},     {24, 1024, 9.2501e-6},       {24, 4096, 1.564178e-5},
      {24, 198720, 4.58085e-5},    {24, 4e6, 6.350069e-4},      {64, 1024, 9.2501e-6},
      {64, 198720, 5.669714e-5},   {64, 4e6, 3.3300818e-4},     {100, 198720, 7.559602e-5},
      {100, 4e6, 6.5600946e-4},    {128, 1024, 2.24565e-5},     {128, 4096, 2.67573e-5},
      {128, 198720, 6.614658e-5},  {128, 4e6, 3.38632476e-4},   {256, 1024, 2.58309e-5},
      {256, 4096, 2.4938036e-5},   {256, 198720, 4.0483016e-5}, {256, 4e6, 3.43505072e-4},
      {512, 1024, 2.92469e-5},     {512, 4096, 1.498082e-5},    {512, 198720, 4.2919516e-5},
      {512, 4e6, 3.46550852e-4},   {1024, 1024, 3.27045e-5},    {1024, 4096, 1.7396844e-5},
      {1024, 198720, 4.816772e-5},
  };
  gan_network network = {1.5e-6, 25e9, 1.5e-6, 25e9, INFINITY, 1};
  for (size_t i = 0; i < COUNT(rows); i++) {
    gan_allreduce_way way = gan_allreduce_choose(rows[i].ranks, rows[i].bytes);
    double seconds = gan_allreduce_seconds(way, &network, rows[i].ranks, rows[i].bytes);
    double allowed = way == GAN_ALLREDUCE_TREE ? SIMULATED : 0.06;
    ck_assert_msg(fabs(seconds / rows[i].seconds - 1) < allowed,
                  "%lld ranks, %g bytes by %s: %g s, simulated %g", (long long)rows[i].ranks,
                  rows[i].bytes, gan_allreduce_name(way), seconds, rows[i].seconds);
  }
}
END_TEST

/* Two sums of 80 bytes on 8 ranks take 39 s each. */
START_TEST(a_step_by_hand) {
  const gan_sum sums[] = {{80, true}, {80, false}};
  const gan_step_model model = {1, 0.5, sums, 2};
  gan_prediction p = gan_predict_step(&model, &plain, 8, 10, 0);
  ck_assert_double_eq_tol(p.computing, 6, EXACT);
  ck_assert_double_eq_tol(p.sums, 78, EXACT);
  ck_assert_double_eq_tol(p.exposed, 78, EXACT);
  ck_assert_double_eq_tol(p.step, 84, EXACT);
  ck_assert_double_eq_tol(p.efficiency, 6.0 / 84, EXACT);
  ck_assert_double_eq_tol(p.hides, 76, EXACT);       /* 1 + 0.5 * 76 = 39 */
  ck_assert_double_eq_tol(p.efficient, 1402, EXACT); /* 9 * 78 = 702 */
  p = gan_predict_step(&model, &plain, 8, 10, 0.1);
  ck_assert_double_eq_tol(p.exposed, 78 - 3.9, EXACT);
  p = gan_predict_step(&model, &plain, 8, 10, 1); /* no more hides than there is computing */
  ck_assert_double_eq_tol(p.exposed, 72, EXACT);
  ck_assert_double_eq_tol(p.efficient, 700, EXACT); /* 9 (78 - 39) = 351 */
  p = gan_predict_step(&model, &plain, 1, 10, 0);
  ck_assert_double_eq_tol(p.step, 6, EXACT);
  ck_assert_double_eq_tol(p.efficiency, 1, EXACT);
}
END_TEST

/* Where all of the sums can hide, computing of 0.9 of them does. */
START_TEST(the_batch_for_an_efficiency_gives_it) {
  const gan_sum sums[] = {{80, true}, {8, false}};
  const gan_step_model model = {1, 0.5, sums, 2};
  for (double overlap = 0; overlap <= 1; overlap += 0.125) {
    gan_prediction p = gan_predict_step(&model, &plain, 16, 10, overlap);
    gan_prediction there = gan_predict_step(&model, &plain, 16, p.efficient, overlap);
    ck_assert_double_ge(there.efficiency, 0.9 - EXACT);
    gan_prediction before = gan_predict_step(&model, &plain, 16, p.efficient - 1, overlap);
    ck_assert_double_lt(before.efficiency, 0.9);
  }
}
END_TEST

/* ---- words ---- */

START_TEST(words_become_a_machine) {
  const char *const words[] = {"nodes=1024", "latency=1.5us", "bandwidth=200Gbit/s",
                               "ranks_per_node=4", "overlap=0.5"};
  gan_machine m;
  check_ok(gan_machine_parse(words, COUNT(words), 7, &m));
  ck_assert_int_eq(m.nodes, 1024);
  ck_assert_double_eq_tol(m.network.latency, 1.5e-6, 1e-18);
  ck_assert_double_eq_tol(m.network.bandwidth, 25e9, 1);
  ck_assert_double_eq(m.network.node_latency, m.network.latency);
  ck_assert_double_eq(m.network.node_bandwidth, m.network.bandwidth);
  ck_assert_int_eq(m.network.ranks_per_node, 4);
  ck_assert_double_eq(m.network.adding, 7);
  ck_assert_double_eq(m.overlap, 0.5);
}
END_TEST

START_TEST(other_words_are_refused) {
  static const struct {
    const char *word, *first, *second;
  } rows[] = {
      {"latncy=1us", "latncy", "latency"},
      {"nodes", "nodes", "whole number"},
      {"nodes=0", "nodes=0", "from 1"},
      {"nodes=2.5", "nodes=2.5", "whole"},
      {"nodes=2x", "nodes=2x", "whole"},
      {"latency=1.5", "latency=1.5", "us or ns"},
      {"latency=-1us", "latency=-1us", "above 0"},
      {"latency=nanus", "latency", "above 0"},
      {"bandwidth=25us", "bandwidth", "GB/s"},
      {"overlap=1.5", "overlap", "0 to 1"},
      {"=5", "=5", "knows no"},
  };
  gan_machine m;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *const words[] = {"nodes=4", "latency=1us", "bandwidth=1GB/s", rows[i].word};
    check_fails(gan_machine_parse(words, 4, 1, &m), GAN_USAGE, rows[i].first, rows[i].second);
  }
  const char *const few[] = {"nodes=4", "bandwidth=1GB/s"};
  check_fails(gan_machine_parse(few, 2, 1, &m), GAN_USAGE, "wants latency=");
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {formulas_by_hand, 1},
      {nodes_by_hand, 1},
      {algorithms_are_those_of_open_mpi, 1},
      {sums_take_what_simgrid_says, 1},
      {a_step_by_hand, 1},
      {the_batch_for_an_efficiency_gives_it, 1},
      {words_become_a_machine, 1},
      {other_words_are_refused, 1},
  };
  return UNIT_MAIN("bench_model", tests);
}

/* Who holds a job up, from what the ranks told: tables made by hand. */
#include "comm/stall.h"

#include "unit/support.h"

#include <stdio.h>
#include <string.h>

enum { RANKS = 3 };

static const double LIMIT = 300;

/* All are in the same call at step 7, and have been for longer than the limit; all answer. */
static void fill(gan_rank_state *states, int n) {
  memset(states, 0, (size_t)n * sizeof *states);
  for (int r = 0; r < n; r++) {
    gan_rank_state *s = &states[r];
    *s = (gan_rank_state){.rank = r, .heard = 0.5, .moved = LIMIT + 1};
    s->report = (gan_report){.moves = 21, .calls = 11, .step = 7, .peer = -1};
    snprintf(s->report.what, sizeof s->report.what, "the sum of things");
    snprintf(s->report.host, sizeof s->report.host, "node%d", r);
  }
}

static void check_text(const gan_rank_state *states, int n, const char *wanted) {
  char text[1024];
  ck_assert(gan_stall_found(states, n, LIMIT));
  gan_stall_text(states, n, LIMIT, text, sizeof text);
  ck_assert_str_eq(text, wanted);
}

START_TEST(progress_is_no_stall) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  for (int r = 0; r < RANKS; r++) { /* one moved within the limit: slow, not stuck */
    states[r].moved = LIMIT - 1;
    ck_assert(!gan_stall_found(states, RANKS, LIMIT));
    states[r].moved = LIMIT;
  }
  ck_assert(gan_stall_found(states, RANKS, LIMIT));
  for (int r = 0; r < RANKS; r++) states[r].report.moves = 20;
  ck_assert(!gan_stall_found(states, RANKS, LIMIT)); /* all compute: nobody waits */
  states[1].report.moves = 21;
  ck_assert(gan_stall_found(states, RANKS, LIMIT));
}
END_TEST

START_TEST(time_and_reports) {
  gan_rank_state states[2];
  fill(states, 2);
  states[0].moved = states[0].heard = states[1].moved = states[1].heard = 0;
  gan_report same = states[0].report, other = same;
  gan_stall_tick(states, 2, 0.5);
  gan_stall_tick(states, 2, 1);
  ck_assert_double_eq(states[0].heard, 1.5);
  gan_stall_hear(&states[0], &same); /* heard, but it has not got on */
  ck_assert_double_eq(states[0].heard, 0);
  ck_assert_double_eq(states[0].moved, 1.5);
  other.moves++;
  gan_stall_hear(&states[0], &other);
  ck_assert_double_eq(states[0].moved, 0);
  ck_assert_uint_eq(states[0].report.moves, 22);
  ck_assert_double_eq(states[1].moved, 1.5);
}
END_TEST

START_TEST(one_that_computes) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  states[1].report.moves = 20;
  states[1].report.calls = 10;
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 1 (node1) has not joined in the sum of things at step "
             "7, where rank 0 (node0) and rank 2 (node2) have waited for 5 m 01 s; it answers: "
             "computing, reading or writing");
}
END_TEST

START_TEST(one_that_is_silent) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  states[2].heard = LIMIT + 1;
  states[1].report.moves = 20; /* rank 1 computes, but who does not answer is the first suspect */
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 2 (node2) has not finished the sum of things at step "
             "7, where rank 0 (node0) has waited for 5 m 01 s; it does not answer: its process is "
             "stopped, or its node or link is gone");
}
END_TEST

START_TEST(one_never_heard) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  memset(&states[1].report, 0, sizeof states[1].report);
  states[1].heard = LIMIT + 1;
  for (int r = 0; r < RANKS; r += 2) states[r].report.step = 0;
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 1 has not finished the sum of things, where rank 0 "
             "(node0) and rank 2 (node2) have waited for 5 m 01 s; it does not answer: its process "
             "is stopped, or its node or link is gone");
}
END_TEST

START_TEST(the_call_that_is_held_up) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  /* rank 1 computes before call 10, in which rank 2 waits; rank 0 is ahead, in call 11 */
  states[1].report.moves = 18;
  states[1].report.calls = 9;
  states[2].report.calls = 10;
  snprintf(states[2].report.what, sizeof states[2].report.what, "an earlier sum");
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 1 (node1) has not joined in an earlier sum at step 7, "
             "where rank 0 (node0) and rank 2 (node2) have waited for 5 m 01 s; it answers: "
             "computing, reading or writing");
  /* rank 0 waits for rank 1 and no other */
  states[0].report.peer = 1;
  snprintf(states[0].report.what, sizeof states[0].report.what, "handing out things");
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 1 (node1) has not joined in handing out things at "
             "step 7, where rank 0 (node0) and rank 2 (node2) have waited for 5 m 01 s; it "
             "answers: computing, reading or writing");
}
END_TEST

START_TEST(one_that_is_behind) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  states[2].report.calls = 10;
  states[2].report.step = 6;
  snprintf(states[2].report.what, sizeof states[2].report.what, "an earlier sum");
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 2 (node2) has not joined in the sum of things at step "
             "7, where rank 0 (node0) and rank 1 (node1) have waited for 5 m 01 s; it answers, but "
             "waits in an earlier sum at step 6");
}
END_TEST

START_TEST(nobody_is_missing) {
  gan_rank_state states[RANKS];
  fill(states, RANKS);
  check_text(states, RANKS,
             "no progress for 5 m 00 s: rank 0 (node0), rank 1 (node1) and rank 2 (node2) have "
             "waited in the sum of things at step 7 for 5 m 01 s; all answer: what they sent each "
             "other has not arrived");
  check_text(states, 1,
             "no progress for 5 m 00 s: rank 0 (node0) has waited in the sum of things at step 7 "
             "for 5 m 01 s; which rank is missing is not known");
}
END_TEST

START_TEST(many_are_missing) {
  enum { MANY = 9 };
  gan_rank_state states[MANY];
  fill(states, MANY);
  for (int r = 1; r < MANY; r++) states[r].heard = LIMIT + 1;
  check_text(states, MANY,
             "no progress for 5 m 00 s: rank 1 (node1), rank 2 (node2), rank 3 (node3), rank 4 "
             "(node4) and 4 more have not finished the sum of things at step 7, where rank 0 "
             "(node0) has waited for 5 m 01 s; they do not answer: their processes are stopped, or "
             "their nodes or links are gone");
  states[0].report.moves = 20; /* and rank 0 is in no call, so nobody is known to wait */
  for (int r = 2; r < MANY; r++) states[r].heard = 0;
  states[1].report.step = 6;
  for (int r = 2; r < MANY; r++) states[r].report.moves = 20;
  check_text(states, MANY,
             "no progress for 5 m 00 s: rank 1 (node1), last heard of in the sum of things at step "
             "6, holds the job up; it does not answer: its process is stopped, or its node or link "
             "is gone");
}
END_TEST

START_TEST(text_is_cut_not_overrun) {
  gan_rank_state states[RANKS];
  char text[64], whole[1024];
  fill(states, RANKS);
  gan_stall_text(states, RANKS, LIMIT, whole, sizeof whole);
  memset(text, 'x', sizeof text);
  gan_stall_text(states, RANKS, LIMIT, text, 40);
  ck_assert_uint_eq(strlen(text), 39);
  ck_assert(strncmp(text, whole, 39) == 0);
  ck_assert_int_eq(text[40], 'x');
}
END_TEST

int main(void) {
  const unit_test tests[] = {
      {progress_is_no_stall, 1},    {time_and_reports, 1},  {one_that_computes, 1},
      {one_that_is_silent, 1},      {one_never_heard, 1},   {the_call_that_is_held_up, 1},
      {one_that_is_behind, 1},      {nobody_is_missing, 1}, {many_are_missing, 1},
      {text_is_cut_not_overrun, 1},
  };
  return UNIT_MAIN("stall", tests);
}

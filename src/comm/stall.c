#include "comm/stall.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

/* Reports come twice a second, late ones included within this time. */
static const double SILENT_S = 5, SILENT_LEAST_S = 2;

enum { NAMED_MAX = 4 };

/* Why a rank is held to be the one that is missing; the first that fits any rank decides. */
typedef enum { SILENT, BUSY, BEHIND, NOBODY } fault;

static bool waits(const gan_rank_state *s) {
  return s->report.moves % 2 == 1;
}

void gan_stall_hear(gan_rank_state *state, const gan_report *report) {
  if (report->moves != state->report.moves) state->moved = 0;
  state->report = *report;
  state->heard = 0;
}

void gan_stall_tick(gan_rank_state *states, int n, double seconds) {
  for (int i = 0; i < n; i++) {
    states[i].heard += seconds;
    states[i].moved += seconds;
  }
}

bool gan_stall_found(const gan_rank_state *states, int n, double limit) {
  bool waiting = false;
  for (int i = 0; i < n; i++) {
    if (states[i].moved < limit) return false;
    waiting |= waits(&states[i]);
  }
  return waiting;
}

/* ---- who ---- */

typedef struct {
  const gan_rank_state *states;
  int n;
  double silent;  /* seconds that make a rank silent */
  uint64_t calls; /* of the rank that is furthest */
  fault cause;
} picture;

static bool fits(const picture *scene, const gan_rank_state *s, fault cause) {
  switch (cause) {
  case SILENT:
    return s->heard >= scene->silent;
  case BUSY:
    return !waits(s);
  case BEHIND:
    return s->report.peer < 0 && s->report.calls < scene->calls;
  case NOBODY:
    break;
  }
  return false;
}

static bool is_missing(const picture *scene, const gan_rank_state *s) {
  return fits(scene, s, scene->cause);
}

static bool is_waiting(const picture *scene, const gan_rank_state *s) {
  return waits(s) && !is_missing(scene, s);
}

static picture look(const gan_rank_state *states, int n, double limit) {
  picture found = {.states = states, .n = n, .silent = limit / 2};
  if (found.silent > SILENT_S) found.silent = SILENT_S;
  if (found.silent < SILENT_LEAST_S) found.silent = SILENT_LEAST_S;
  for (int i = 0; i < n; i++)
    if (waits(&states[i]) && states[i].report.calls > found.calls)
      found.calls = states[i].report.calls;
  for (found.cause = SILENT; found.cause < NOBODY; found.cause++)
    for (int i = 0; i < n; i++)
      if (fits(&found, &states[i], found.cause)) return found;
  return found;
}

/* The first that is missing. */
static const gan_rank_state *missing(const picture *scene) {
  for (int i = 0; i < scene->n; i++)
    if (is_missing(scene, &scene->states[i])) return &scene->states[i];
  return NULL;
}

/* The one whose call the missing one holds up: one that waits for just it, or in a collective call
 * that it has not begun, or any that waits. */
static const gan_rank_state *held_up(const picture *scene) {
  const gan_rank_state *culprit = missing(scene), *any = NULL, *collective = NULL;
  for (int i = 0; i < scene->n; i++) {
    const gan_rank_state *s = &scene->states[i];
    if (!is_waiting(scene, s)) continue;
    if (culprit && s->report.peer == culprit->rank) return s;
    bool ahead = culprit && s->report.peer < 0 && s->report.calls > culprit->report.calls;
    if (ahead && (!collective || s->report.calls < collective->report.calls)) collective = s;
    if (!any) any = s;
  }
  return collective ? collective : any;
}

/* ---- the sentence ---- */

typedef struct {
  char *text;
  size_t size, used;
} writer;

static void add(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(writer *w, const char *format, ...) {
  va_list args;
  if (w->used >= w->size) return;
  va_start(args, format);
  w->used += (size_t)vsnprintf(w->text + w->used, w->size - w->used, format, args);
  va_end(args);
}

/* "rank 1 (node1), rank 4 (node2) and 3 more"; returns how many. */
static int add_ranks(writer *w, const picture *scene,
                     bool (*belongs)(const picture *, const gan_rank_state *)) {
  int total = 0, named = 0;
  for (int i = 0; i < scene->n; i++) total += belongs(scene, &scene->states[i]);
  for (int i = 0; i < scene->n && named < NAMED_MAX; i++) {
    const gan_rank_state *s = &scene->states[i];
    if (!belongs(scene, s)) continue;
    add(w, "%srank %d", named == 0 ? "" : named + 1 == total ? " and " : ", ", s->rank);
    if (*s->report.host) add(w, " (%s)", s->report.host);
    named++;
  }
  if (total > named) add(w, " and %d more", total - named);
  return total;
}

static void add_call(writer *w, const gan_rank_state *s) {
  add(w, "%s", s->report.what);
  if (s->report.step > 0) add(w, " at step %lld", (long long)s->report.step);
}

static double waited(const picture *scene) {
  double longest = 0;
  for (int i = 0; i < scene->n; i++)
    if (is_waiting(scene, &scene->states[i]) && scene->states[i].moved > longest)
      longest = scene->states[i].moved;
  return longest;
}

/* What is known of the missing ones' own doings. */
static void add_state(writer *w, const picture *scene, int count) {
  const char *it = count == 1 ? "it" : "they";
  const gan_rank_state *culprit = missing(scene);
  switch (scene->cause) {
  case SILENT:
    add(w, count == 1 ? "; it does not answer: its process is stopped, or its node or link is gone"
                      : "; they do not answer: their processes are stopped, or their nodes or "
                        "links are gone");
    break;
  case BUSY:
    add(w, "; %s answer%s: computing, reading or writing", it, count == 1 ? "s" : "");
    break;
  case BEHIND:
    add(w, "; %s answer%s, but wait%s in ", it, count == 1 ? "s" : "", count == 1 ? "s" : "");
    add_call(w, culprit);
    break;
  case NOBODY:
    add(w, scene->n == 1 ? "; which rank is missing is not known"
                         : "; all answer: what they sent each other has not arrived");
    break;
  }
}

void gan_stall_text(const gan_rank_state *states, int n, double limit, char *text, size_t size) {
  picture scene = look(states, n, limit);
  writer w = {text, size, 0};
  char time[32];
  const gan_rank_state *culprit = missing(&scene), *waiter = held_up(&scene);
  add(&w, "no progress for %s: ", gan_duration_text(time, limit));
  int count = culprit ? add_ranks(&w, &scene, is_missing) : 0;
  if (culprit && waiter) {
    /* one that is silent may have joined since it was heard */
    add(&w, " %s not %s ", count == 1 ? "has" : "have",
        scene.cause == SILENT ? "finished" : "joined in");
    add_call(&w, waiter);
    add(&w, ", where ");
  } else if (culprit) {
    if (waits(culprit)) add(&w, ", last heard of in ");
    if (waits(culprit)) add_call(&w, culprit);
    if (waits(culprit)) add(&w, ",");
    add(&w, count == 1 ? " holds the job up" : " hold the job up");
  }
  if (waiter) {
    int waiters = add_ranks(&w, &scene, is_waiting);
    add(&w, waiters == 1 ? " has waited" : " have waited");
    if (!culprit) {
      add(&w, " in ");
      add_call(&w, waiter);
    }
    add(&w, " for %s", gan_duration_text(time, waited(&scene)));
  }
  add_state(&w, &scene, count);
}

#include "task/relative.h"

#include "base/memory.h"

#include <string.h>

enum { REAL, FAKE, SIDES };

gan_status gan_relative_reserve(const gan_work *work, gan_relative *relative) {
  GAN_TRY_ALLOC(relative->parts, SIDES * work->division.parts, "sums of logits");
  GAN_TRY_ALLOC(relative->kept, work->piece, "logits of data");
  return GAN_OK;
}

void gan_relative_release(gan_relative *relative) {
  gan_free(&relative->parts);
  gan_free(&relative->kept);
}

/* Where the logits of one side lie in a pass, and where their slopes go (NULL: not wanted). */
typedef struct {
  int set;
  int64_t stride;
  const float *logits;
  float *slopes;
} team;

typedef struct {
  const gan_relative *relative;
  const gan_work *work;
  const gan_net *judge;
  const gan_pass *pass;
  team sides[SIDES];
} match;

/* A side's logits in a span. */
typedef struct {
  int64_t n, at;
} stretch;

static stretch stretch_of(const gan_span *span, const team *side) {
  gan_span_set set = gan_span_set_of(span, side->set);
  return (stretch){set.samples, (span->first + set.first) * side->stride};
}

/* relative->parts over all parts and ranks. */
static gan_status sum_up(const match *m, double totals[SIDES]) {
  return gan_sums_doubles(m->work->sums, m->pass->comm, m->work->division.parts, SIDES, SIDES,
                          m->relative->parts, totals, "the sums of the relativistic loss");
}

static void forget(const match *m) {
  memset(m->relative->parts, 0,
         (size_t)(SIDES * m->work->division.parts) * sizeof *m->relative->parts);
}

static gan_status find_means(const match *m, double means[SIDES]) {
  forget(m);
  for (int64_t i = 0; i < gan_net_span_count(m->judge, m->pass); i++) {
    gan_span span = gan_net_span(m->judge, m->pass, i);
    double *sums = m->relative->parts + span.part * SIDES;
    for (int k = 0; k < SIDES; k++) {
      const team *side = &m->sides[k];
      stretch s = stretch_of(&span, side);
      sums[k] += gan_logit_sum(s.n, side->stride, side->logits + s.at);
    }
  }
  GAN_TRY(sum_up(m, means));
  for (int k = 0; k < SIDES; k++) means[k] /= (double)m->pass->batch;
  return GAN_OK;
}

/* The terms of both sides, of which `raised` is to look real; their pulls, of the whole batch. */
static gan_status apply_terms(const match *m, int raised, gan_relative_rows rows,
                              const double means[SIDES], double pulls[SIDES]) {
  const int losses[SIDES] = {rows.real_loss, rows.fake_loss};
  const int looks[SIDES] = {rows.real_looks, rows.fake_looks};
  forget(m);
  for (int64_t i = 0; i < gan_net_span_count(m->judge, m->pass); i++) {
    gan_span span = gan_net_span(m->judge, m->pass, i);
    double *row = gan_work_losses(m->work, &span), *sums = m->relative->parts + span.part * SIDES;
    for (int k = 0; k < SIDES; k++) {
      const team *side = &m->sides[k];
      stretch s = stretch_of(&span, side);
      gan_loss made = gan_relative_term(k == raised, s.n, m->pass->batch, side->stride,
                                        means[1 - k], side->logits + s.at,
                                        side->slopes ? side->slopes + s.at : NULL, &sums[k]);
      row[losses[k]] += made.loss;
      if (looks[k] >= 0) row[looks[k]] += made.probability;
    }
  }
  return sum_up(m, pulls);
}

static void spread_pulls(const match *m, const double pulls[SIDES]) {
  for (int64_t i = 0; i < gan_net_span_count(m->judge, m->pass); i++) {
    gan_span span = gan_net_span(m->judge, m->pass, i);
    for (int k = 0; k < SIDES; k++) {
      const team *side = &m->sides[k];
      stretch s = stretch_of(&span, side);
      if (side->slopes)
        gan_relative_pull(s.n, m->pass->batch, side->stride, pulls[1 - k], side->slopes + s.at);
    }
  }
}

static gan_status play(const match *m, int raised, gan_relative_rows rows) {
  double means[SIDES], pulls[SIDES];
  GAN_TRY(find_means(m, means));
  GAN_TRY(apply_terms(m, raised, rows, means, pulls));
  spread_pulls(m, pulls);
  return GAN_OK;
}

gan_status gan_relative_judge(const gan_relative *relative, const gan_work *work, gan_net *judge,
                              const gan_pass *pass, const float *logits, gan_relative_rows rows) {
  int64_t stride = gan_shape_size(judge->out);
  match m = {relative,
             work,
             judge,
             pass,
             {{0, stride, logits, judge->dout}, {1, stride, logits, judge->dout}}};
  return play(&m, REAL, rows);
}

void gan_relative_keep(const gan_relative *relative, const gan_net *judge, const gan_pass *pass,
                       const float *logits) {
  int64_t stride = gan_shape_size(judge->out);
  for (int64_t i = 0; i < pass->samples; i++) relative->kept[i] = logits[i * stride];
}

gan_status gan_relative_deceive(const gan_relative *relative, const gan_work *work, gan_net *judge,
                                const gan_pass *pass, const float *logits, gan_relative_rows rows) {
  int64_t stride = gan_shape_size(judge->out);
  match m = {relative,
             work,
             judge,
             pass,
             {{0, 1, relative->kept, NULL}, {0, stride, logits, judge->dout}}};
  return play(&m, FAKE, rows);
}

gan_status gan_relative_check(const gan_config *config, const gan_net *judge) {
  char place[600];
  for (int i = 0; i < judge->layer_count; i++) {
    const gan_layer *layer = &judge->layers[i];
    if (!layer->sums && !layer->group) continue;
    return gan_fail(GAN_USAGE,
                    "%s is relativistic, which judges data and generated samples in one pass, but "
                    "layer %s (%s) of the %s normalises over the samples of a pass and would mix "
                    "them; use layernorm, instancenorm or spectral_norm in its place, or another "
                    "objective",
                    gan_config_place(config, "train.objective", place, sizeof place), layer->name,
                    layer->type->schema.name, judge->name);
  }
  return GAN_OK;
}

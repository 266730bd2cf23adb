#include "train/eval_record.h"

#include "base/log.h"
#include "base/version.h"

#include <math.h>
#include <stdio.h>

/* ---- what is printed ---- */

static void print_figure(const gan_figure *figure) {
  if (isfinite(figure->spread))
    gan_log("  %-30s %12.6g   ± %.3g (%s)", figure->name, figure->value, figure->spread,
            figure->spread_of);
  else
    gan_log("  %-30s %12.6g", figure->name, figure->value);
}

void gan_evaluation_print(const gan_evaluation_request *request, const gan_evaluation *made) {
  char step[64] = "", held_out[128] = "";
  if (made->step >= 0) snprintf(step, sizeof step, " of step %lld", (long long)made->step);
  if (made->held_out)
    snprintf(held_out, sizeof held_out, "; held out: %lld rows", (long long)made->held_out);
  gan_log("%lld samples%s from %s%s, against %lld of %lld rows of the data%s; seed %lld",
          (long long)made->samples, step, made->samples_path,
          made->averaged ? " (averaged weights)" : "", (long long)made->rows,
          (long long)made->rows_of, held_out, (long long)request->seed);
  gan_log("features: %s", made->over);
  for (int i = 0; i < made->count; i++) print_figure(&made->figures[i]);
  gan_log("took %.1f s", made->seconds);
}

/* ---- JSON ---- */

static void put_digest(gan_json *line, const char *key, gan_digest digest) {
  char text[33];
  if (digest.high || digest.low) gan_json_text(line, key, gan_digest_text(text, digest));
}

static void put_figures(gan_json *line, const gan_evaluation *made) {
  char key[64];
  for (int i = 0; i < made->count; i++) {
    const gan_figure *figure = &made->figures[i];
    gan_json_real(line, figure->name, figure->value);
    snprintf(key, sizeof key, "%s_spread", figure->name);
    if (isfinite(figure->spread)) gan_json_real(line, key, figure->spread);
  }
}

void gan_evaluation_fill(gan_json *line, const gan_evaluation_request *request, const char *source,
                         int ranks, const gan_evaluation *made) {
  gan_json_begin(line);
  if (made->step >= 0) gan_json_int(line, "step", made->step);
  gan_json_text(line, "source", source);
  gan_json_text(line, "samples", made->samples_path);
  if (made->step >= 0) gan_json_text(line, "weights", made->averaged ? "ema" : "raw");
  gan_json_text(line, "data", made->data_path);
  gan_json_int(line, "count", made->samples);
  gan_json_int(line, "rows", made->rows);
  gan_json_int(line, "held_out", made->held_out);
  gan_json_int(line, "seed", request->seed);
  if (request->mixture) gan_json_text(line, "mixture", request->mixture);
  if (request->truncation > 0) gan_json_real(line, "truncation", request->truncation);
  gan_json_int(line, "neighbours", request->neighbours);
  gan_json_text(line, "features", made->over);
  gan_json_int(line, "feature_count", made->features);
  put_digest(line, "data_digest", made->data_digest);
  put_digest(line, "held_out_digest", made->held_out_digest);
  put_digest(line, "samples_digest", made->samples_digest);
  put_digest(line, "features_digest", made->classifier_digest);
  put_figures(line, made);
  gan_json_int(line, "ranks", ranks);
  gan_json_real(line, "seconds", made->seconds);
  gan_json_text(line, "version", gan_version());
  gan_json_text(line, "git", gan_git_hash());
}

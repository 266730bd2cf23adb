#include "data/plane.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MODES_MAX = 1000 };

static const double PI = 3.14159265358979323846, LENGTH_MAX = 1e30;

const char gan_plane_forms[] = "ring:MODES:RADIUS:DEVIATION (8:1:0.01), "
                               "grid:SIDE:SPACING:DEVIATION (5:2:0.05) and "
                               "swiss_roll:DEVIATION:SCALE (0.25:7.5)";

typedef struct {
  const char *name;
  int count; /* of numbers; their defaults */
  double numbers[3];
} form;

static const form forms[] = {
    {"ring", 3, {8, 1, 0.01}}, {"grid", 3, {5, 2, 0.05}}, {"swiss_roll", 2, {0.25, 7.5}}};

enum { RING, GRID, ROLL, FORMS };

/* ":1:0.5", as many numbers as are there, up to `end`. */
static bool parse_numbers(const char *at, const char *end, int count, double *numbers) {
  for (int i = 0; i < count && at < end; i++) {
    char *behind;
    if (*at++ != ':' || at == end) return false;
    if (!strchr("0123456789.", *at)) return false;
    numbers[i] = strtod(at, &behind);
    if (behind == at || behind > end || !(numbers[i] > 0 && numbers[i] < LENGTH_MAX)) return false;
    at = behind;
  }
  return at == end;
}

static bool settle(gan_plane_law *law, int which) {
  double first = law->numbers[0];
  law->deviation = law->numbers[which == ROLL ? 0 : 2];
  if (which == ROLL) return true;
  if (!(first <= MODES_MAX) || first != floor(first)) return false;
  law->modes = (int64_t)(which == GRID ? first * first : first);
  return law->modes <= MODES_MAX;
}

bool gan_plane_parse(const char *text, size_t length, gan_plane_law *out) {
  for (int i = 0; i < FORMS; i++) {
    size_t name = strlen(forms[i].name);
    if (length < name || strncmp(text, forms[i].name, name) != 0) continue;
    if (length > name && text[name] != ':') continue;
    *out = (gan_plane_law){.name = forms[i].name};
    memcpy(out->numbers, forms[i].numbers, sizeof out->numbers);
    return parse_numbers(text + name, text + length, forms[i].count, out->numbers) &&
           settle(out, i);
  }
  return false;
}

static int form_of(const gan_plane_law *law) {
  int i = 0;
  while (forms[i].name != law->name) i++;
  return i;
}

void gan_plane_centre(const gan_plane_law *law, int64_t m, double centre[2]) {
  double length = law->numbers[1];
  if (form_of(law) == RING) {
    double turn = 2 * PI * (double)m / (double)law->modes;
    centre[0] = length * cos(turn);
    centre[1] = length * sin(turn);
  } else {
    int64_t side = (int64_t)law->numbers[0];
    double middle = (double)(side - 1) / 2;
    centre[0] = length * ((double)(m / side) - middle);
    centre[1] = length * ((double)(m % side) - middle);
  }
}

/* Where on the roll, before it is scaled. */
static void roll_centre(double share, double centre[2]) {
  double t = 1.5 * PI * (1 + 2 * share);
  centre[0] = t * cos(t);
  centre[1] = t * sin(t);
}

void gan_plane_point(const gan_plane_law *law, int64_t i, float point[2], int32_t *mode) {
  gan_rng where = gan_rng_stream(0, GAN_RNG_SYNTHETIC, 0, 1, 0);
  gan_rng noise = gan_rng_stream(0, GAN_RNG_SYNTHETIC, 0, 2, 0);
  float normal[2];
  uint32_t bits;
  double centre[2], scale = 1;
  gan_rng_bits(where, (uint64_t)i, 0, 1, &bits);
  gan_rng_normal(noise, (uint64_t)i, 0, 2, normal);
  *mode = 0;
  if (form_of(law) == ROLL) {
    roll_centre(ldexp((double)bits, -32), centre);
    scale = 1 / law->numbers[1];
  } else {
    *mode = (int32_t)(((uint64_t)bits * (uint64_t)law->modes) >> 32);
    gan_plane_centre(law, *mode, centre);
  }
  for (int k = 0; k < 2; k++)
    point[k] = (float)((centre[k] + law->deviation * (double)normal[k]) * scale);
}

/* Laws of points in the plane that are known exactly, on which one sees what a GAN leaves out:
 *
 *   ring:MODES:RADIUS:DEVIATION   Gaussians on a circle; ring:8:1:0.01 is PacGAN's (Lin et al.
 * 2018, section 4.1) grid:SIDE:SPACING:DEVIATION   SIDE x SIDE of them about 0; grid:5:2:0.05 is
 * PacGAN's swiss_roll:DEVIATION:SCALE    t (cos t, sin t) / SCALE, t uniform on (1.5 pi, 4.5 pi),
 * and before the division noise in both directions; swiss_roll:0.25:7.5 is that of Gulrajani et al.
 * 2017, figure 1
 *
 * Numbers that are left out are those.
 */
#ifndef GAN_DATA_PLANE_H
#define GAN_DATA_PLANE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gan_plane_law {
  const char *name;
  double numbers[3]; /* as the name has them */
  int64_t modes;     /* Gaussians, each as likely; 0: it is no mixture */
  double deviation;  /* standard deviation in each direction */
} gan_plane_law;

/* From `length` characters of text.  False if it names none. */
bool gan_plane_parse(const char *text, size_t length, gan_plane_law *out);

/* How the laws are written, for messages. */
extern const char gan_plane_forms[];

/* The centre of mode 0 <= m < modes. */
void gan_plane_centre(const gan_plane_law *law, int64_t m, double centre[2]);

/* Point number i, the same every time, and its mode (0 where there are none). */
void gan_plane_point(const gan_plane_law *law, int64_t i, float point[2], int32_t *mode);

#endif

#include "output/samples.h"

#include "base/memory.h"
#include "io/file.h"
#include "io/hdf5.h"
#include "io/png.h"

static gan_status fill(gan_h5 *file, const gan_samples *samples) {
  bool points = samples->h == 1 && samples->w == 1;
  int64_t images[4] = {samples->n, samples->c, samples->h, samples->w};
  int64_t latent[2] = {samples->n, samples->latent_size};
  GAN_TRY(gan_h5_write(file, "images", GAN_F32, points ? 2 : 4, images, samples->images));
  GAN_TRY(gan_h5_write(file, "latent", GAN_F32, 2, latent, samples->latent));
  if (samples->reconstructions)
    GAN_TRY(gan_h5_write(file, "reconstructions", GAN_F32, points ? 2 : 4, images,
                         samples->reconstructions));
  if (samples->labels)
    GAN_TRY(gan_h5_write(file, "labels", GAN_I32, 1, &samples->n, samples->labels));
  if (samples->labels_to)
    GAN_TRY(gan_h5_write(file, "labels_to", GAN_I32, 1, &samples->n, samples->labels_to));
  if (samples->share) GAN_TRY(gan_h5_write(file, "share", GAN_F32, 1, &samples->n, samples->share));
  GAN_TRY(gan_h5_set_int(file, "/", "step", samples->step));
  return gan_h5_set_text(file, "/", "config", samples->config);
}

gan_status gan_samples_write_hdf5(const char *path, const gan_samples *samples) {
  gan_h5 *file;
  char *image = NULL;
  size_t n = 0;
  GAN_TRY(gan_h5_create(&file));
  gan_status status = fill(file, samples);
  if (status == GAN_OK) status = gan_h5_image(file, &image, &n);
  gan_h5_close(&file);
  if (status == GAN_OK) status = gan_file_replace(path, image, n, NULL, 0);
  gan_free(&image);
  return status;
}

gan_status gan_samples_write_png(const char *path, const gan_samples *samples, int *written) {
  float low = (float)samples->low, high = (float)samples->high;
  bool points = samples->h == 1 && samples->w == 1;
  *written = !points || samples->c == 2;
  if (!*written) return GAN_OK;
  if (!points)
    return gan_png_write_grid(path, samples->images, samples->n, samples->c, samples->h, samples->w,
                              samples->columns, low, high);
  float margin = 0.1f * (high - low);
  return gan_png_write_points(path, samples->images, samples->n, low - margin, high + margin);
}

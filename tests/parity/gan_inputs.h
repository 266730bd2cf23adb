/* What a GAN's first updates are given: first weights, batches, noise and classes, as the product
 * makes them for a config of this folder.  Dumped for the golden once (dump_inputs.c); checked
 * against it by every test run, so that a change of any of them is named as such. */
#ifndef PARITY_GAN_INPUTS_H
#define PARITY_GAN_INPUTS_H

#include "train/session.h"

/* As many as the longest run of make_golden.py takes. */
enum { GAN_INPUTS_D_UPDATES = 4, GAN_INPUTS_G_UPDATES = 6, GAN_INPUTS_SAMPLES = 5 };

/* Keys of noise and of fakes' classes: the passes of src/task/gan.c; and the one of src/task/vae.c.
 */
enum { GAN_INPUTS_PASS_VAE, GAN_INPUTS_PASS_FAKE, GAN_INPUTS_PASS_GENERATOR };

typedef struct gan_inputs {
  int64_t batch, z, pixels, classes;
  float *data;          /* (D updates, batch, H, W, C) */
  float *noise_d;       /* (D updates, batch, Z); of a VAE: what z is drawn by */
  float *noise_g;       /* (G updates, batch, Z) */
  float *noise_sample;  /* (samples, Z): of sample pictures */
  float *penalty_e;     /* (D updates, batch): where between data and fakes wgan_gp looks, ... */
  float *penalty_noise; /* (D updates, batch, H, W, C): ... and dragan around data; of N(0, 1) */

  /* The classes of all those; NULL where the networks are not conditional. */
  int32_t *of_data;   /* (D updates, batch) */
  int32_t *of_d;      /* (D updates, batch) */
  int32_t *of_g;      /* (G updates, batch) */
  int32_t *of_sample; /* (samples) */
} gan_inputs;

/* The config `gan`.yaml with overrides, its data loaded, its networks with their first weights. */
GAN_CHECKED gan_status gan_inputs_session(gan_session *session, const char *gan,
                                          const char *const *overrides, int override_count);

GAN_CHECKED gan_status gan_inputs_make(const gan_session *session, gan_inputs *inputs);
void gan_inputs_reset(gan_inputs *inputs);

#endif

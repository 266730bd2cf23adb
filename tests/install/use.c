/* The smallest program on top of an installed mpigan: one sample as text. */
#include <mpigan/generator.h>
#include <stdio.h>

int main(int argc, char **argv) {
  gan_generator *generator;
  float image[64], latent[32]; /* of configs/digits.yaml */
  if (argc != 2 || gan_generator_open(argv[1], &generator) != GAN_OK ||
      gan_generator_latent(generator, 7, 0, 0, 1, latent) != GAN_OK ||
      gan_generator_run(generator, 1, latent, NULL, image) != GAN_OK) {
    fprintf(stderr, "use: %s\n", gan_error_message());
    return 1;
  }
  for (int i = 0; i < 64; i++) printf("%4.0f%s", (double)image[i], i % 8 == 7 ? "\n" : "");
  gan_generator_close(&generator);
  return 0;
}

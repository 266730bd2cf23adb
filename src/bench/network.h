/* A machine from words: nodes=1024 latency=1.5us bandwidth=25GB/s. */
#ifndef GAN_BENCH_NETWORK_H
#define GAN_BENCH_NETWORK_H

#include "base/status.h"
#include "bench/model.h"

typedef struct gan_machine {
  gan_network network;
  int64_t nodes;
  double overlap;
} gan_machine;

/* `adding`: its default.  GAN_USAGE for a word that is not understood, or that is missing. */
GAN_CHECKED gan_status gan_machine_parse(const char *const *words, int count, double adding,
                                         gan_machine *out);

#endif

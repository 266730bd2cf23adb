/* The processor cores that a thread, a process or a node may compute on.  A core with several
 * hardware threads counts once: they share its arithmetic. */
#ifndef GAN_BASE_CORES_H
#define GAN_BASE_CORES_H

#include <stdbool.h>
#include <stdint.h>

enum { GAN_CORES_MOST = 4096 };

/* A set of cores, each by the number of its first hardware thread. */
typedef struct gan_cores {
  uint64_t bits[GAN_CORES_MOST / 64];
} gan_cores;

/* Those that the launcher left to this process, or the user to OpenMP (OMP_PLACES). */
gan_cores gan_cores_of_process(void);

/* Those that so many compute threads of the calling thread run on, each where it is bound to. */
gan_cores gan_cores_of_threads(int threads);

/* Cores of the whole machine that are online. */
int gan_cores_of_machine(void);

int gan_cores_count(const gan_cores *cores);
void gan_cores_join(gan_cores *cores, const gan_cores *others);

/* Processors' worth of time that the control group allows, 0: no limit. */
int gan_cores_quota(void);

#endif

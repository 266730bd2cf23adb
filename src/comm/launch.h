/* Whether MPI joins the processes that the launcher started.  Where launcher and MPI do not know
 * each other, each process believes to be the only one. */
#ifndef GAN_COMM_LAUNCH_H
#define GAN_COMM_LAUNCH_H

#include "base/status.h"

/* Before MPI starts: srun started several, and none of the services by which they could find each
 * other.  A batch shell's SLURM_NTASKS is no evidence.  GAN_USAGE with the cure on the first of
 * them, without a message on the others. */
GAN_CHECKED gan_status gan_launch_check_before(void);

/* The same once MPI has started, with so many ranks: a launcher of another MPI. */
GAN_CHECKED gan_status gan_launch_check(int ranks);

#endif

/* Signals that ask a run to save and stop: SIGTERM, SIGINT, SIGUSR1. */
#ifndef GAN_TRAIN_SIGNALS_H
#define GAN_TRAIN_SIGNALS_H

/* Installed before MPI starts, so that no moment is uncovered.  SIGPIPE and SIGXFSZ are ignored:
 * the call that meets them fails. */
void gan_signals_install(void);

/* A write beyond the limit of a file's size fails and is told of, instead of ending the program. */
void gan_signals_ignore(void);

/* The last such signal that came, 0 if none. */
int gan_signals_received(void);

/* "SIGTERM" */
const char *gan_signals_name(int signal);

#endif

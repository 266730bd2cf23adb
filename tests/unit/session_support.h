/* Runs of the tests of tasks: one rank, from a config's text, without a run folder. */
#ifndef GAN_TESTS_UNIT_SESSION_SUPPORT_H
#define GAN_TESTS_UNIT_SESSION_SUPPORT_H

#include "train/session.h"
#include "unit/support.h"

/* Built and loaded; its task points into the session, which must stay.  `overrides` ends with NULL,
 * or is NULL.  Whatever comes of it wants gan_session_reset. */
gan_status unit_session_try(gan_session *session, const char *text, const char *const *overrides);

/* The same, which must work, and first weights. */
void unit_session_create(gan_session *session, const char *text, const char *const *overrides);

void unit_session_step(gan_session *session, int steps);

#endif

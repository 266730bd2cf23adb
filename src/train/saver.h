/* The run's checkpoints: written by a thread beside training, or at once.  All of it is rank 0's.
 *
 * gan_saver_begin copies the state into memory that was reserved at the start, and returns; the
 * thread, at idle priority, then makes the records durable, builds the file's image and writes it.
 * A failure of it is kept: gan_saver_failed shows it, and the next begin, finish or save gives it.
 */
#ifndef GAN_TRAIN_SAVER_H
#define GAN_TRAIN_SAVER_H

#include "train/folder.h"
#include "train/session.h"

typedef struct gan_saver gan_saver;

/* For the session's task; folder and session are borrowed. */
GAN_CHECKED gan_status gan_saver_create(const char *run_dir, gan_folder *folder,
                                        const gan_session *session, gan_saver **out);

/* Waits for a write that is under way. */
void gan_saver_destroy(gan_saver **saver);

/* Begins to write the checkpoint of now; waits where the one before is not written yet. */
GAN_CHECKED gan_status gan_saver_begin(gan_saver *saver, const gan_run_facts *facts);

/* Waits until nothing is being written. */
GAN_CHECKED gan_status gan_saver_finish(gan_saver *saver);

/* The checkpoint of now is on the disk when this returns. */
GAN_CHECKED gan_status gan_saver_save(gan_saver *saver, const gan_run_facts *facts);

/* Whether a write has failed; also logs what was written since the last call.  For each step. */
bool gan_saver_failed(gan_saver *saver);

#endif

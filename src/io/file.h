/* Files: reading whole ones, replacing them atomically, folders. */
#ifndef GAN_IO_FILE_H
#define GAN_IO_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The path as seen from the root, whether or not anything is there; in fresh memory, NULL if memory
 * is short. */
char *gan_path_absolute(const char *path);

/* open() with O_CLOEXEC, and fsync(), which go on where a signal came in between: some network file
 * systems let that happen.  -1 and errno on failure. */
int gan_fd_open(const char *path, int flags);
int gan_fd_sync(int fd);

/* A whole file into fresh memory, with a '\0' behind it.  GAN_INPUT if it cannot be read. */
GAN_CHECKED gan_status gan_file_read(const char *path, char **bytes, size_t *n);

/* Makes `path` hold exactly these two pieces, or leaves what was there: temporary file in the same
 * folder, write, fsync, rename, fsync of the folder.  GAN_OUTPUT on failure, the temporary removed.
 */
GAN_CHECKED gan_status gan_file_replace(const char *path, const void *head, size_t head_n,
                                        const void *body, size_t body_n);

/* Whether gan_file_replace has a place to write to, before what it writes is made: GAN_OUTPUT if
 * the temporary file cannot be made, or a folder has the name.  Leaves nothing. */
GAN_CHECKED gan_status gan_file_try(const char *path);

/* The same where `permit` says so, before anything is written and once all is: writing takes a
 * while, and the right to it may be lost meanwhile.  If not, its status; the temporary is then not
 * touched again. */
typedef struct gan_permit {
  gan_status (*ask)(void *context);
  void *context;
} gan_permit;
GAN_CHECKED gan_status gan_file_replace_if(const gan_permit *permit, const char *path,
                                           const void *head, size_t head_n, const void *body,
                                           size_t body_n);

/* What another library has written to `temporary`, in the same folder, becomes `path`: fsync,
 * rename, fsync of the folder.  On failure GAN_OUTPUT, and the temporary is still there. */
GAN_CHECKED gan_status gan_file_publish(const char *temporary, const char *path);

/* An open file that someone else might write to: whether its size and its time of change are still
 * those of the opening.  HDF5 reads zeros behind the end of a file that was cut. */
typedef struct gan_file_watch gan_file_watch;
GAN_CHECKED gan_status gan_file_watch_open(const char *path, gan_file_watch **out);
GAN_CHECKED gan_status gan_file_unchanged(const gan_file_watch *watch); /* or GAN_INPUT */
void gan_file_watch_close(gan_file_watch **watch);

/* Makes a folder and its parents. */
GAN_CHECKED gan_status gan_folder_make(const char *path);

/* Everything in one write() call where the system allows; goes on after short writes. */
GAN_CHECKED gan_status gan_fd_write(int fd, const char *path, const void *bytes, size_t n);

/* A symlink `path` to `target`, replaced in one step.  Failure is no error: some file systems have
 * none, and it is there for people only. */
void gan_link_replace(const char *path, const char *target);

GAN_CHECKED gan_status gan_file_size(const char *path, uint64_t *bytes);
bool gan_file_exists(const char *path);
bool gan_folder_exists(const char *path);

/* Names in a folder that begin with `prefix` and end with `suffix`, sorted; names[i] and the array
 * are freed with gan_names_free.  A folder that does not exist has none. */
GAN_CHECKED gan_status gan_folder_list(const char *path, const char *prefix, const char *suffix,
                                       char ***names, int *count);
void gan_names_free(char ***names, int count);

#endif

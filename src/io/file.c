#include "io/file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *gan_path_absolute(const char *path) {
  char here[PATH_MAX];
  if (*path == '/' || !getcwd(here, sizeof here)) return gan_strdup(path);
  return gan_format("%s/%s", here, path);
}

int gan_fd_open(const char *path, int flags) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int gan_fd_sync(int fd) {
  int result;
  do result = fsync(fd);
  while (result && errno == EINTR);
  return result;
}

gan_status gan_file_read(const char *path, char **bytes, size_t *n) {
  *bytes = NULL;
  *n = 0;
  struct stat info;
  int fd =
      gan_fd_open(path, O_RDONLY | O_NONBLOCK); /* a pipe must not let us wait for its writer */
  if (fd < 0) return gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  gan_status status = GAN_OK;
  size_t size = 0, used = 0;
  if (fstat(fd, &info))
    status = gan_fail(GAN_INPUT, "%s: cannot read: %s", path, strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = gan_fail(GAN_INPUT, "%s: is not a file", path);
  else if (!(*bytes = gan_alloc((size_t)info.st_size + 1, 1, path)))
    status = GAN_NO_MEMORY;
  else
    size = (size_t)info.st_size;
  while (status == GAN_OK && used < size) {
    ssize_t got = read(fd, *bytes + used, size - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = gan_fail(GAN_INPUT, "%s: cannot read: %s", path, strerror(errno));
    if (got <= 0) break;
    used += (size_t)got;
  }
  close(fd);
  if (status != GAN_OK) gan_free(bytes);
  *n = used;
  return status;
}

gan_status gan_fd_write(int fd, const char *path, const void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t wrote = write(fd, (const char *)bytes + done, n - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return gan_fail(GAN_OUTPUT, "%s: cannot write: %s", path, strerror(errno));
    done += (size_t)wrote;
  }
  return GAN_OK;
}

/* After EINTR the descriptor is gone all the same. */
static int close_fd(int fd) {
  int result = close(fd);
  return result && errno == EINTR ? 0 : result;
}

/* Makes a rename in this file's folder durable. */
static gan_status sync_folder_of(const char *path) {
  char *folder = gan_strdup(path);
  if (!folder) return GAN_NO_MEMORY;
  char *slash = strrchr(folder, '/');
  if (slash == folder) slash++;
  if (slash) *slash = '\0';
  int fd = gan_fd_open(slash ? folder : ".", O_RDONLY | O_DIRECTORY);
  gan_status status = GAN_OK;
  /* EINVAL: a file system that cannot sync folders has nothing to sync. */
  if (fd < 0 || (gan_fd_sync(fd) && errno != EINVAL))
    status = gan_fail(GAN_OUTPUT, "%s: cannot sync its folder: %s", path, strerror(errno));
  if (fd >= 0) close(fd);
  gan_free(&folder);
  return status;
}

static gan_status write_and_sync(const char *path, const void *head, size_t head_n,
                                 const void *body, size_t body_n) {
  int fd = gan_fd_open(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (fd < 0) return gan_fail(GAN_OUTPUT, "%s: cannot create: %s", path, strerror(errno));
  gan_status status = gan_fd_write(fd, path, head, head_n);
  if (status == GAN_OK) status = gan_fd_write(fd, path, body, body_n);
  if (status == GAN_OK && gan_fd_sync(fd))
    status = gan_fail(GAN_OUTPUT, "%s: cannot sync to disk: %s", path, strerror(errno));
  if (close_fd(fd) && status == GAN_OK) /* NFS tells of a full disk here */
    status = gan_fail(GAN_OUTPUT, "%s: cannot close: %s", path, strerror(errno));
  return status;
}

gan_status gan_file_replace(const char *path, const void *head, size_t head_n, const void *body,
                            size_t body_n) {
  return gan_file_replace_if(NULL, path, head, head_n, body, body_n);
}

gan_status gan_file_try(const char *path) {
  char *temporary;
  if (gan_folder_exists(path)) return gan_fail(GAN_OUTPUT, "%s: is a folder", path);
  if (!(temporary = gan_format("%s.tmp", path))) return GAN_NO_MEMORY;
  gan_status status = GAN_OK;
  int fd = gan_fd_open(temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0 && errno != EEXIST) /* left by another that ended early */
    status = gan_fail(GAN_OUTPUT, "%s: cannot create: %s", temporary, strerror(errno));
  if (fd >= 0) close(fd);
  if (fd >= 0) unlink(temporary);
  gan_free(&temporary);
  return status;
}

gan_status gan_file_replace_if(const gan_permit *permit, const char *path, const void *head,
                               size_t head_n, const void *body, size_t body_n) {
  if (permit) GAN_TRY(permit->ask(permit->context));
  char *temporary = gan_format("%s.tmp", path);
  if (!temporary) return GAN_NO_MEMORY;
  gan_status status = write_and_sync(temporary, head, head_n, body, body_n);
  gan_status permitted = permit ? permit->ask(permit->context) : GAN_OK;
  if (permitted != GAN_OK) { /* whoever may write now has cleared it away, or is writing it */
    gan_free(&temporary);
    return permitted;
  }
  if (status == GAN_OK && rename(temporary, path))
    status = gan_fail(GAN_OUTPUT, "%s: cannot rename to it: %s", path, strerror(errno));
  if (status != GAN_OK) unlink(temporary);
  gan_free(&temporary);
  return status == GAN_OK ? sync_folder_of(path) : status;
}

gan_status gan_file_publish(const char *temporary, const char *path) {
  int fd = gan_fd_open(temporary, O_RDWR);
  if (fd < 0) return gan_fail(GAN_OUTPUT, "%s: cannot open: %s", temporary, strerror(errno));
  gan_status status = GAN_OK;
  if (gan_fd_sync(fd))
    status = gan_fail(GAN_OUTPUT, "%s: cannot sync to disk: %s", temporary, strerror(errno));
  if (close_fd(fd) && status == GAN_OK)
    status = gan_fail(GAN_OUTPUT, "%s: cannot close: %s", temporary, strerror(errno));
  GAN_TRY(status);
  if (rename(temporary, path))
    return gan_fail(GAN_OUTPUT, "%s: cannot rename to it: %s", path, strerror(errno));
  return sync_folder_of(path);
}

struct gan_file_watch {
  int fd;
  char *path;
  struct stat at_opening;
};

gan_status gan_file_watch_open(const char *path, gan_file_watch **out) {
  gan_file_watch *watch;
  GAN_TRY_ALLOC(watch, 1, "a file");
  *out = watch;
  watch->fd = gan_fd_open(path, O_RDONLY);
  watch->path = gan_strdup(path);
  gan_status status = watch->path ? GAN_OK : GAN_NO_MEMORY;
  if (watch->fd < 0 || fstat(watch->fd, &watch->at_opening))
    status = gan_fail(GAN_INPUT, "%s: cannot open: %s", path, strerror(errno));
  if (status != GAN_OK) gan_file_watch_close(out);
  return status;
}

gan_status gan_file_unchanged(const gan_file_watch *watch) {
  const struct stat *then = &watch->at_opening;
  struct stat now;
  if (fstat(watch->fd, &now))
    return gan_fail(GAN_INPUT, "%s: cannot look at it: %s", watch->path, strerror(errno));
  if (now.st_size == then->st_size && now.st_mtim.tv_sec == then->st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == then->st_mtim.tv_nsec)
    return GAN_OK;
  return gan_fail(GAN_INPUT,
                  "%s: was changed while it was read (%lld bytes then, %lld now); put a new file "
                  "under another name",
                  watch->path, (long long)then->st_size, (long long)now.st_size);
}

void gan_file_watch_close(gan_file_watch **watch) {
  if (!*watch) return;
  if ((*watch)->fd >= 0) close((*watch)->fd);
  gan_free(&(*watch)->path);
  gan_free(watch);
}

gan_status gan_folder_make(const char *path) {
  char *partial = gan_strdup(path);
  if (!partial) return GAN_NO_MEMORY;
  gan_status status = GAN_OK;
  for (char *at = partial + 1; status == GAN_OK; at++) {
    if (*at != '/' && *at != '\0') continue;
    char kept = *at;
    *at = '\0';
    if (mkdir(partial, 0777) && errno != EEXIST)
      status = gan_fail(GAN_OUTPUT, "%s: cannot make this folder: %s", partial, strerror(errno));
    *at = kept;
    if (!kept) break;
  }
  gan_free(&partial);
  if (status == GAN_OK && !gan_folder_exists(path))
    status = gan_fail(GAN_OUTPUT, "%s: cannot make this folder: a file is in the way", path);
  return status;
}

void gan_link_replace(const char *path, const char *target) {
  char *temporary = gan_format("%s.tmp", path);
  if (!temporary) return;
  unlink(temporary);
  if (symlink(target, temporary) || rename(temporary, path)) unlink(temporary);
  gan_free(&temporary);
}

gan_status gan_file_size(const char *path, uint64_t *bytes) {
  struct stat info;
  if (stat(path, &info))
    return gan_fail(GAN_INPUT, "%s: cannot look at it: %s", path, strerror(errno));
  *bytes = (uint64_t)info.st_size;
  return GAN_OK;
}

bool gan_file_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

bool gan_folder_exists(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool matches(const char *name, const char *prefix, const char *suffix) {
  size_t n = strlen(name), p = strlen(prefix), s = strlen(suffix);
  return n >= p + s && !strncmp(name, prefix, p) && !strcmp(name + n - s, suffix);
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static gan_status add_name(char ***names, int *count, int *capacity, const char *name) {
  if (*count == *capacity) {
    char **more;
    GAN_TRY_ALLOC(more, 2 * *capacity + 16, "a list of files");
    if (*count) memcpy(more, *names, (size_t)*count * sizeof *more);
    gan_free(names);
    *names = more;
    *capacity = 2 * *capacity + 16;
  }
  (*names)[*count] = gan_strdup(name);
  if (!(*names)[*count]) return GAN_NO_MEMORY;
  ++*count;
  return GAN_OK;
}

gan_status gan_folder_list(const char *path, const char *prefix, const char *suffix, char ***names,
                           int *count) {
  *names = NULL;
  *count = 0;
  int capacity = 0;
  DIR *folder = opendir(path);
  if (!folder && errno == ENOENT) return GAN_OK;
  if (!folder) return gan_fail(GAN_INPUT, "%s: cannot list: %s", path, strerror(errno));
  gan_status status = GAN_OK;
  for (struct dirent *entry; status == GAN_OK && (entry = readdir(folder));)
    if (matches(entry->d_name, prefix, suffix))
      status = add_name(names, count, &capacity, entry->d_name);
  closedir(folder);
  if (status != GAN_OK) {
    gan_names_free(names, *count);
    *count = 0;
    return status;
  }
  if (*count) qsort(*names, (size_t)*count, sizeof **names, by_name);
  return GAN_OK;
}

void gan_names_free(char ***names, int count) {
  for (int i = 0; *names && i < count; i++) gan_free(&(*names)[i]);
  gan_free(names);
}

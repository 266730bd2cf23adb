#include "data/picture_work.h"

#include "base/memory.h"
#include "data/square.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const size_t HEAD = offsetof(gan_picture_work, paths);

gan_status gan_picture_work_add(gan_picture_work *work, const char *path) {
  size_t n = strlen(path) + 1;
  GAN_ASSERT(work->count < GAN_PICTURE_WORK_MAX);
  if (n > PATH_MAX) return gan_fail(GAN_INPUT, "%.200s...: the path is too long", path);
  memcpy(work->paths + work->bytes, path, n);
  work->bytes += (int32_t)n;
  work->count++;
  return GAN_OK;
}

/* Damage is no failure; `reason` has it then. */
static gan_status decode(const gan_picture_work *work, const char *path, uint8_t *row,
                         gan_picture_fate *fate, char reason[GAN_PICTURE_REASON]) {
  gan_picture picture;
  bool is_picture;
  gan_status status = gan_picture_read(path, work->channels, &is_picture, &picture);
  *fate = is_picture ? GAN_PICTURE_KEPT : GAN_PICTURE_NONE;
  if (status == GAN_INPUT && is_picture) {
    *fate = GAN_PICTURE_DAMAGED;
    snprintf(reason, GAN_PICTURE_REASON, "%s", gan_error_message());
    gan_fail_clear();
    return GAN_OK;
  }
  GAN_TRY(status);
  if (is_picture) gan_picture_square(&picture, work->side, row);
  gan_picture_free(&picture);
  return GAN_OK;
}

static void fail(gan_picture_report *report, gan_status status) {
  memset(report, 0, sizeof *report);
  report->status = (int32_t)status;
  snprintf(report->reasons[0], GAN_PICTURE_REASON, "%s", gan_error_message());
}

void gan_picture_work_do(const gan_picture_work *work, uint8_t *rows, gan_picture_report *report) {
  size_t row_bytes = (size_t)work->side * (size_t)work->side * (size_t)work->channels;
  const char *path = work->paths;
  memset(report, 0, sizeof *report);
  for (int i = 0; i < work->count; i++, path += strlen(path) + 1) {
    gan_picture_fate fate;
    uint8_t *row = rows + (size_t)report->kept * row_bytes;
    gan_status status = decode(work, path, row, &fate, report->reasons[i]);
    if (status != GAN_OK) {
      fail(report, status);
      return;
    }
    report->fates[i] = (uint8_t)fate;
    report->kept += fate == GAN_PICTURE_KEPT;
  }
}

gan_status gan_picture_work_send(gan_comm *comm, int to, const gan_picture_work *work) {
  GAN_TRY(gan_comm_send(comm, to, work, HEAD, "handing out pictures"));
  return gan_comm_send(comm, to, work->paths, (size_t)work->bytes, "handing out pictures");
}

gan_status gan_picture_work_collect(gan_comm *comm, int from, size_t row_bytes, uint8_t *rows,
                                    gan_picture_report *report) {
  GAN_TRY(gan_comm_receive(comm, from, report, sizeof *report, "taking decoded pictures"));
  return gan_comm_receive(comm, from, rows, (size_t)report->kept * row_bytes,
                          "taking decoded pictures");
}

/* Work until there is none; `*rows` has room for `*room` bytes, and grows. */
static gan_status serve(gan_comm *comm, gan_picture_work *work, gan_picture_report *report,
                        uint8_t **rows, size_t *room) {
  while (true) {
    GAN_TRY(gan_comm_receive(comm, 0, work, HEAD, "waiting for pictures"));
    GAN_TRY(gan_comm_receive(comm, 0, work->paths, (size_t)work->bytes, "waiting for pictures"));
    if (!work->count) return GAN_OK;
    size_t row_bytes = (size_t)work->side * (size_t)work->side * (size_t)work->channels;
    size_t wanted = (size_t)work->count * row_bytes;
    if (wanted > *room) {
      gan_free(rows);
      *rows = gan_alloc(wanted, 1, "decoded pictures");
      *room = *rows ? wanted : 0;
    }
    if (*rows)
      gan_picture_work_do(work, *rows, report);
    else
      fail(report, GAN_NO_MEMORY);
    GAN_TRY(gan_comm_send(comm, 0, report, sizeof *report, "giving decoded pictures"));
    GAN_TRY(
        gan_comm_send(comm, 0, *rows, (size_t)report->kept * row_bytes, "giving decoded pictures"));
  }
}

/* Both structs are on the stack (80 KiB): a rank that could not have them would leave rank 0
 * waiting. */
gan_status gan_picture_work_serve(gan_comm *comm) {
  gan_picture_work work;
  gan_picture_report report;
  uint8_t *rows = NULL;
  size_t room = 0;
  gan_status status = serve(comm, &work, &report, &rows, &room);
  gan_free(&rows);
  return status;
}

gan_status gan_picture_work_dismiss(gan_comm *comm) {
  gan_picture_work none;
  gan_status status = GAN_OK;
  memset(&none, 0, sizeof none);
  for (int rank = 1; rank < gan_comm_size(comm); rank++) {
    gan_status sent = gan_picture_work_send(comm, rank, &none);
    if (status == GAN_OK) status = sent;
  }
  return status;
}

#include "unit/session_support.h"

#include <string.h>

gan_status unit_session_try(gan_session *session, const char *text, const char *const *overrides) {
  int count = 0;
  const char *path = unit_path("run.yaml");
  unit_write(path, text, strlen(text));
  while (overrides && overrides[count]) count++;
  *session = (gan_session){.comm = gan_comm_alone()};
  GAN_TRY(gan_session_config(session, path, overrides, count));
  GAN_TRY(gan_session_build(session));
  return gan_session_load(session);
}

void unit_session_create(gan_session *session, const char *text, const char *const *overrides) {
  check_ok(unit_session_try(session, text, overrides));
  gan_task_init(session->task);
}

void unit_session_step(gan_session *session, int steps) {
  for (int i = 0; i < steps; i++) check_ok(session->task->type->step(session->task));
}

#include "base/version.h"

#include "base/log.h"
#include "cli/cli.h"
#include "io/hdf5.h"
#include "kernels/gemm.h"
#include "kernels/onednn.h"

static gan_status run(gan_comm *comm, int argc, char **argv) {
  (void)comm, (void)argc, (void)argv;
  char text[512];
  gan_log("mpigan %s (%s, %s)", gan_version(), gan_git_hash(), gan_build_type());
  gan_log("MPI: %s", gan_comm_library(text, sizeof text));
  gan_log("BLAS: %s", gan_gemm_library(text, sizeof text));
  gan_log("products: %s", gan_onednn_text(text, sizeof text));
  gan_log("HDF5: %s", gan_h5_library(text, sizeof text));
  return GAN_OK;
}

const gan_command gan_command_version = {
    .name = "--version",
    .usage = "",
    .summary = "versions of this build and of its libraries",
    .run = run,
};

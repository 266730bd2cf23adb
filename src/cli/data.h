/* What the words of `mpigan data` share. */
#ifndef GAN_CLI_DATA_H
#define GAN_CLI_DATA_H

#include "config/config.h"

#define GAN_DATA_INFO_USAGE                                                                        \
  "PATH [--verify] [--png F.png] [--images NAME] [--labels NAME] [--layout auto|nhwc|nchw]"

/* `mpigan data info`; argv[0] is `info`.  Local. */
GAN_CHECKED gan_status gan_data_info_run(int argc, char **argv);

/* --layout of a word of `mpigan data`. */
GAN_CHECKED gan_status gan_data_layout_find(const char *word, const char *name, gan_layout *layout);

#endif

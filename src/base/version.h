/* What this build is; filled in by CMake. */
#ifndef GAN_BASE_VERSION_H
#define GAN_BASE_VERSION_H

const char *gan_version(void);    /* "0.1.0" */
const char *gan_git_hash(void);   /* of the sources, "-dirty" behind it where they were changed */
const char *gan_build_type(void); /* "Release" */

#endif

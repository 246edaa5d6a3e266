/* version.h - what this program is. */
#ifndef SKYMEANS_BASE_VERSION_H
#define SKYMEANS_BASE_VERSION_H

#define KM_VERSION "0.2.0"

const char *km_git_commit(void); /* "unknown" outside a checkout */
const char *km_compiler(void);

#endif

/* The Makefile says KM_GIT_COMMIT for this file only, so that a commit rebuilds nothing else. */
#include "base/version.h"

const char *km_git_commit(void)
{
    return KM_GIT_COMMIT;
}

const char *km_compiler(void)
{
#ifdef __clang__
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

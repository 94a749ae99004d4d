/* Test data that is too large for the repository: looked for in $WINNOW_SHARED, else in ../shared beside the checkout. */
#ifndef WINNOW_TESTS_SHARED_H
#define WINNOW_TESTS_SHARED_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The path of a file in that folder; NULL when it is not there, and the test skips. Valid until the next call. */
static inline const char *shared_path(const char *relative)
{
    static char path[4096];
    const char *folder = getenv("WINNOW_SHARED");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared", relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

#endif

/* A process has one class of products, so a test walks the classes in children of its own. */
#ifndef WINNOW_TESTS_CLIP_CLASSES_H
#define WINNOW_TESTS_CLIP_CLASSES_H

#include "filters/clip/matmul.h"
#include "pipeline/base/fail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* WINNOW_TEST_CLASSES names the classes to walk, between spaces, for machines on which all take too long. */
static inline bool class_is_wanted(const char *name)
{
    const char *wanted = getenv("WINNOW_TEST_CLASSES");
    size_t n = strlen(name);
    if (!wanted || !*wanted) return true;
    for (const char *at = wanted; (at = strstr(at, name)); at += n)
        if ((at == wanted || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

/* Runs `check` in a child for every class that this processor serves; it returns whether all is well and prints what is not.
 * How many classes were not well. */
static inline int failing_classes(bool (*check)(const struct matmul *m))
{
    int failing = 0;
    for (int c = 0; c < MATMUL_CLASSES; c++) {
        enum { WELL, WRONG, NOT_SERVED };
        if (!class_is_wanted(matmul_class_name((enum matmul_class)c))) continue;
        fflush(stdout);
        fflush(stderr);
        pid_t child = fork();
        if (child == 0) {
            const struct matmul *m = matmul_open(matmul_class_name((enum matmul_class)c));
            if (!m && fail_code() != EXIT_USAGE) fprintf(stderr, "%s\n", fail_message());
            int result = m ? (check(m) ? WELL : WRONG) : fail_code() == EXIT_USAGE ? NOT_SERVED : WRONG;
            fflush(stdout);
            fflush(stderr);
            _exit(result);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == WRONG) {
            fprintf(stderr, "class %s fails\n", matmul_class_name((enum matmul_class)c));
            failing++;
        } else if (WEXITSTATUS(status) == NOT_SERVED) {
            fprintf(stderr, "class %s: not served here\n", matmul_class_name((enum matmul_class)c));
        }
    }
    return failing;
}

#endif

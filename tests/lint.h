/* Tells clang's analyzer, which sees one file at a time, what fail() and its kin return (pipeline/base/fail.h). */
#ifndef WINNOW_LINT_H
#define WINNOW_LINT_H

#include "pipeline/base/fail.h"

#define fail(...) (fail(__VA_ARGS__), -1)
#define fail_usage(...) (fail_usage(__VA_ARGS__), -1)
#define fail_errno(...) (fail_errno(__VA_ARGS__), -1)
#define fail_memory() (fail_memory(), -1)

#endif

/* Writing the models of linear.h. */
#ifndef WINNOW_WRITE_LINEAR_H
#define WINNOW_WRITE_LINEAR_H

#include "pipeline/base/str.h"

/* Columns from..from+count of `weights` (rows × columns) as int8 by one scale: the 99.9th percentile of what is not 0 becomes 100.
 * Returns what one step of int8 is worth. */
double quantise(const int32_t *weights, size_t rows, unsigned columns, unsigned from, unsigned count, int8_t *out);
int write_linear(const char *path, unsigned rows_log2, unsigned columns, struct str note, const int8_t *rows);

#endif

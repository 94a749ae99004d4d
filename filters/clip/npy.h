/* NumPy's .npy, versions 1 to 3: one array.
 *
 *     struct tensor t;
 *     if (npy_read("violence.npy", bytes, &t) < 0) return -1;        t.data points into `bytes`, t.name is ""
 *
 * Little-endian numbers and bytes in C or Fortran order are read; objects, strings, records, complex and big-endian numbers
 * are refused by their descr.
 */
#ifndef WINNOW_CLIP_NPY_H
#define WINNOW_CLIP_NPY_H

#include "filters/clip/tensor.h"

bool npy_begins(struct str bytes); /* with the format's six bytes */
int npy_read(const char *file, struct str bytes, struct tensor *t); /* `file` must live as long as the tensor */

#endif

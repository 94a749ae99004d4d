/* SHA256SUMS of a model's folder, as sha256sum writes and checks it: what was fetched, so that it can be told from something else. */
#ifndef WINNOW_FILTERS_MODEL_SUMS_H
#define WINNOW_FILTERS_MODEL_SUMS_H

#include "pipeline/base/str.h"

enum { SHA256_HEX = 65 };

int model_file_sha256(const char *path, char hex[SHA256_HEX]);
/* 1: FOLDER/SHA256SUMS names the file; 0: it does not, or there is none; -1 with a sentence. */
int model_sums_find(const char *folder, const char *name, char hex[SHA256_HEX]);
int model_sums_put(const char *folder, const char *name, const char hex[SHA256_HEX]); /* adds or replaces; whole or not at all */

#endif

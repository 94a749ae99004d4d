/* Whether a model is whole, and whether its files are those that were published or fetched. */
#ifndef WINNOW_FILTERS_MODEL_VERIFY_H
#define WINNOW_FILTERS_MODEL_VERIFY_H

/* Prints a line a file: name, bytes, SHA-256, verdict; then opens the model with both towers. 0 when nothing is wrong, -1 with a
 * sentence. */
int model_verify(const char *path);

#endif

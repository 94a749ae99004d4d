/* Manifests: what a task read, did and wrote; equal manifests mean done. schemas/FORMAT.md §5 has every key.
 *
 * The file is one line of JSON with sorted keys and no floats; behind all of them, outside the sorting, stands `xxh3_128`,
 * the XXH3-128 of every byte before the comma that precedes it. Nothing in it depends on time, host, thread count or the
 * path above the output.
 */
#ifndef WINNOW_MANIFEST_H
#define WINNOW_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>

#define MANIFEST_FORMAT "winnow-manifest-1"

/* Writes `manifest` (borrowed) under `path`, whole or not at all. */
int manifest_write(const char *path, json_t *manifest);
/* Reads and checks a manifest. NULL with a sentence when it is missing or damaged. The caller owns the object. */
json_t *manifest_read(const char *path);
/* Whether the file at `path` is the manifest of the same task: equal stage, behaviour, parameters, inputs and task as in
 * `expected`, and every output is there with its size. No sentence. */
bool manifest_is_done(const char *path, json_t *expected);

#endif

/* safetensors: 8 bytes length, a JSON header, the data.
 *
 *     struct tensor_list list;
 *     tensor_list_init(&list);
 *     if (safetensors_read("model.safetensors", bytes, &list) < 0) return -1;     appends; slices point into `bytes`
 *
 * Refused: a header that is longer than the file or than 16 MiB, is not JSON, or names a tensor or a field twice; a type that
 * is not known; offsets that disagree with type and shape, overlap, leave a gap or do not end with the file (spec: clip.md
 * section 2).
 */
#ifndef WINNOW_CLIP_SAFETENSORS_H
#define WINNOW_CLIP_SAFETENSORS_H

#include "filters/clip/tensor.h"

/* `file` stands in messages and in the tensors, and must live as long as they do. */
int safetensors_read(const char *file, struct str bytes, struct tensor_list *list);

#endif

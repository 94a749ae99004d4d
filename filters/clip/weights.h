/* A model's named tensors, whatever kind of file they lie in.
 *
 *     struct weights *w = weights_open("model/");                     a folder or a file
 *     if (!w) return -1;
 *     const struct tensor *t = weights_find(w, STR("visual_projection.weight"));
 *     if (!t) return fail("%s: visual_projection.weight is missing", weights_name(w));
 *     if (tensor_to_f32(t, out) < 0) return -1;                       out: t->count floats, row-major
 *     weights_close(w);
 *
 * Kinds are told by content: safetensors, several of them under an index (`*.safetensors.index.json`, `*.bin.index.json`),
 * torch's zip (`.bin`, `.pt`, `.pth`, TorchScript archives; torchzip.h), NumPy's `.npy` (one tensor with an empty name). Files
 * are mapped, not read: tensors are slices of the mapping and live as long as the struct weights. All that a file claims
 * about itself is checked before a tensor of it is handed out. Immutable once open: any thread may read it.
 */
#ifndef WINNOW_CLIP_WEIGHTS_H
#define WINNOW_CLIP_WEIGHTS_H

#include "filters/clip/tensor.h"
#include "pipeline/base/hash.h"

struct weights;

/* `path`: a file, or a folder, in which the first of these is taken: open_clip_model.safetensors,
 * open_clip_pytorch_model.safetensors, open_clip_pytorch_model.bin, open_clip_model.pt (these only beside
 * open_clip_config.json), then model.safetensors, its index, pytorch_model.bin, its index, model.pt, model.pth;
 * else the only file that ends in .pt, .pth, .bin or .safetensors. NULL with a sentence that names file, tensor and reason. */
struct weights *weights_open(const char *path);
void weights_close(struct weights *w); /* NULL is allowed */

const char *weights_name(const struct weights *w);   /* path of the file (of the index, where there is one) */
const char *weights_folder(const struct weights *w); /* the folder that it lies in, "." at least: where the configuration is */
size_t weights_count(const struct weights *w);
const struct tensor *weights_at(const struct weights *w, size_t i); /* by name in byte order; i < weights_count */
const struct tensor *weights_find(const struct weights *w, struct str name); /* NULL without a sentence when it is not there */

/* XXH3-128 over all tensors in name order: name, type, shape, elements. The same for the same numbers in another kind of
 * file. -1 when out of memory. */
int weights_digest(const struct weights *w, struct hash128 *digest);

#endif

/* torch's zip files (torch.save since 1.6, TorchScript archives), read without running what is pickled in them.
 *
 *     struct tensor_list list;
 *     tensor_list_init(&list);
 *     if (torchzip_read("pytorch_model.bin", bytes, &list) < 0) return -1;    appends; slices point into `bytes`
 *
 * The tensors are those of a state dict: the pickled dictionary itself, or the one under `state_dict`, `model` or `weights`
 * in it; a prefix `module.` that all of them have is taken off; one tensor pickled by itself has an empty name. In a TorchScript archive they are the attributes of its
 * modules, named by their path. Anything else in the file is not looked at. Every tensor's offset, sizes and strides are held
 * against its storage, and the storage against its entry in the zip. (spec: clip.md section 10.)
 */
#ifndef WINNOW_CLIP_TORCHZIP_H
#define WINNOW_CLIP_TORCHZIP_H

#include "filters/clip/tensor.h"

/* `file` stands in messages and in the tensors, and must live as long as they do. */
int torchzip_read(const char *file, struct str bytes, struct tensor_list *list);

#endif

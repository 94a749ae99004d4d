/* Addresses and digests as openai/CLIP's clip.py (at d05afc4) and the publishers' pages on huggingface.co give them. */
#include "filters/model_list.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/str.h"

#include <stdio.h>

static const char mit[] = "MIT", apple[] = "apple-amlr (research)";

static const struct model_entry entries[] = {
    {"ViT-B-32.pt", MODEL_ARCHIVE, "b32", mit, 353, "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"},
    {"ViT-B-16.pt", MODEL_ARCHIVE, "b16", mit, 350, "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"},
    {"ViT-L-14.pt", MODEL_ARCHIVE, "l14", mit, 932, "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"},
    {"ViT-L-14-336px.pt", MODEL_ARCHIVE, "l14_336", mit, 932, "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"},
    {"openai/clip-vit-base-patch32", MODEL_HUGGING_FACE, "b32", NULL, 605, NULL},
    {"openai/clip-vit-base-patch16", MODEL_HUGGING_FACE, "b16", NULL, 598, NULL},
    {"openai/clip-vit-large-patch14", MODEL_HUGGING_FACE, "l14", NULL, 1710, NULL},
    {"openai/clip-vit-large-patch14-336", MODEL_HUGGING_FACE, "l14_336", NULL, 1710, NULL},
    {"timm/vit_base_patch32_clip_224.openai", MODEL_OPEN_CLIP, "b32", "Apache-2.0", 605, NULL},
    {"laion/CLIP-ViT-B-32-laion2B-s34B-b79K", MODEL_OPEN_CLIP, "b32_gelu", mit, 605, NULL},
    {"laion/CLIP-ViT-B-16-laion2B-s34B-b88K", MODEL_OPEN_CLIP, "b16_gelu", mit, 598, NULL},
    {"laion/CLIP-ViT-L-14-laion2B-s32B-b82K", MODEL_OPEN_CLIP, "l14_gelu", mit, 1710, NULL},
    {"laion/CLIP-ViT-H-14-laion2B-s32B-b79K", MODEL_OPEN_CLIP, "h14", mit, 3940, NULL},
    {"laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", MODEL_OPEN_CLIP, "bigg14", mit, 10200, NULL},
    {"laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", MODEL_OPEN_CLIP, "b32_gelu", mit, 605, NULL},
    {"laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", MODEL_OPEN_CLIP, "b16_gelu", mit, 598, NULL},
    {"laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", MODEL_OPEN_CLIP, "l14_gelu", mit, 1710, NULL},
    {"apple/DFN2B-CLIP-ViT-B-16", MODEL_OPEN_CLIP, "b16", apple, 598, NULL},
    {"apple/DFN2B-CLIP-ViT-L-14", MODEL_OPEN_CLIP, "l14", apple, 1710, NULL},
    {"apple/DFN5B-CLIP-ViT-H-14", MODEL_OPEN_CLIP, "h14_quick", apple, 3940, NULL},
};

const struct model_entry *model_entries(size_t *count)
{
    *count = sizeof entries / sizeof *entries;
    return entries;
}

const struct model_entry *model_entry_find(const char *name)
{
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
        if (strcmp(entries[i].name, name) == 0) return &entries[i];
    return NULL;
}

const char *model_entry_nearest(const char *name)
{
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        size_t distance = str_distance(str_from(name), str_from(entries[i].name));
        if (distance < best) best = distance, nearest = entries[i].name;
    }
    return nearest;
}

const char *const *model_entry_files(const struct model_entry *e)
{
    static const char *const hugging_face[] = {"config.json", "preprocessor_config.json", "vocab.json", "merges.txt",
                                               "model.safetensors|pytorch_model.bin", NULL},
                      *const open_clip[] = {"open_clip_config.json",
                                            "open_clip_model.safetensors|open_clip_pytorch_model.safetensors|open_clip_pytorch_model.bin",
                                            NULL};
    static const char *const archives[][2] = {{"ViT-B-32.pt", NULL}, {"ViT-B-16.pt", NULL}, {"ViT-L-14.pt", NULL}, {"ViT-L-14-336px.pt", NULL}};
    if (e->layout != MODEL_ARCHIVE) return e->layout == MODEL_HUGGING_FACE ? hugging_face : open_clip;
    size_t i = 0;
    while (strcmp(archives[i][0], e->name) != 0) i++;
    return archives[i];
}

const char *model_entry_host(const struct model_entry *e)
{
    return e->layout == MODEL_ARCHIVE ? "https://openaipublic.azureedge.net" : "https://huggingface.co";
}

int model_entry_path(const struct model_entry *e, const char *file, char *path, size_t room)
{
    int n = e->layout == MODEL_ARCHIVE ? snprintf(path, room, "/clip/models/%s/%s", e->sha256, file)
                                       : snprintf(path, room, "/%s/resolve/main/%s", e->name, file);
    return n > 0 && (size_t)n < room ? 0 : fail("%s: too long a name", file);
}

/* Well-known public checkpoints: where they lie and what is known of them. */
#ifndef WINNOW_FILTERS_MODEL_LIST_H
#define WINNOW_FILTERS_MODEL_LIST_H

#include <stddef.h>

enum model_layout { MODEL_ARCHIVE, MODEL_HUGGING_FACE, MODEL_OPEN_CLIP };

enum { MODEL_FILES_MOST = 8 };

struct model_entry {
    const char *name;     /* of an archive its file, else the repository */
    enum model_layout layout;
    const char *column;   /* what score calls it: "b32" */
    const char *licence;  /* of the weights, as the publisher's page says it; NULL: none is said */
    unsigned megabytes;   /* about, by its numbers: 4 bytes each, in OpenAI's archives 2 but for the embeddings of tokens */
    const char *sha256;   /* as published; NULL: none is */
};

const struct model_entry *model_entries(size_t *count);
const struct model_entry *model_entry_find(const char *name);    /* NULL, no sentence */
const char *model_entry_nearest(const char *name);               /* for "did you mean"; NULL */
/* The files of a model, NULL behind the last; "a|b": the first of these that the server has. */
const char *const *model_entry_files(const struct model_entry *e);
const char *model_entry_host(const struct model_entry *e);       /* "https://huggingface.co" */
/* Where a file lies below a host or a mirror of it: "/openai/clip-vit-base-patch32/resolve/main/config.json". */
int model_entry_path(const struct model_entry *e, const char *file, char *path, size_t room); /* -1 with a sentence: too long */

#endif

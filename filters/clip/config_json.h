/* Reading a configuration key by key, each decision noted with its source. Private to the configuration's parsers. */
#ifndef WINNOW_CLIP_CONFIG_JSON_H
#define WINNOW_CLIP_CONFIG_JSON_H

#include "filters/clip/config.h"

#include <jansson.h>

/* One JSON object at work. A missing object (NULL) is an empty one: every key takes its default. */
struct config_object {
    struct clip_config *config; /* takes the notes */
    const char *file;           /* for messages and sources */
    const char *path;           /* "text_config." or "" */
    json_t *json;
};

/* Parses `text`; NULL with a sentence when it is not one JSON object or says a key twice. */
json_t *config_parse(const char *file, struct str text);

/* The object under `key`; json NULL where the key is missing or null. -1 when it is something else. */
int config_inner(const struct config_object *o, const char *key, const char *path, struct config_object *inner);

/* Reads a whole number from 1 to `most`; a missing key or null gives `fallback`. With `name`, notes it under that name. */
int config_count(const struct config_object *o, const char *key, const char *name, uint32_t fallback, uint32_t most,
                 uint32_t *out);
/* The same for a side that may be written as a list of two equal numbers. */
int config_side(const struct config_object *o, const char *key, const char *name, uint32_t fallback, uint32_t most,
                uint32_t *out);
int config_number(const struct config_object *o, const char *key, const char *name, double fallback, double *out); /* > 0 */
int config_string(const struct config_object *o, const char *key, const char *fallback, const char **out);
int config_truth(const struct config_object *o, const char *key, bool fallback, bool *out);
int config_triple(const struct config_object *o, const char *key, const char *name, const float fallback[3], float out[3]);

/* Refuses every key that stands in none of the two lists (each ended by NULL; `also` may be NULL) unless it says null, false
 * or nothing ([] or {}). */
int config_known(const struct config_object *o, const char *const *known, const char *const *also);
/* Refuses `key` unless it is missing or says null, false or nothing; `reason` says what it would mean. */
int config_absent(const struct config_object *o, const char *key, const char *reason);

/* Notes a decision. `source` NULL: "FILE: PATH KEY" when the object has the key, else "default". */
int config_note(const struct config_object *o, const char *key, const char *source, const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

int config_fail(const struct config_object *o, const char *key, const char *reason); /* "FILE: PATH KEY is VALUE: REASON" */

enum { /* ceilings, well above any published model */
    CONFIG_WIDTH_MOST = 1 << 14,
    CONFIG_LAYERS_MOST = 1 << 9,
    CONFIG_MLP_MOST = 1 << 16,
    CONFIG_SIDE_MOST = 1 << 12, /* pixels */
    CONFIG_CONTEXT_MOST = 1 << 12,
    CONFIG_VOCABULARY_MOST = 1 << 21,
};

extern const float config_mean[3], config_deviation[3]; /* CLIP's own */

/* What the three kinds share after reading: heads divide widths, patches divide the picture, preprocessing ends with
 * image_size; sets grid. */
int config_finish(struct clip_config *config, const char *file);
/* From the tensors' shapes alone, for files of OpenCLIP's layout without a configuration (config_shapes.c). */
int config_from_shapes(struct clip_config *config, const struct weights *weights);

#endif

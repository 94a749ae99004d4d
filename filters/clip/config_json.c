/* One reader for all JSON configurations. */
#include "filters/clip/config_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/fail.h"

const float config_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
const float config_deviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};

json_t *config_parse(const char *file, struct str text)
{
    json_error_t error;
    json_t *json = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
    if (!json) return fail("%s: line %d: %s", file, error.line, error.text), NULL;
    if (json_is_object(json)) return json;
    json_decref(json);
    return fail("%s: not a JSON object", file), NULL;
}

/* Null counts as missing: writers spell defaults so. */
static json_t *value_of(const struct config_object *o, const char *key)
{
    json_t *value = json_object_get(o->json, key);
    return json_is_null(value) ? NULL : value;
}

int config_fail(const struct config_object *o, const char *key, const char *reason)
{
    char *text = json_dumps(json_object_get(o->json, key), JSON_ENCODE_ANY | JSON_COMPACT);
    int result = fail("%s: %s%s is %.60s: %s", o->file, o->path, key, text ? text : "?", reason);
    free(text);
    return result;
}

int config_inner(const struct config_object *o, const char *key, const char *path, struct config_object *inner)
{
    *inner = (struct config_object){o->config, o->file, path, value_of(o, key)};
    return !inner->json || json_is_object(inner->json) ? 0 : config_fail(o, key, "an object is expected");
}

int config_note(const struct config_object *o, const char *key, const char *source, const char *name, const char *format, ...)
{
    char value[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (source) return buf_printf(&o->config->notes, "%s\t%s\t%s\n", name, value, source);
    if (!value_of(o, key)) return buf_printf(&o->config->notes, "%s\t%s\tdefault\n", name, value);
    return buf_printf(&o->config->notes, "%s\t%s\t%s: %s%s\n", name, value, o->file, o->path, key);
}

static int check_count(const struct config_object *o, const char *key, json_t *value, uint32_t most, uint32_t *out)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > (json_int_t)most) {
        char reason[64];
        snprintf(reason, sizeof reason, "a whole number from 1 to %u is expected", most);
        return config_fail(o, key, reason);
    }
    *out = (uint32_t)number;
    return 0;
}

int config_count(const struct config_object *o, const char *key, const char *name, uint32_t fallback, uint32_t most,
                 uint32_t *out)
{
    json_t *value = value_of(o, key);
    *out = fallback;
    if (value && check_count(o, key, value, most, out) < 0) return -1;
    return name ? config_note(o, key, NULL, name, "%u", *out) : 0;
}

int config_side(const struct config_object *o, const char *key, const char *name, uint32_t fallback, uint32_t most,
                uint32_t *out)
{
    json_t *value = value_of(o, key);
    if (!json_is_array(value)) return config_count(o, key, name, fallback, most, out);
    uint32_t other;
    if (json_array_size(value) != 2) return config_fail(o, key, "one side or two equal ones are expected");
    if (check_count(o, key, json_array_get(value, 0), most, out) < 0) return -1;
    if (check_count(o, key, json_array_get(value, 1), most, &other) < 0) return -1;
    if (*out != other) return config_fail(o, key, "only squares are served");
    return config_note(o, key, NULL, name, "%u", *out);
}

int config_number(const struct config_object *o, const char *key, const char *name, double fallback, double *out)
{
    json_t *value = value_of(o, key);
    *out = value ? json_number_value(value) : fallback;
    if (value && (!json_is_number(value) || !(*out > 0) || !isfinite(*out)))
        return config_fail(o, key, "a number over 0 is expected");
    return name ? config_note(o, key, NULL, name, "%g", *out) : 0;
}

int config_string(const struct config_object *o, const char *key, const char *fallback, const char **out)
{
    json_t *value = value_of(o, key);
    if (value && !json_is_string(value)) return config_fail(o, key, "a string is expected");
    *out = value ? json_string_value(value) : fallback;
    return 0;
}

int config_truth(const struct config_object *o, const char *key, bool fallback, bool *out)
{
    json_t *value = value_of(o, key);
    if (value && !json_is_boolean(value)) return config_fail(o, key, "true or false is expected");
    *out = value ? json_is_true(value) : fallback;
    return 0;
}

int config_triple(const struct config_object *o, const char *key, const char *name, const float fallback[3], float out[3])
{
    json_t *value = value_of(o, key);
    if (value && json_array_size(value) != 3) return config_fail(o, key, "three numbers are expected");
    for (size_t i = 0; i < 3; i++) {
        json_t *number = json_array_get(value, i);
        out[i] = value ? (float)json_number_value(number) : fallback[i];
        if (value && (!json_is_number(number) || !isfinite(out[i]))) return config_fail(o, key, "three numbers are expected");
    }
    return config_note(o, key, NULL, name, "%.9g %.9g %.9g", (double)out[0], (double)out[1], (double)out[2]);
}

static bool says_nothing(json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) || (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool listed(const char *const *list, const char *key)
{
    for (; list && *list; list++)
        if (strcmp(*list, key) == 0) return true;
    return false;
}

int config_known(const struct config_object *o, const char *const *known, const char *const *also)
{
    const char *key;
    json_t *value;
    json_object_foreach (o->json, key, value)
        if (!says_nothing(value) && !listed(known, key) && !listed(also, key))
            return config_fail(o, key, "a key that plain CLIP does not have: this model is not served");
    return 0;
}

int config_absent(const struct config_object *o, const char *key, const char *reason)
{
    return says_nothing(json_object_get(o->json, key)) ? 0 : config_fail(o, key, reason);
}

static int finish_tower(const struct clip_tower *t, const char *side, const char *file)
{
    if (t->heads == 0 || t->width % t->heads)
        return fail("%s: %s tower: %u heads do not divide a width of %u", file, side, t->heads, t->width);
    if (t->mlp == 0 || t->mlp > CONFIG_MLP_MOST) return fail("%s: %s tower: a hidden layer of %u", file, side, t->mlp);
    return 0;
}

int config_finish(struct clip_config *c, const char *file)
{
    if (finish_tower(&c->image, "picture", file) < 0 || finish_tower(&c->text, "text", file) < 0) return -1;
    if (c->image_size % c->patch)
        return fail("%s: patches of %u do not divide pictures of %u", file, c->patch, c->image_size);
    if (c->context < 2) return fail("%s: a context of %u has no room for start and end", file, c->context);
    c->grid = c->image_size / c->patch;
    return 0;
}

/* Reading recipes through libyaml's document tree. Every message names file and line; unknown keys name the nearest one.
 * Aliases may make a tree infinite: no key nests deeper than its kind allows, and the number of nodes visited is bounded. */
#include "pipeline/recipe.h"

#include "pipeline/base/fail.h"
#include "pipeline/commands.h"

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

enum { VISITS_MAX = 100000 };

struct reading {
    struct recipe *recipe;
    yaml_document_t *document;
    enum recipe_purpose purpose;
    unsigned visits;
};

static int complain(const struct reading *r, const yaml_node_t *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int complain(const struct reading *r, const yaml_node_t *at, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fail_usage("%s: line %zu: %s", r->recipe->path, at->start_mark.line + 1, text);
}

static const yaml_node_t *node(struct reading *r, int index)
{
    r->visits++;
    return yaml_document_get_node(r->document, index);
}

static const char *kind_of(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? "a value" : n->type == YAML_SEQUENCE_NODE ? "a list" : "keys and values";
}

static const char *copy_scalar(struct reading *r, const yaml_node_t *n)
{
    return arena_c_string(&r->recipe->arena, str_of((const char *)n->data.scalar.value, n->data.scalar.length));
}

static const char *scalar(struct reading *r, const yaml_node_t *n, const char *what)
{
    if (n->type == YAML_SCALAR_NODE) return copy_scalar(r, n);
    complain(r, n, "'%s' is %s, expected a single value", what, kind_of(n));
    return NULL;
}

static int number(struct reading *r, const yaml_node_t *n, const char *what, uint64_t *out)
{
    const char *text = scalar(r, n, what);
    if (!text) return -1;
    if (str_to_u64(str_from(text), out) < 0) return complain(r, n, "'%s' is '%s', expected a whole number", what, text);
    return 0;
}

static int append(struct recipe *recipe, struct recipe_list *list, const char *item)
{
    const char **longer = arena_alloc(&recipe->arena, (list->count + 1) * sizeof *longer);
    if (!longer || !item) return -1;
    if (list->count) memcpy(longer, list->items, list->count * sizeof *longer);
    longer[list->count++] = item;
    list->items = longer;
    return 0;
}

/* A scalar or a list of scalars. */
static int strings(struct reading *r, const yaml_node_t *n, const char *what, struct recipe_list *list)
{
    if (n->type == YAML_SCALAR_NODE) return append(r->recipe, list, copy_scalar(r, n));
    if (n->type != YAML_SEQUENCE_NODE) return complain(r, n, "'%s' is %s, expected a value or a list of values", what, kind_of(n));
    for (const yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = node(r, *i);
        if (r->visits > VISITS_MAX) return complain(r, n, "too many values: an alias cycle?");
        if (item->type != YAML_SCALAR_NODE) return complain(r, item, "'%s' holds %s, expected values only", what, kind_of(item));
        if (append(r->recipe, list, copy_scalar(r, item)) < 0) return -1;
    }
    return 0;
}

/* ---- inputs: relative to the current folder, as on the command line */

static int inputs(struct reading *r, const yaml_node_t *n)
{
    struct recipe_list named = {0};
    if (strings(r, n, "inputs", &named) < 0) return -1;
    for (size_t i = 0; i < named.count; i++) {
        const char *item = named.items[i];
        if (r->purpose == RECIPE_TO_LOOK || item[0] == '@' || !item[strcspn(item, "*?[")]) {
            if (r->purpose == RECIPE_TO_RUN && access(item + (item[0] == '@'), R_OK) < 0) return complain(r, n, "input '%s' cannot be read", item);
            if (append(r->recipe, &r->recipe->inputs, item) < 0) return -1;
            continue;
        }
        glob_t found;
        if (glob(item, 0, NULL, &found) != 0) return complain(r, n, "input '%s' matches no file", item);
        int result = 0;
        for (size_t g = 0; g < found.gl_pathc && result == 0; g++)
            result = append(r->recipe, &r->recipe->inputs, arena_c_string(&r->recipe->arena, str_from(found.gl_pathv[g])));
        globfree(&found);
        if (result < 0) return -1;
    }
    return 0;
}

/* ---- stages */

/* The stage's options from the `first`-th on parse as on the command line: a wrong value is said now, with its line, not hours
 * later. */
static int check_options(struct reading *r, const struct recipe_stage *stage, size_t first, const yaml_node_t *at)
{
    size_t count = stage->options.count - first;
    char **argv = calloc(count + 1, sizeof *argv);
    if (!argv) return fail_memory();
    for (size_t i = 0; i < count; i++) argv[i] = (char *)stage->options.items[first + i];
    struct command_line line;
    int result = options_parse(stage->command, (int)count, argv, &line);
    free(argv);
    if (result == 0) options_free(&line);
    if (result < 0) fail_prefix("%s: line %zu: ", r->recipe->path, at->start_mark.line + 1);
    return result < 0 ? -1 : 0;
}

static int stage_option(struct reading *r, struct recipe_stage *stage, const yaml_node_t *key, const yaml_node_t *value)
{
    const char *nearest = NULL, *name = scalar(r, key, "option");
    if (!name) return -1;
    const struct option *o = command_option(stage->command, str_from(name), &nearest);
    if (!o)
        return complain(r, key, "'%s' has no option '%s'%s%s%s", stage->command->name, name, nearest ? "; did you mean " : "",
                        nearest ? nearest : "", nearest ? "?" : "");
    if (strcmp(name, "output") == 0 || strcmp(name, "task") == 0)
        return complain(r, key, "'%s' is set by the plan itself", name);
    struct recipe_list values = {0};
    const size_t first = stage->options.count;
    if (strings(r, value, name, &values) < 0) return -1;
    if (o->type != OPTION_LIST && values.count != 1) return complain(r, value, "'%s' takes one value", name);
    for (size_t i = 0; i < values.count; i++) {
        char text[4096];
        bool yes = strcmp(values.items[i], "true") == 0 || strcmp(values.items[i], "yes") == 0;
        if (o->type == OPTION_FLAG && !yes && strcmp(values.items[i], "false") != 0 && strcmp(values.items[i], "no") != 0)
            return complain(r, value, "'%s' is '%s', expected true or false", name, values.items[i]);
        if (o->type == OPTION_FLAG && !yes) continue;
        int n = o->type == OPTION_FLAG ? snprintf(text, sizeof text, "--%s", name)
                                       : snprintf(text, sizeof text, "--%s=%s", name, values.items[i]);
        if (n >= (int)sizeof text) return complain(r, value, "'%s': a value of more than %zu bytes", name, sizeof text);
        if (append(r->recipe, &stage->options, arena_c_string(&r->recipe->arena, str_of(text, (size_t)n))) < 0) return -1;
    }
    return check_options(r, stage, first, value);
}

static int add_stage(struct reading *r, const yaml_node_t *name_node, const yaml_node_t *options)
{
    const char *name = scalar(r, name_node, "stage");
    if (!name) return -1;
    const struct command *command = command_find(str_from(name));
    const char *nearest = command ? NULL : command_nearest(str_from(name));
    if (!command || (!command->stage && strcmp(name, "index") != 0 && strcmp(name, "report") != 0))
        return complain(r, name_node, "'%s' is no stage%s%s%s", name, nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    if (r->recipe->stage_count == RECIPE_STAGES_MAX) return complain(r, name_node, "more than %d stages", RECIPE_STAGES_MAX);
    struct recipe_stage *stage = &r->recipe->stages[r->recipe->stage_count++];
    *stage = (struct recipe_stage){.command = command, .line = (unsigned)name_node->start_mark.line + 1};
    if (!options || (options->type == YAML_SCALAR_NODE && options->data.scalar.length == 0)) return 0;
    if (options->type != YAML_MAPPING_NODE) return complain(r, options, "'%s' is %s, expected its options", name, kind_of(options));
    for (const yaml_node_pair_t *p = options->data.mapping.pairs.start; p < options->data.mapping.pairs.top; p++) {
        const yaml_node_t *value = node(r, p->value);
        if (r->visits > VISITS_MAX) return complain(r, value, "too many values: an alias cycle?");
        if (stage_option(r, stage, node(r, p->key), value) < 0) return -1;
    }
    return 0;
}

static int explicit_stages(struct reading *r, const yaml_node_t *n)
{
    if (n->type != YAML_SEQUENCE_NODE) return complain(r, n, "'stages' is %s, expected a list", kind_of(n));
    r->recipe->explicit_stages = true;
    for (const yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++) {
        const yaml_node_t *item = node(r, *i);
        int result = -1;
        if (item->type == YAML_SCALAR_NODE) {
            result = add_stage(r, item, NULL);
        } else if (item->type == YAML_MAPPING_NODE && item->data.mapping.pairs.top - item->data.mapping.pairs.start == 1) {
            const yaml_node_pair_t *p = item->data.mapping.pairs.start;
            result = add_stage(r, node(r, p->key), node(r, p->value));
        } else {
            complain(r, item, "expected '- STAGE:' and its options");
        }
        if (result < 0) return -1;
    }
    return 0;
}

/* ---- keys */

static int set_rules(struct reading *r, const yaml_node_t *n)
{
    if (n->type != YAML_MAPPING_NODE) return strings(r, n, "set", &r->recipe->set);
    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
        const char *key = scalar(r, node(r, p->key), "set"), *value = key ? scalar(r, node(r, p->value), key) : NULL;
        char text[1024];
        if (!value) return -1;
        int length = snprintf(text, sizeof text, "%s=%s", key, value);
        if (length >= (int)sizeof text) return complain(r, n, "'%s': a value of more than %zu bytes", key, sizeof text);
        if (append(r->recipe, &r->recipe->set, arena_c_string(&r->recipe->arena, str_of(text, (size_t)length))) < 0) return -1;
    }
    return 0;
}

static int tolerate(struct reading *r, const yaml_node_t *n)
{
    const char *text = scalar(r, n, "tolerate");
    if (!text) return -1;
    if (str_to_double(str_from(text), &r->recipe->tolerate) < 0 || r->recipe->tolerate < 0 || r->recipe->tolerate > 1)
        return complain(r, n, "'tolerate' is '%s', expected a share from 0 to 1", text);
    return 0;
}

static int memory(struct reading *r, const yaml_node_t *n)
{
    uint64_t bytes;
    r->recipe->memory = scalar(r, n, "memory");
    if (!r->recipe->memory) return -1;
    if (str_to_size(str_from(r->recipe->memory), &bytes) < 0)
        return complain(r, n, "'memory' is '%s', expected a size such as 512M or 4G", r->recipe->memory);
    return 0;
}

static const char *const keys[] = {"inputs", "output", "preset", "without", "set", "allow-substitute", "stages", "tasks", "workers",
                                   "buckets", "limit", "memory", "tolerate"};

static int unknown_key(struct reading *r, const yaml_node_t *at, const char *key)
{
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t distance = str_distance(str_from(key), str_from(keys[i]));
        if (distance < best) best = distance, nearest = keys[i];
    }
    size_t count;
    const struct command_entry *entries = command_entries(&count);
    for (size_t i = 0; i < count; i++) {
        size_t distance = entries[i].command ? str_distance(str_from(key), str_from(entries[i].command->name)) : SIZE_MAX;
        if (distance < best) best = distance, nearest = entries[i].command->name;
    }
    return complain(r, at, "unknown key '%s'%s%s%s", key, nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static int top_key(struct reading *r, const yaml_node_t *key_node, const yaml_node_t *value)
{
    const char *key = scalar(r, key_node, "key");
    if (!key) return -1;
    struct recipe *recipe = r->recipe;
    if (strcmp(key, "inputs") == 0) return inputs(r, value);
    if (strcmp(key, "output") == 0) return (recipe->output = scalar(r, value, key)) ? 0 : -1;
    if (strcmp(key, "preset") == 0) return (recipe->preset = scalar(r, value, key)) ? 0 : -1;
    if (strcmp(key, "without") == 0) return strings(r, value, key, &recipe->without);
    if (strcmp(key, "set") == 0) return set_rules(r, value);
    if (strcmp(key, "allow-substitute") == 0) return strings(r, value, key, &recipe->substitute);
    if (strcmp(key, "stages") == 0) return explicit_stages(r, value);
    if (strcmp(key, "tasks") == 0) return number(r, value, key, &recipe->tasks);
    if (strcmp(key, "workers") == 0) return number(r, value, key, &recipe->workers);
    if (strcmp(key, "buckets") == 0) return number(r, value, key, &recipe->buckets);
    if (strcmp(key, "limit") == 0) return number(r, value, key, &recipe->limit);
    if (strcmp(key, "memory") == 0) return memory(r, value);
    if (strcmp(key, "tolerate") == 0) return tolerate(r, value);
    const struct command *command = command_find(str_from(key));
    return command && command->stage ? add_stage(r, key_node, value) : unknown_key(r, key_node, key);
}

static int read_document(struct reading *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(r->document);
    if (!root) return fail_usage("%s: empty: 'winnow init' writes a recipe to begin with", r->recipe->path);
    if (root->type != YAML_MAPPING_NODE) return complain(r, root, "a recipe is keys and values, not %s", kind_of(root));
    for (const yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top; p++)
        if (top_key(r, node(r, p->key), node(r, p->value)) < 0) return -1;
    const struct recipe *recipe = r->recipe;
    if (recipe->preset && recipe->explicit_stages)
        return fail_usage("%s: both 'preset' and 'stages': give the preset to the filter stages instead", recipe->path);
    if (!recipe->preset && !recipe->explicit_stages) return fail_usage("%s: neither 'preset' nor 'stages': say what to do", recipe->path);
    if (!recipe->inputs.count) return fail_usage("%s: no 'inputs': name the crawl files", recipe->path);
    return 0;
}

int recipe_read(struct recipe *recipe, const char *path, enum recipe_purpose purpose)
{
    *recipe = (struct recipe){.tolerate = -1};
    arena_init(&recipe->arena, 64 << 20);
    recipe->path = arena_c_string(&recipe->arena, str_from(path));
    struct buf text;
    buf_init(&text, RECIPE_BYTES_MAX);
    yaml_parser_t parser;
    yaml_document_t document;
    if (!recipe->path || buf_read_file(&text, path) < 0) return buf_free(&text), fail_usage("%s", fail_message());
    if (!yaml_parser_initialize(&parser)) return buf_free(&text), fail_memory();
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    int result;
    if (!yaml_parser_load(&parser, &document)) {
        result = fail_usage("%s: line %zu: not YAML: %s", path, parser.problem_mark.line + 1, parser.problem ? parser.problem : "cannot be read");
    } else {
        struct reading r = {.recipe = recipe, .document = &document, .purpose = purpose};
        result = read_document(&r);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    buf_free(&text);
    return result;
}

void recipe_free(struct recipe *recipe) { arena_free(&recipe->arena); }

const struct recipe_stage *recipe_stage(const struct recipe *recipe, const char *name)
{
    for (size_t i = 0; i < recipe->stage_count; i++)
        if (strcmp(recipe->stages[i].command->name, name) == 0) return &recipe->stages[i];
    return NULL;
}

/* The table of commands. */
#include "pipeline/commands.h"

#include "pipeline/stage.h"

#define GROUP(title)
#define COMMAND(name) extern const struct command command_##name __attribute__((weak));
#include "pipeline/commands.def"

static const struct command_entry table[] = {
#define GROUP(title) {title, NULL},
#define COMMAND(name) {NULL, &command_##name},
#include "pipeline/commands.def"
};

const struct command_entry *command_entries(size_t *count)
{
    *count = sizeof table / sizeof *table;
    return table;
}

const struct command *command_find(struct str name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].command && str_eq(name, str_from(table[i].command->name))) return table[i].command;
    return NULL;
}

const char *command_nearest(struct str name)
{
    size_t best = 3; /* more than two slips is another word */
    const char *near = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t distance = table[i].command ? str_distance(name, str_from(table[i].command->name)) : SIZE_MAX;
        if (distance < best) best = distance, near = table[i].command->name;
    }
    return near;
}

const struct option *command_option(const struct command *command, struct str name, const char **nearest)
{
    const struct option *const tables[2] = {command->options, command->stage ? stage_option_table() : NULL};
    size_t best = 3; /* more than two slips is another word */
    const char *near = NULL;
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = tables[i]; o && o->name; o++) {
            if (str_eq(name, str_from(o->name))) return o;
            size_t distance = str_distance(name, str_from(o->name));
            if (!o->hidden && distance < best) best = distance, near = o->name;
        }
    if (nearest) *nearest = near;
    return NULL;
}

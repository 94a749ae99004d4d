/* The table of commands (pipeline/commands.def), for main, run, and whoever checks options by name. */
#ifndef WINNOW_COMMANDS_H
#define WINNOW_COMMANDS_H

#include "pipeline/options.h"

struct command_entry {
    const char *group;             /* title of the group that begins here; NULL for a command */
    const struct command *command; /* NULL for a title */
};
const struct command_entry *command_entries(size_t *count); /* in the order of the list */
const struct command *command_find(struct str name);        /* NULL when there is none */
const char *command_nearest(struct str name);               /* for "did you mean"; NULL when nothing is near */
/* The option of a command (its own or the harness's) by long name; NULL when it has none. `nearest`, unless NULL, gets the
 * nearest name or NULL. */
const struct option *command_option(const struct command *command, struct str name, const char **nearest);

#endif

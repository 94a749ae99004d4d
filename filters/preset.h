/* Presets: published data sets' rules as text files (filters/presets/NAME.preset).
 *
 * A line is a rule: its name, its filter, its parameters, and behind "--" where it comes from:
 *
 *     short_side  image.min_side  min=200 strict=1  -- paper: ALIGN §3
 *
 * The provenance is `paper`, `code` or `choice`; a value with spaces or "--" stands in double quotes. Lines that begin with
 * "#" are comments; those at the top describe the preset. Rules run in the order of the file. Every parameter of a rule can be
 * changed afterwards (chain_assign), so a preset is data, not law.
 *
 * Presets, lists and the built-in model are looked for in $WINNOW_PRESETS, beside the program (filters/presets, filters/lists), and in
 * ../share/winnow/ from it; a name with a "/" or an ending is a path.
 */
#ifndef WINNOW_FILTERS_PRESET_H
#define WINNOW_FILTERS_PRESET_H

#include "filters/chain.h"

#include <stdio.h>

enum { PRESET_PATH_MAX = 4096, PRESET_BYTES_MAX = 1 << 20 };

int preset_add(struct chain *chain, const char *name); /* appends its rules; -1: no such preset, or "file:line: ..." */
/* Parses preset text; `file` names it in messages and must live as long as the chain. For tests and fuzzing, and preset_add. */
int preset_parse(struct chain *chain, const char *file, struct str text);
int preset_add_rule(struct chain *chain, const char *line); /* one rule in the same form, typed by hand; provenance optional */

int preset_find(const char *name, char path[PRESET_PATH_MAX]); /* -1 with the presets there are, or the nearest */
/* The file of a list: a path, relative to the preset `file` (may be NULL) or else to the current folder; or a name among the
 * lists that come with the program. */
int preset_find_list(struct str name, const char *file, char path[PRESET_PATH_MAX]);
/* The folder of a model: that of "builtin", which comes with the program; else the name is a path, and is copied. */
int preset_find_model(const char *name, char path[PRESET_PATH_MAX]);
int preset_find_classifier(const char *name, char path[PRESET_PATH_MAX]); /* the file of one that comes with the program */
int preset_print(FILE *out, const char *name); /* winnow help --preset NAME: rule, filter, parameters, place, provenance, source */
int preset_print_names(FILE *out);             /* a line a preset: name, what it is */
int preset_print_diff(FILE *out, const char *a, const char *b); /* winnow help --preset --diff A B: rules side by side */
/* Calls `each` for every preset of the first folder that is there, by name. */
void preset_each(void (*each)(void *context, const char *name, const char *path), void *context);

#endif

/* Recipes: a run written down as YAML. schemas/recipe.md describes every key.
 *
 * A recipe names inputs and either a preset, from which the stages follow, or the stages themselves. The keys under a stage
 * are that command's long options, checked against its own table, so a recipe knows no option that a command does not.
 * Ownership: everything lives until recipe_free.
 */
#ifndef WINNOW_RECIPE_H
#define WINNOW_RECIPE_H

#include "pipeline/base/arena.h"
#include "pipeline/options.h"

enum { RECIPE_BYTES_MAX = 1 << 20, RECIPE_STAGES_MAX = 64 };

struct recipe_list {
    const char **items;
    size_t count;
};

struct recipe_stage {
    const struct command *command;
    struct recipe_list options; /* "--by=url", ready for a command line */
    unsigned line;              /* where it stands, for messages */
};

struct recipe {
    struct arena arena;
    const char *path;
    const char *output;          /* OUT; NULL when the recipe names none */
    const char *preset;          /* NULL: stages are explicit */
    struct recipe_list inputs;   /* crawl files; globs expanded, @LIST kept */
    struct recipe_list without, set, substitute;
    uint64_t tasks, workers, buckets, limit; /* 0: not given */
    const char *memory;          /* a size as typed, a task's --memory; NULL: default */
    double tolerate;             /* negative: not given */
    bool explicit_stages;
    struct recipe_stage stages[RECIPE_STAGES_MAX]; /* explicit ones in order; else options for the preset's stages */
    size_t stage_count;
};

enum recipe_purpose {
    RECIPE_TO_RUN,
    RECIPE_TO_LOOK, /* at a run that has begun: inputs stay as they are written, wherever this process is, or they, are now */
};
int recipe_read(struct recipe *recipe, const char *path, enum recipe_purpose purpose); /* usage errors begin "FILE: line N: " */
void recipe_free(struct recipe *recipe);
/* The options that the recipe gives to the command `name`, for presets' stages; NULL when it says nothing of it. */
const struct recipe_stage *recipe_stage(const struct recipe *recipe, const char *name);

#endif

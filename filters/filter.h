/* What plans ask of a `filter` before it runs. */
#ifndef WINNOW_FILTERS_FILTER_H
#define WINNOW_FILTERS_FILTER_H

#include "pipeline/options.h"

/* Whether its rules must see the whole pool (score.best with share=): such a filter is one task. `line`: of
 * options_parse(&command_filter, …). 1, 0, or -1 with a sentence: the rules do not read. */
int filter_needs_pool(const struct command_line *line);

#endif

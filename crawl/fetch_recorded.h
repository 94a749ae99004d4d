/* What --from-warc and --pictures name, made one collection of responses. */
#ifndef WINNOW_FETCH_RECORDED_FILES_H
#define WINNOW_FETCH_RECORDED_FILES_H

#include "crawl/fetch/options.h"
#include "crawl/fetch/recorded.h"
#include "pipeline/stage.h"

/* Reads the lists of URLs, notes every file for the manifest, and says losses as they come. *opened is the caller's, also after
 * a failure: -1 with a sentence. */
int fetch_open_recorded(struct stage_run *run, const struct fetch_options *o, struct recorded **opened);

#endif

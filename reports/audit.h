/* What the files of the command `audit` share: audit.c (the command), audit_story.c (one row's path), audit_lists.c (the rows of
 * a rule, the rows of a host). Nothing else includes this. */
#ifndef WINNOW_REPORTS_AUDIT_H
#define WINNOW_REPORTS_AUDIT_H

#include "pipeline/base/buf.h"
#include "reports/finds.h"

struct audit_options {
    const char *rule, *host;
    uint64_t limit;
};

struct audit {
    struct steps steps;
    json_t **manifests;  /* one a step: of its first task, which names stage and rules */
    struct arena arena;
    struct buf out;      /* what will be printed; written in pieces by audit_flush */
};

int audit_flush(struct audit *a);

/* The manifest's entry of a rule of a step; NULL where the stage lists no chain or no such rule. */
json_t *audit_rule(const struct audit *a, size_t step, struct str rule);

/* Tells every occurrence that was found; `subject` is what was asked for: an id or a URL. */
int audit_story(struct audit *a, const struct finds *finds, struct str subject);
int audit_list_rule(struct audit *a, const char *rule, uint64_t limit);
int audit_list_host(struct audit *a, const char *host);

#endif

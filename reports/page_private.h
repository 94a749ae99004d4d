/* What the files of the page share: page.c (frame, verdict), page_funnel.c, page_limits.c, page_sections.c, page_examples.c,
 * page_pictures.c. Nothing else includes this. */
#ifndef WINNOW_REPORTS_PAGE_PRIVATE_H
#define WINNOW_REPORTS_PAGE_PRIVATE_H

#include "reports/page.h"
#include "reports/page_html.h"

extern const char page_css[], page_js[]; /* reports/web */

struct page_pictures;
struct page {
    struct html h;
    const struct funnel *f;
    const struct stats *s;
    const struct page_options *options;
    struct page_pictures *pictures;
    char *path;      /* of the run's folder, absolute */
    json_t *made_with; /* the first line of plan.jsonl; NULL where there is none */
    json_t *commands;  /* of the others the first of each step, with "tasks": how many the step has */
    struct buf recipe;
};

/* Which sections there are; the numbers in front of them are the same in every report. */
enum section { SECTION_FUNNEL = 2, SECTION_LIMITS, SECTION_PICTURES, SECTION_CAPTIONS, SECTION_HOSTS, SECTION_FETCH,
               SECTION_DUPLICATES, SECTION_LOSSES, SECTION_EXAMPLES, SECTION_REPRODUCE, SECTIONS };
bool page_has(const struct page *p, enum section section);
void page_section(struct page *p, enum section section); /* opens it, up to the inside of its lede */
void page_lede_end(struct page *p);
void page_section_end(struct page *p);

void page_funnel(struct page *p);
void page_limits(struct page *p);
void page_of_pictures(struct page *p);
void page_captions(struct page *p);
void page_mentions(struct page *p); /* whom the rules remove, by what captions name: behind the captions */
void page_hosts(struct page *p);
void page_fetch(struct page *p);
void page_duplicates(struct page *p);
void page_losses(struct page *p);
void page_examples(struct page *p);
void page_reproduce(struct page *p);

/* ---- tables */
struct page_column {
    const char *head, *class; /* class "r" for numbers */
};
void page_table(struct page *p, const char *class, const char *caption, const struct page_column *columns, size_t count, bool sortable);
void page_table_end(struct page *p);

/* Whether a rule has a block among the examples; its anchor is x-STEP-RULE, that of its chart l-STEP-RULE. */
bool page_has_examples(const struct page *p, size_t step, const struct funnel_rule *rule);
bool page_has_limit(const struct page *p, size_t step, const struct funnel_rule *rule);
void page_anchor(struct page *p, char kind, size_t step, const char *rule);

/* ---- pictures: page_pictures.c */
struct page_pictures *page_pictures_open(const struct funnel *f, const struct stats *s); /* NULL with a sentence */
void page_pictures_close(struct page_pictures *p);                                      /* NULL is allowed */
enum page_picture { PICTURE_SHOWN, PICTURE_NONE, PICTURE_GONE, PICTURE_TOO_MUCH };
/* Appends <img …> of an example: 144 px on its longer side. GONE: its pack, shard or bytes cannot be read. */
enum page_picture page_picture(struct page_pictures *p, const struct example *x, struct html *h);

#endif

/* Charts as SVG. Shapes stretch with their column, type does not: shapes lie in an inner <svg preserveAspectRatio="none">, text
 * and rules in the outer one at percentages, y labels in a gutter of fixed width. So one drawing serves 328 px and 1,080 px, and
 * needs no script. A chart carries its numbers as data-c for the cursor that reports/web/page.js adds.
 */
#ifndef WINNOW_REPORTS_CHARTS_H
#define WINNOW_REPORTS_CHARTS_H

#include "reports/page_html.h"
#include "reports/stats.h"

/* Rows by a number that a rule compares: fails, passes, in the corpus. */
void chart_limit(struct html *h, const struct limit *l, const struct bins_drawn *d);

/* Two distributions as shares of themselves: all rows as bars, those in the corpus as a line. */
struct chart_shares {
    const struct bins_drawn *d;
    const char *unit, *label;
    bool integer;
};
void chart_shares(struct html *h, const struct chart_shares *c);

/* Rows by a score that no rule looks at. */
void chart_score(struct html *h, const char *name, const struct bins_drawn *d);

void chart_staircase(struct html *h, const struct funnel *f);
void chart_map(struct html *h, const struct stats *s);           /* width by height */
void chart_concentration(struct html *h, const struct frequent *t, uint64_t rows, uint64_t kept); /* sorted by rows */

struct bins_axis chart_axis(const struct limit *l); /* how the bars of a limit are laid */

#endif

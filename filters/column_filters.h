/* What table.c's entries decide by that read any column: scores, labels, languages, counts. */
#ifndef WINNOW_FILTERS_COLUMN_FILTERS_H
#define WINNOW_FILTERS_COLUMN_FILTERS_H

#include "filters/text/text_filters.h"

FILTER_PREPARES(score_choose_text_prepare); /* the same, and without column text_choice: nobody chose */
FILTER_PREPARES(column_prepare);          /* parameter column: the rule is unserved without */
FILTER_DECIDES(column_range_decide);
FILTER_PREPARES(score_range_prepare);     /* parameter plus: a second column, added */
FILTER_DECIDES(score_range_decide);
FILTER_PREPARES(score_label_overlap_prepare); /* the columns of a list's further labels too */
FILTER_DECIDES(score_label_overlap_decide);
FILTER_PREPARES(column_label_prepare);
FILTER_DECIDES(column_label_decide);
FILTER_PREPARES(corpus_first_prepare);    /* says which dedup to run */

#endif

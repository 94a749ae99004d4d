/* Renderings of a funnel. Both append to `out`; 0, or -1 with a sentence. */
#ifndef WINNOW_REPORTS_RENDER_H
#define WINNOW_REPORTS_RENDER_H

#include "pipeline/base/buf.h"
#include "reports/funnel.h"

int funnel_text(const struct funnel *f, struct buf *out); /* for a terminal, in columns */
/* schemas/report.schema.json; `rows` (taken over; NULL: none were read) becomes its key of that name. */
int funnel_json(const struct funnel *f, json_t *rows, struct buf *out);

#endif

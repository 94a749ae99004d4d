/* Where the parts of a page that are not tags end [HTML 13.2.5].
 *
 * Each function takes the place where the part's contents begin and gives the place behind it. All run in time linear in
 * the bytes passed, whatever these are. The tokenizer and the page scanner stand on them.
 *
 *     p = html_comment_end(k, p + 4, end, &data);      p stood at `<!--`
 */
#ifndef WINNOW_HTML_LEXER_H
#define WINNOW_HTML_LEXER_H

#include "crawl/html/kernels.h"

/* From behind `<!--` to behind the comment's end (`-->`, `--!>`, and `>` or `->` at once), or `end`. */
const char *html_comment_end(const struct html_kernels *k, const char *p, const char *end, struct str *data);

/* From behind `<!`, `<?` or `</`, where no tag, comment or CDATA section begins: to behind the first `>`. A doctype ends
 * there too. */
const char *html_bogus_comment_end(const struct html_kernels *k, const char *p, const char *end, struct str *data);

/* From behind `<![CDATA[` in foreign content to behind `]]>`. */
const char *html_cdata_end(const struct html_kernels *k, const char *p, const char *end, struct str *data);

/* Raw text and RCDATA: the `<` of the first end tag of that name, or `end`. The name is in lower case. */
const char *html_raw_text_end(const struct html_kernels *k, const char *p, const char *end, struct str name);

/* The same for script data, whose escaped and double escaped states hide end tags. */
const char *html_script_end(const struct html_kernels *k, const char *p, const char *end, struct str name);

bool html_starts_comment(const char *p, const char *end); /* from behind `<!`: `--` */
bool html_starts_cdata(const char *p, const char *end);   /* from behind `<!`: `[CDATA[` */
bool html_starts_doctype(const char *p, const char *end); /* from behind `<!`: `doctype` in any case */

#endif

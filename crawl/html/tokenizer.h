/* All tokens of a page, one after another [HTML 13.2.5], for whoever needs more than its pictures.
 *
 * The whole page lies in memory and every token is slices of it: nothing is copied or allocated, references, NUL and CR are
 * left to html_decode_references and html_normalise_text. As in the standard, the tokenizer knows no elements: the caller
 * sets the state after a start tag (html_state_after) and says whether foreign content is open.
 *
 *     struct html_tokenizer t = html_tokenizer(page);
 *     for (struct html_token token; html_next_token(&t, &token);)
 *         if (token.kind == HTML_TOKEN_START_TAG) t.state = html_state_after(token.element);
 */
#ifndef WINNOW_HTML_TOKENIZER_H
#define WINNOW_HTML_TOKENIZER_H

#include "crawl/html/kernels.h"

enum html_state {
    HTML_STATE_DATA,
    HTML_STATE_RCDATA,   /* title, textarea */
    HTML_STATE_RAWTEXT,  /* style, xmp, iframe, noembed, noframes */
    HTML_STATE_SCRIPT,
    HTML_STATE_PLAINTEXT,
    HTML_STATE_CDATA,    /* entered by the tokenizer where `foreign` is set */
};

enum html_token_kind { HTML_TOKEN_TEXT, HTML_TOKEN_START_TAG, HTML_TOKEN_END_TAG, HTML_TOKEN_COMMENT, HTML_TOKEN_DOCTYPE };

struct html_token {
    enum html_token_kind kind;
    struct str data;       /* text, a comment's text, a doctype behind `<!doctype` and before its `>` */
    enum html_state state; /* of text: references count in DATA and RCDATA */
    bool cut;              /* of a doctype: the page ended in it */
    struct str name;       /* of a tag, as written */
    enum html_element element;
    struct str attributes; /* of a tag: from behind its name to behind its `>`, for html_token_attribute */
    bool self_closing;
};

struct html_tokenizer {
    const struct html_kernels *k;
    const char *p, *end;
    enum html_state state;
    bool foreign;          /* whether `<![CDATA[` opens text */
    struct str last_start_tag; /* whose end tag ends RCDATA, RAWTEXT and script data */
};

struct html_tokenizer html_tokenizer(struct str page);
bool html_next_token(struct html_tokenizer *t, struct html_token *out); /* false at the page's end */

/* Takes the next attribute off token->attributes; false when there is none. Duplicates come too: the first holds. */
bool html_token_attribute(const struct html_tokenizer *t, struct html_token *token, struct html_attribute *out);

/* The state that the start tag of an HTML element leads to, without scripting [HTML 13.2.6]. */
enum html_state html_state_after(enum html_element element);

struct html_doctype {
    struct str name, public_id, system_id; /* absent where missing */
    bool quirks;                           /* "force-quirks": damaged */
};
struct html_doctype html_parse_doctype(const struct html_token *token);

#endif

/* Other people's cleanings of a text, for rules that count their result.
 *
 * clean_laion is the clean_text of LAION's crawler: line feeds become spaces, ftfy.fix_text, strip, characters that Python
 * does not call printable are deleted (U+00A0 among them: no space is left), cut at 2,000 characters, `|` becomes a space.
 * Of ftfy it does: numeric and HTML 4's named character references (where the text holds no `<`), terminal escapes, C1
 * controls read as windows-1252, ligatures, full- and half-width forms, curly quotes, NFC; repeated until nothing changes, at
 * most CLEAN_PASSES times. It does not repair mojibake (texts that were decoded with a wrong charset) and does not know the
 * further names of HTML 5; both are rare behind a crawler that decodes charset and references itself.
 */
#ifndef WINNOW_FILTERS_CLEAN_H
#define WINNOW_FILTERS_CLEAN_H

#include "pipeline/base/buf.h"
#include "pipeline/base/str.h"

enum {
    CLEAN_LAION_CHARACTERS = 2000,
    CLEAN_PASSES = 4, /* each undoes one layer of "&amp;amp;"; without a bound the time would be a square of the length */
};

bool clean_laion_keeps(struct str text);                   /* the text is its own result: tidy ASCII */
int clean_laion(struct buf *out, struct str valid_utf8, struct buf room[2]); /* replaces what out holds; room: of the caller's,
                                                                                to be given again */
bool clean_fold_keeps(struct str text);
int clean_fold_space(struct buf *out, struct str valid_utf8); /* runs of white space (Python's) → one space, trimmed; replaces */

/* RedCaps' captions (Desai et al. 2021 §2): LAION's part of ftfy without its cut, lower case, accents taken off; what then is
 * neither ASCII nor a Latin letter (emoji, other scripts) is deleted; then what stands in ( ) or [ ], up to the nearest closing
 * one; runs of white space become one space, trimmed; words that begin with "@" become [USR]. Which letters are Latin and
 * where a bracket ends are choices. */
int clean_redcaps(struct buf *out, struct str valid_utf8, struct buf room[2]); /* as clean_laion */

#endif

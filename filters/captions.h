/* Further texts of rows, from a file keyed by id.
 *
 *     struct captions *c = captions_open("captions.tsv", memory, tmp);
 *     struct str lines[8];
 *     size_t n = captions_find(c, id, lines, 8);     in the file's order; bytes as they stand
 *     captions_close(c);
 *
 * The file is plain text, a text a line: the row's id, a tab, the text to the line's end; an id may come on many lines, anywhere. A
 * first line that begins with "id" is a header. It is mapped, not read: beside it lies a sorted table of 24 bytes a line, made
 * within `memory` and on disk.
 */
#ifndef WINNOW_FILTERS_CAPTIONS_H
#define WINNOW_FILTERS_CAPTIONS_H

#include "filters/ids.h"

struct captions;

struct captions *captions_open(const char *path, size_t memory, const char *tmp); /* NULL with a sentence: "FILE: line N: …" */
void captions_close(struct captions *c); /* NULL is allowed */
/* At most `most` texts of the row; how many. They live as long as `c`. Any thread. */
size_t captions_find(const struct captions *c, const unsigned char id[ID_BYTES], struct str *lines, size_t most);

#endif

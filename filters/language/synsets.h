/* Words whose first WordNet synset is one of a set, as NLTK's wn.synsets(word)[0] has it: parts of speech in the order noun, verb,
 * adjective, adverb; of each the word itself, then what morphy makes of it (irregular forms instead of endings where there are).
 * Endings are taken off once.
 *
 * Reads index.POS and POS.exc of a WordNet 3.0 folder (wndb(5WN)), Debian's /usr/share/wordnet. Constant once open; any thread.
 */
#ifndef WINNOW_FILTERS_SYNSETS_H
#define WINNOW_FILTERS_SYNSETS_H

#include "pipeline/base/str.h"

#define SYNSETS_FOLDER "/usr/share/wordnet"

struct synsets;
/* `list`: a file of a synset a line, its offset with or without the letter of its part of speech ("n00004475"); parts of speech are
 * not compared. NULL with a sentence. */
struct synsets *synsets_open(const char *folder, const char *list);
void synsets_close(struct synsets *s); /* NULL is allowed */
bool synsets_has(const struct synsets *s, struct str lower); /* false too for what WordNet does not know */

#endif

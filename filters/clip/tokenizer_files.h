/* Vocabularies from the files that models come with. Private to the tokenizer. Each fills a zeroed vocabulary, or returns -1
 * with a sentence; vocabulary_free is due in either case. `file` stands in messages. */
#ifndef WINNOW_CLIP_TOKENIZER_FILES_H
#define WINNOW_CLIP_TOKENIZER_FILES_H

#include "filters/clip/tokenizer_vocabulary.h"

int vocabulary_from_tokenizer_json(struct vocabulary *v, const char *file, struct str json);
int vocabulary_from_pair(struct vocabulary *v, const char *file, struct str vocab, struct str merges);
int vocabulary_built_in(struct vocabulary *v);

#endif

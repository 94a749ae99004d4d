/* Byte-pair encoding of one word: neighbours are merged, always the pair of lowest rank, of equal ones the leftmost, until no
 * pair is left. Private to the tokenizer.
 *
 * Time is n log n in the word's bytes, whatever the word. For a vocabulary that no string enters twice this gives what merging
 * all places of a pair at once gives.
 */
#ifndef WINNOW_CLIP_TOKENIZER_MERGE_H
#define WINNOW_CLIP_TOKENIZER_MERGE_H

#include "filters/clip/tokenizer_vocabulary.h"

struct merge_work { /* zero it; merge_work_free at last */
    struct symbol *symbols;
    struct candidate *heap;
    size_t symbols_room, heap_room, heap_n;
};
void merge_work_free(struct merge_work *work);

/* Writes the ids of the word (n >= 1 bytes), at most `room`; what is over is left out. Returns how many were written, -1 out
 * of memory. */
int merge_word(const struct vocabulary *v, struct merge_work *work, struct str word, uint32_t *ids, size_t room);

#endif

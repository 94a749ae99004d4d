/* Lists of word frequencies as the Python package wordfreq publishes them ("cBpack"), unpacked: one msgpack array of a header,
 * {"format": "cB", "version": 1}, and then arrays of words; the words of array i, from 0, have a frequency of 10^(-i/100).
 *
 *     struct wordfreq list;
 *     if (wordfreq_open(&list, bytes) < 0) return -1;
 *     while ((more = wordfreq_next(&list, &word, &per_billion)) > 0) ...
 *
 * Words are slices of the bytes, UTF-8, the commonest first. Nothing is allocated. What msgpack has beyond that is refused.
 */
#ifndef WINNOW_FILTERS_WORDFREQ_H
#define WINNOW_FILTERS_WORDFREQ_H

#include "pipeline/base/str.h"

struct wordfreq {
    struct str rest;
    size_t size;        /* of all bytes: positions in sentences */
    uint32_t buckets;   /* arrays that are to come */
    uint32_t words;     /* that are to come in the present array */
    uint32_t centibels; /* below 1, of the next array */
};

bool wordfreq_is(struct str bytes); /* an array that begins with a map: no text begins with these bytes */
int wordfreq_open(struct wordfreq *list, struct str bytes); /* -1 with a sentence */
/* 1 with the next word and how often it stands in 10^9 words; 0 at the end; -1 with a sentence. */
int wordfreq_next(struct wordfreq *list, struct str *word, double *per_billion);

#endif

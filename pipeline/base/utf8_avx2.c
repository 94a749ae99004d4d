/* UTF-8 validation, 32 bytes at a time.
 *
 * Every error of two neighbouring bytes can be told from three nibbles: the first byte's high and low one and the second
 * byte's high one. Three tables of 16 entries hold, for a nibble, the errors (a bit each) that it permits; an error is there
 * when all three permit it. What needs three or four bytes is only whether the third and fourth are continuations: two
 * continuations in a row set TWO_CONTINUATIONS, which is right exactly when a lead byte of a long sequence stands two or three
 * places before. (Keiser and Lemire, "Validating UTF-8 in less than one instruction per byte", 2021.)
 */
#if defined(__x86_64__)
#include "pipeline/base/utf8_kernels.h"

#include <immintrin.h>

#define KERNEL __attribute__((target("avx2")))

enum {
    WIDTH = 32,
    CHECK_EVERY = 4096, /* bytes between looks at the errors: a page in another charset is left soon */
};

enum pair_error { /* what may be wrong with two bytes */
    TOO_SHORT = 1 << 0,         /* a lead byte, then no continuation */
    TOO_LONG = 1 << 1,          /* ASCII, then a continuation */
    OVERLONG_3 = 1 << 2,        /* E0, then below A0 */
    TOO_LARGE = 1 << 3,         /* F4, then from 90 on; F5 and more */
    SURROGATE = 1 << 4,         /* ED, then from A0 on */
    OVERLONG_2 = 1 << 5,        /* C0, C1 */
    TOO_LARGE_OR_OVERLONG_4 = 1 << 6, /* F5 and more, then 8x; F0, then 8x */
    TWO_CONTINUATIONS = 1 << 7,
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS, /* errors that do not depend on the low nibble */
};

static inline KERNEL __m256i table(const unsigned char entries[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)entries));
}

/* The bytes `back` places before each byte of `block`; what stands before the block comes from `previous`. */
#define BEFORE(block, previous, back) _mm256_alignr_epi8(block, _mm256_permute2x128_si256(previous, block, 0x21), 16 - (back))

static inline KERNEL __m256i high_nibbles(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

static inline KERNEL __m256i pair_errors(__m256i block, __m256i before1)
{
    static const unsigned char first_high[16] = {
        TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG,
        TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS, TWO_CONTINUATIONS,
        TOO_SHORT | OVERLONG_2, TOO_SHORT, TOO_SHORT | OVERLONG_3 | SURROGATE,
        TOO_SHORT | TOO_LARGE | TOO_LARGE_OR_OVERLONG_4,
    };
    enum { HUGE_LOW = ANY_LOW | TOO_LARGE | TOO_LARGE_OR_OVERLONG_4 };
    static const unsigned char first_low[16] = {
        ANY_LOW | OVERLONG_2 | OVERLONG_3 | TOO_LARGE_OR_OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW, ANY_LOW,
        ANY_LOW | TOO_LARGE, HUGE_LOW, HUGE_LOW, HUGE_LOW, HUGE_LOW, HUGE_LOW, HUGE_LOW, HUGE_LOW, HUGE_LOW,
        HUGE_LOW | SURROGATE, HUGE_LOW, HUGE_LOW,
    };
    enum { CONTINUATION = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS };
    static const unsigned char second_high[16] = {
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
        CONTINUATION | OVERLONG_3 | TOO_LARGE_OR_OVERLONG_4, CONTINUATION | OVERLONG_3 | TOO_LARGE,
        CONTINUATION | SURROGATE | TOO_LARGE, CONTINUATION | SURROGATE | TOO_LARGE,
        TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
    };
    __m256i a = _mm256_shuffle_epi8(table(first_high), high_nibbles(before1));
    __m256i b = _mm256_shuffle_epi8(table(first_low), _mm256_and_si256(before1, _mm256_set1_epi8(0x0F)));
    __m256i c = _mm256_shuffle_epi8(table(second_high), high_nibbles(block));
    return _mm256_and_si256(_mm256_and_si256(a, b), c);
}

static inline KERNEL __m256i block_errors(__m256i block, __m256i previous)
{
    __m256i pairs = pair_errors(block, BEFORE(block, previous, 1));
    /* 0x80 where a byte must be the third or fourth of its sequence: a lead from E0 two, or from F0 three places before */
    __m256i third = _mm256_subs_epu8(BEFORE(block, previous, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(BEFORE(block, previous, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(pairs, must);
}

/* Not zero where a block ends inside a sequence. */
static inline KERNEL __m256i unfinished(__m256i block)
{
    __m256i most = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                    -1, -1, -1, -1, -1, (char)(0xF0 - 1), (char)(0xE0 - 1), (char)(0xC0 - 1));
    return _mm256_subs_epu8(block, most);
}

struct state {
    __m256i errors, previous, open; /* open: not zero where `previous` ends inside a sequence */
};

static inline KERNEL void take_block(struct state *state, const char *p)
{
    __m256i block = _mm256_loadu_si256((const __m256i *)p);
    if (_mm256_movemask_epi8(block) == 0) {
        state->errors = _mm256_or_si256(state->errors, state->open);
        state->open = _mm256_setzero_si256();
    } else {
        state->errors = _mm256_or_si256(state->errors, block_errors(block, state->previous));
        state->open = unfinished(block);
    }
    state->previous = block;
}

KERNEL bool utf8_valid_avx2(struct str s)
{
    struct state state = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t at = 0;
    while (s.n - at >= WIDTH) {
        size_t end = s.n - at > CHECK_EVERY ? at + CHECK_EVERY : s.n;
        for (; end - at >= WIDTH; at += WIDTH) take_block(&state, s.p + at);
        if (!_mm256_testz_si256(state.errors, state.errors)) return false;
    }
    char tail[WIDTH] = {0}; /* zeros: an unfinished sequence at the end shows as one before ASCII */
    if (s.n > at) memcpy(tail, s.p + at, s.n - at);
    take_block(&state, tail);
    state.errors = _mm256_or_si256(state.errors, state.open);
    return _mm256_testz_si256(state.errors, state.errors);
}
#endif

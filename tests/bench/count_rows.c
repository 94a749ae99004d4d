/* Made-up captions: count_rows ROWS [SEED] writes rows, count_rows ROWS SEED keys their words and pairs of words, a line each.
 *
 * Words follow Zipf's law over 300,000; two of three times a word is followed by one of its own 40 commonest followers, so that
 * pairs repeat as they do in captions. 4 to 17 words a row, 10.5 on the average; a seventh of them begins with a capital. URLs
 * recur thrice on the average, texts hardly ever. */
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 300000, FOLLOWERS = 40, WORD_ROOM = 16 };

static uint64_t state;

static uint64_t dice(void) /* splitmix64 */
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static uint32_t zipf(double most) /* rank from 0 below `most`; its chance falls as 1 / (rank + 1) */
{
    return (uint32_t)(exp((double)(dice() >> 11) * 0x1p-53 * log(most)) - 1 + 0.5);
}

static uint32_t next_word(uint32_t word)
{
    if (dice() % 3 == 0) return zipf(WORDS);
    uint64_t follower = zipf(FOLLOWERS), held = state;
    state = (uint64_t)word * FOLLOWERS + follower; /* the same word each time */
    uint32_t chosen = zipf(WORDS);
    state = held;
    return chosen;
}

static size_t spell(char out[WORD_ROOM], uint32_t word)
{
    size_t n = 0;
    for (uint32_t x = word; x || n < 2; x /= 26) out[n++] = "etaoinshrdlucmfwypvbgkjqxz"[x % 26];
    return n;
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    int keys = argc > 3 && strcmp(argv[3], "keys") == 0;
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    if (!keys) puts("id\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text");
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t a = dice(), b = dice(), picture = dice() % (rows / 3 + 1), host = picture % 5000;
        if (!keys) printf("%016" PRIx64 "%016" PRIx64 "\thttp://host%" PRIu64 ".example/%" PRIu64 ".jpg\t", a, b, host, picture);
        uint32_t word = zipf(WORDS);
        char spelt[WORD_ROOM], before[WORD_ROOM] = "";
        for (uint64_t i = 0, words = 4 + dice() % 14; i < words; i++, word = next_word(word)) {
            size_t n = spell(spelt, word);
            spelt[n] = 0;
            int capital = dice() % 7 == 0;
            if (keys) {
                puts(spelt);
                if (i) printf("%s %s\n", before, spelt);
                memcpy(before, spelt, sizeof before);
                continue;
            }
            if (i) putchar(' ');
            if (capital) spelt[0] = (char)(spelt[0] - 32);
            fputs(spelt, stdout);
        }
        if (!keys) printf("\t0\t%" PRIu64 "\t0\t0\n", row);
    }
    return 0;
}

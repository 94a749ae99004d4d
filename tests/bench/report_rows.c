/* report_rows ROWS PART PARTS: plain rows as a large crawl has them, for report_bench.py; the PART-th of PARTS shares of ROWS.
 *
 * What makes such rows dear to count: captions and hosts with a long tail, pictures that stand on many pages under one caption,
 * captions in several scripts, sizes that repeat and sizes that do not. Words, hosts and pictures are drawn by rank with
 * frequency 1 / rank; everything about a picture follows from its number, so that a picture met again is the same. Equal
 * arguments give equal rows.
 */
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORDS = 60000, HOSTS = 3000000, PICTURES = 2000000, /* PICTURES: those that stand on several pages */
    FREQUENT_CAPTIONS = 3000, RANKS = 1 << 16, PAGE_ROWS = 6, FILE_ROWS = 50000, WORD_BYTES = 28,
};

struct dice {
    uint64_t state;
};

static uint64_t roll(struct dice *d) /* SplitMix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static struct dice dice_of(uint64_t kind, uint64_t number) { return (struct dice){number * UINT64_C(0xd1342543de82ef95) + kind}; }
static double share(struct dice *d) { return (double)(roll(d) >> 11) * 0x1p-53; }
static bool chance(struct dice *d, double p) { return share(d) < p; }
/* A rank under n, with frequency 1 / rank: its logarithm is even. */
static uint64_t ranked(struct dice *d, double n) { return (uint64_t)pow(n, share(d)) - 1; }
/* About normal: four even ones. */
static double normal(struct dice *d, double mean, double deviation)
{
    double sum = share(d) + share(d) + share(d) + share(d);
    return mean + deviation * (sum - 2) * sqrt(3);
}

static char words[WORDS][WORD_BYTES];
static uint16_t word_ranks[RANKS];

static void make_words(void)
{
    static const char *const common[] = {"the", "a", "of", "in", "and", "for", "with", "on", "black", "white", "photo", "woman", "man", "image", "new",
                                         "vintage", "girl", "by", "stock", "red", "blue", "vector", "home", "design", "two", "chinese", "french", "gold", "children", "muslim"};
    static const char *const latin[] = {"ka", "ro", "mi", "ten", "sol", "ve", "dan", "lu", "per", "gi", "sta", "no", "bri", "el", "qua", "tor"};
    static const char *const others[] = {"свет", "дом", "山", "光", "море", "ναι", "año", "été", "über", "غرب", "ひかり", "красн"};
    for (size_t i = 0; i < WORDS; i++) {
        struct dice d = dice_of(1, i);
        if (i < sizeof common / sizeof *common) {
            snprintf(words[i], WORD_BYTES, "%s", common[i]);
            continue;
        }
        bool other = chance(&d, 0.15);
        for (int parts = 1 + (int)(roll(&d) % 3); parts > 0; parts--)
            strcat(words[i], other ? others[roll(&d) % (sizeof others / sizeof *others)] : latin[roll(&d) % (sizeof latin / sizeof *latin)]);
        if (chance(&d, 0.05)) snprintf(words[i], WORD_BYTES, "%u", (unsigned)(roll(&d) % 10000));
    }
    for (size_t i = 0; i < RANKS; i++) word_ranks[i] = (uint16_t)(pow(WORDS, ((double)i + 0.5) / RANKS) - 1);
}

static void put_caption(struct dice *d)
{
    int n = (int)exp(normal(d, 1.9, 0.8));
    if (n > 300) n = 300;
    for (int i = 0; i < n; i++) {
        if (i) putchar_unlocked(' ');
        fputs_unlocked(words[word_ranks[roll(d) >> 48]], stdout);
    }
}

static const char *plain_word(struct dice *d)
{
    for (;;) {
        const char *word = words[30 + roll(d) % 500];
        size_t n = strlen(word);
        if (strspn(word, "abcdefghijklmnopqrstuvwxyz") == n) return word;
    }
}

static void put_host(struct dice *d)
{
    static const char *const ends[] = {"com", "com", "com", "net", "org", "co.uk", "de", "ru", "jp", "com.br"};
    uint64_t host = ranked(d, HOSTS);
    struct dice own = dice_of(2, host);
    if (chance(&own, 0.5)) printf("img%u.", (unsigned)(roll(&own) % 9));
    printf("%s%" PRIu64 ".%s", plain_word(&own), host, ends[roll(&own) % 10]);
}

static void put_url(struct dice *d)
{
    static const char *const ends[] = {"jpg", "jpg", "jpg", "jpg", "png", "webp", "gif", "jpeg"};
    fputs("https://", stdout);
    put_host(d);
    for (int depth = (int)(roll(d) % 4); depth > 0; depth--) printf("/%s%u", plain_word(d), (unsigned)(roll(d) % 1000));
    printf("/%016" PRIx64 ".%s", roll(d), ends[roll(d) % 8]);
}

static void put_picture(struct dice *d)
{
    static const unsigned usual[][2] = {{1024, 768}, {800, 600}, {300, 300}, {1200, 800}, {150, 150}, {640, 480}, {1920, 1080}, {500, 500}};
    static const char *const formats[] = {"jpeg", "jpeg", "jpeg", "jpeg", "png", "webp", "gif"};
    unsigned width = usual[0][0], height;
    if (chance(d, 0.4)) {
        const unsigned *size = usual[ranked(d, 9)];
        width = size[0], height = size[1];
    } else {
        width = (unsigned)exp(normal(d, 6.2, 0.9)) + 1;
        height = (unsigned)(width * exp(normal(d, -0.2, 0.4))) + 1;
    }
    double bytes = width * (double)height * exp(normal(d, -1.6, 0.6)) + 500;
    printf("\tok\t200\t%.0f\t%s\t%u\t%u\t%.6f\t%.6f", bytes, formats[roll(d) % 7], width, height, normal(d, 0.24, 0.06), pow(share(d), 9));
}

static void put_row(uint64_t n)
{
    static const char *const sources[] = {"alt", "alt", "alt", "alt", "title", "figcaption", "og"};
    static const char *const languages[] = {"en", "en-US", "", "de", "ru", "fr", "ja", "es", "pt-BR", "en"};
    struct dice d = dice_of(3, n), page = dice_of(4, n / PAGE_ROWS);
    struct dice picture = chance(&d, 0.25) ? dice_of(5, ranked(&d, PICTURES)) : dice_of(6, n);
    printf("%016" PRIx64 "%016" PRIx64 "\t", roll(&d), roll(&d));
    put_url(&picture);
    putchar_unlocked('\t');
    struct dice text = chance(&picture, 0.04) ? dice_of(7, ranked(&picture, FREQUENT_CAPTIONS)) : picture;
    put_caption(&text);
    fputs("\thttps://www.", stdout);
    put_host(&page);
    printf("/%" PRIu64 ".html\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t0\t%s", n / PAGE_ROWS, sources[roll(&d) % 7], n / FILE_ROWS,
           n % FILE_ROWS / PAGE_ROWS, n % FILE_ROWS % PAGE_ROWS, languages[ranked(&page, 11)]);
    put_picture(&picture);
    putchar_unlocked('\n');
}

int main(int argc, char **argv)
{
    if (argc != 4) return fprintf(stderr, "report_rows ROWS PART PARTS\n"), 2;
    uint64_t rows = strtoull(argv[1], NULL, 10), part = strtoull(argv[2], NULL, 10), parts = strtoull(argv[3], NULL, 10);
    make_words();
    printf("id\turl\ttext\tpage_url\ttext_source\tsrc_file\tsrc_record\tsrc_image\tsrc_text\tpage_lang\t"
           "status\thttp_status\tbytes\tformat\twidth\theight\tsim_l14\tp_nsfw_l14\n");
    for (uint64_t n = rows * part / parts; n < rows * (part + 1) / parts; n++) put_row(n);
    return fflush(stdout) ? 1 : 0;
}

/* Every decoder over any bytes: the output is valid UTF-8, at most three bytes for each byte in, and a query made of it is
 * ASCII. The input is copied to the end of its own allocation, so that a read beyond it is seen. The first byte chooses. */
#include "crawl/charset/sniff.h"
#include "crawl/http/mime.h"
#include "pipeline/base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good) abort();
}

static void check_query(enum charset charset, struct str utf8)
{
    struct buf query;
    buf_init(&query, 16 * utf8.n + 64);
    check(charset_encode_query(&query, charset, utf8) == 0);
    check(utf8_is_ascii(buf_str(&query)));
    buf_free(&query);
}

static void check_sniffing(struct str bytes, enum charset declared)
{
    struct mime mime = {0};
    mime_update(&mime, bytes);
    struct charset_evidence evidence = {.page = bytes, .http = mime.charset, .met = str_from(charset_name(declared)),
                                        .detected = charset_label_in_content(bytes)};
    struct charset_choice choice = charset_sniff(&evidence);
    check(choice.charset != CHARSET_NONE && choice.bom_bytes <= bytes.n);
    evidence.met = STR_ABSENT;
    check(charset_sniff(&evidence).charset != CHARSET_NONE);
    check(charset_from_label(bytes) < CHARSET_COUNT);
    mime_sniff_html(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096) return 0;
    enum charset charset = CHARSET_NONE + 1 + data[0] % (CHARSET_COUNT - 1);
    size_t n = size - 1;
    char *copy = malloc(n);
    check(copy != NULL);
    memcpy(copy, data + 1, n);
    struct str bytes = str_of(copy, n);
    struct buf out;
    buf_init(&out, 3 * n + 1); /* room for a code point is asked for before its length is known */
    check(charset_decode(&out, charset, bytes) == 0);
    check(out.n <= 3 * n);
    check(utf8_valid(buf_str(&out)));
    check_query(charset, buf_str(&out));
    check_query(charset, bytes);
    check_sniffing(bytes, charset);
    buf_free(&out);
    free(copy);
    return 0;
}

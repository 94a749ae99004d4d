/* Heads and bodies of responses: what servers send and what crawlers make of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "crawl/http/body.h"
#include "tests/unit/shared.h"
#include "tests/unit/warc_packing.h"

enum { LIMIT = 1 << 20 };

static void assert_str(struct str got, const char *expected)
{
    if (!str_eq(got, str_from(expected))) fail_msg("'%.*s', expected '%s'", STR_ARG(got), expected);
}

static void every_status_line_that_occurs_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned status;
    } lines[] = {{"HTTP/1.1 200 OK", 200}, {"HTTP/1.0 404", 404},  {"HTTP/2 200", 200}, {"HTTP/1.1 200", 200}, {"ICY 200 OK", 200},
                 {"http/1.1 301 moved", 301}, {"200 OK", 200},      {"HTTP 206 Partial", 206}, {"HTTP/1.1  200  OK", 200},
                 {"\r\nHTTP/1.1 200 OK", 200}, {"<html>", 0}, {"HTTP/1.1 20", 0}, {"HTTP/1.1 2000", 0}, {"HTTP/1.1 OK", 0}, {"", 0}, {"099 x", 0}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char block[128];
        int n = snprintf(block, sizeof block, "%s\r\nA: b\r\n\r\nbody", lines[i].line);
        struct http_head head;
        int result = http_head_parse(&head, str_of(block, (size_t)n));
        if (result != (lines[i].status ? 0 : -1) || (!result && head.status != lines[i].status))
            fail_msg("'%s' gives %d, status %u", lines[i].line, result, head.status);
        if (!result) assert_str(str_from_at(str_of(block, (size_t)n), head.size), "body");
    }
}

static void fields_are_read_with_any_line_ends(void **state)
{
    (void)state;
    struct http_head head;
    struct str block = STR("HTTP/1.1 200 OK\nCONTENT-TYPE: text/html\r\nno colon\nX-Robots-Tag: noindex\r\nX-Robots-Tag:bot: nofollow\n"
                           "Content-Language:\r\n  de,\r\n\tfr\nContent-Encoding: a , b\nLocation: /x\nLocation: /y\n\r\nbody\n\nmore");
    assert_int_equal(http_head_parse(&head, block), 0);
    assert_str(head.content_type.value[0], "text/html");
    assert_int_equal(head.robots.count, 2);
    assert_str(head.robots.value[1], "bot: nofollow");
    assert_str(head.content_language, "de,\r\n\tfr");
    assert_str(head.location, "/x");
    assert_str(str_from_at(block, head.size), "body\n\nmore");
    struct str rest = head.content_encoding.value[0], element;
    assert_true(http_next_element(&rest, &element));
    assert_str(element, "a");
    assert_true(http_next_element(&rest, &element));
    assert_str(element, "b");
    assert_false(http_next_element(&rest, &element));
}

static void a_head_without_an_end_has_no_body(void **state)
{
    (void)state;
    struct http_head head;
    struct str block = STR("HTTP/1.1 200 OK\r\nContent-Type: text/html");
    assert_int_equal(http_head_parse(&head, block), 0);
    assert_int_equal(head.size, block.n);
    assert_str(head.content_type.value[0], "text/html");
}

/* ---- bodies */

struct decoded {
    struct buf text;
    unsigned marks;
};

static void decode(struct decoded *d, const char *fields, struct str body, bool truncated)
{
    char block[512];
    int n = snprintf(block, sizeof block, "HTTP/1.1 200 OK\r\n%s\r\n", fields);
    struct http_head head;
    struct http_body decoder;
    assert_int_equal(http_head_parse(&head, str_of(block, (size_t)n)), 0);
    http_body_init(&decoder, LIMIT);
    struct str out = http_body_decode(&decoder, &head, body, truncated, &d->marks);
    assert_non_null(out.p);
    buf_init(&d->text, LIMIT);
    assert_int_equal(buf_add(&d->text, out), 0);
    http_body_free(&decoder);
}

static void assert_decodes(const char *fields, struct str body, const char *expected, unsigned marks)
{
    struct decoded d;
    decode(&d, fields, body, false);
    if (!str_eq(buf_str(&d.text), str_from(expected)) || d.marks != marks)
        fail_msg("%s: '%.*s', marks %x, expected '%s', %x", fields, STR_ARG(buf_str(&d.text)), d.marks, expected, marks);
    buf_free(&d.text);
}

#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void chunks_are_joined(void **state)
{
    (void)state;
    assert_decodes(CHUNKED, STR("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world", HTTP_BODY_CHUNKED);
    assert_decodes(CHUNKED, STR("5;x=\"y\"\r\nhello\r\nA \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"), "hello0123456789", HTTP_BODY_CHUNKED);
    assert_decodes(CHUNKED, STR("00005\nhello\n1\n!\n0\n\n"), "hello!", HTTP_BODY_CHUNKED);
    assert_decodes(CHUNKED, STR("5\r\nhello\r\n6\r\n world"), "hello world", HTTP_BODY_CHUNKED); /* no last chunk */
    assert_decodes(CHUNKED, STR("0\r\n\r\n"), "", HTTP_BODY_CHUNKED);
    assert_decodes("transfer-encoding: x, CHUNKED\r\n", STR("1\r\na\r\n0\r\n\r\n"), "a", HTTP_BODY_CHUNKED);
}

static void a_wrong_chunk_keeps_what_came_before(void **state)
{
    (void)state;
    assert_decodes(CHUNKED, STR("5\r\nhello\r\nzz\r\nrest"), "hello", HTTP_BODY_CHUNKED | HTTP_BODY_DAMAGED);
    assert_decodes(CHUNKED, STR("5\r\nhello\r\n3\r\nabcdef\r\n0\r\n"), "helloabc", HTTP_BODY_CHUNKED | HTTP_BODY_DAMAGED);
    assert_decodes(CHUNKED, STR("5\r\nhello\r\nff\r\nrest"), "hellorest", HTTP_BODY_CHUNKED);
}

static void a_decoded_body_is_left_alone(void **state)
{
    (void)state;
    assert_decodes(CHUNKED, STR("<html>\r\n"), "<html>\r\n", HTTP_BODY_FALSE);
    assert_decodes(CHUNKED, STR("add\r\nthis"), "add\r\nthis", HTTP_BODY_FALSE); /* hexadecimal digits by chance */
    assert_decodes("Content-Encoding: gzip\r\n", STR("<html>"), "<html>", HTTP_BODY_FALSE);
    assert_decodes("Content-Encoding: br\r\n", STR("<html><body>"), "<html><body>", HTTP_BODY_FALSE);
    assert_decodes("Content-Encoding: deflate\r\n", STR("<html><body>"), "<html><body>", HTTP_BODY_FALSE);
    assert_decodes("Content-Encoding: zstd\r\n", STR("<html>"), "<html>", HTTP_BODY_FALSE);
    assert_decodes("Content-Encoding: utf-8\r\n", STR("<html>"), "<html>", HTTP_BODY_UNKNOWN);
    assert_decodes("X-Crawler-Content-Encoding: gzip\r\n", STR("<html>"), "<html>", 0);
    assert_decodes("Content-Encoding: identity\r\n", STR("<html>"), "<html>", 0);
}

static void a_first_chunk_beyond_the_end_is_believed_of_a_cut_body_only(void **state)
{
    (void)state;
    struct decoded d;
    decode(&d, CHUNKED, STR("ff\r\nhello"), true);
    assert_true(str_eq(buf_str(&d.text), STR("hello")));
    buf_free(&d.text);
    assert_decodes(CHUNKED, STR("ff\r\nhello"), "ff\r\nhello", HTTP_BODY_FALSE);
}

enum { GZIP, ZLIB, RAW, ZSTD, BROTLI };
static const char *const codings[] = {"gzip", "deflate", "deflate", "zstd", "br"};

/* What brotli's encoder (level 11) made of make_page()'s text, and of 5 MiB of spaces: there is no encoder at hand here. */
static const char brotli_page[] =
    "\x1b\x9d\x06\x00\x1c\x07\x76\x8c\x36\x26\x74\x23\x7b\x19\xab\x56\xe0\x79\x83\xe3\x89\x4b\xf5\x21"
    "\x62\xe6\x53\x3e\x66\x50\xb5\x03\x90\xc7\xb5\xd6\xa8\xf1\xc6\x03\x4c\x38\x7c\x3c\x7c\x84\x93\xa5"
    "\x87\x88\x62\x4c\x75\x5d\xc2\x7b\x78\xfd\x19\x72\x8f\xdd\x21\x5a\x63\xcd\xb5\x66\x0c\xa6\x65\x13"
    "\xe6\xb2\x98\x1d\x87\x04\x40\x11\xda\x30\x65\x8d\x94\x16\x6e\xd8\x55\x8e\xcc\x42\x69\x00\x9a\xec"
    "\x2c\x57\x65\x3f\x32\x5a\xf6\x23\xbf\xca\xce\xee\x4c\x59\x80\x85\xfb\xe2\xfd\x82\x57\xc9\x8d\x95"
    "\x16\x36\x72\x52\x69\x5b\xae\x68\x03\xc0\xa3\xfc\x71\x7c\xde\xab\xee\x68\x43\x4a\x0a\x05\x43\x0d"
    "\x0c\x65\x48\xb5\x62\xa5\x5a\x7e\x58\x1e\xea\xca\xb4\xa7\x4b\x72\x38\x72\x64\x39\x93\xc5\xf8\x00";
static const char brotli_spaces[] = "\x9b\xff\xff\x4f\xf8\x25\x40\xe2\xb1\x40\x20\xf7\xfe\x09";

static void make_page(struct buf *text)
{
    for (int i = 0; i < 60; i++) assert_int_equal(buf_printf(text, "<p>line %d of the page</p>\n", i * i), 0);
}

static void encode(struct buf *out, struct str in, int coding)
{
    assert_int_equal(buf_reserve(out, in.n * 2 + 4096), 0);
    size_t room = out->room - out->n;
    if (coding == ZSTD) {
        put_frame(out, in);
        return;
    }
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)in.p, .avail_in = (unsigned)in.n,
                  .next_out = (unsigned char *)out->p + out->n, .avail_out = (unsigned)room};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, coding == GZIP ? 31 : coding == ZLIB ? 15 : -15, 8, 0), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += room - z.avail_out;
    deflateEnd(&z);
}

static void make_text(struct buf *text, size_t n)
{
    buf_init(text, 1 << 24);
    while (text->n < n) assert_int_equal(buf_printf(text, "<p>line %zu of the page, %zu</p>\n", text->n, text->n * 7919 % 10007), 0);
}

static void every_coding_is_undone(void **state)
{
    (void)state;
    struct buf text, body;
    make_text(&text, 300000);
    buf_init(&body, 1 << 24);
    for (int coding = GZIP; coding <= ZSTD; coding++) {
        char fields[64];
        snprintf(fields, sizeof fields, "Content-Encoding: %s\r\n", codings[coding]);
        struct decoded d;
        buf_clear(&body);
        encode(&body, buf_str(&text), coding);
        decode(&d, fields, buf_str(&body), false);
        assert_int_equal(d.marks, HTTP_BODY_DECODED);
        assert_true(str_eq(buf_str(&d.text), buf_str(&text)));
        buf_free(&d.text);
        decode(&d, fields, str_of(body.p, body.n / 2), false); /* cut: what is there counts */
        assert_int_equal(d.marks, HTTP_BODY_DECODED | HTTP_BODY_DAMAGED);
        assert_true(d.text.n > text.n / 10 && str_starts(buf_str(&text), buf_str(&d.text)));
        buf_free(&d.text);
    }
    buf_free(&text);
    buf_free(&body);
}

static void brotli_is_undone(void **state)
{
    (void)state;
    struct buf page;
    buf_init(&page, LIMIT);
    make_page(&page);
    assert_int_equal(buf_byte(&page, 0), 0);
    assert_decodes("Content-Encoding: br\r\n", str_of(brotli_page, sizeof brotli_page - 1), page.p, HTTP_BODY_DECODED);
    buf_free(&page);
}

static void several_codings_are_undone_from_the_right(void **state)
{
    (void)state;
    struct buf text, one, two, chunked;
    buf_init(&text, LIMIT);
    make_page(&text);
    buf_init(&one, 1 << 20), buf_init(&two, 1 << 20), buf_init(&chunked, 1 << 20);
    assert_int_equal(buf_add(&one, str_of(brotli_page, sizeof brotli_page - 1)), 0);
    encode(&two, buf_str(&one), GZIP);
    assert_int_equal(buf_printf(&chunked, "%zx\r\n", two.n) | buf_add(&chunked, buf_str(&two)) | buf_add(&chunked, STR("\r\n0\r\n\r\n")), 0);
    struct decoded d;
    decode(&d, "Transfer-Encoding: chunked\r\nContent-Encoding: br\r\nContent-Encoding: identity, gzip\r\n", buf_str(&chunked), false);
    assert_int_equal(d.marks, HTTP_BODY_CHUNKED | HTTP_BODY_DECODED);
    assert_true(str_eq(buf_str(&d.text), buf_str(&text)));
    buf_free(&d.text);
    buf_free(&text), buf_free(&one), buf_free(&two), buf_free(&chunked);
}

static void a_body_beyond_the_limit_is_cut_to_it(void **state)
{
    (void)state;
    struct buf zeros, body;
    buf_init(&zeros, 1 << 24), buf_init(&body, 1 << 24);
    assert_int_equal(buf_reserve(&zeros, 5 << 20), 0);
    memset(zeros.p, ' ', 5 << 20);
    zeros.n = 5 << 20;
    for (int coding = GZIP; coding <= BROTLI; coding++) {
        char fields[64];
        snprintf(fields, sizeof fields, "Content-Encoding: %s\r\n", codings[coding]);
        struct decoded d;
        buf_clear(&body);
        if (coding == BROTLI) assert_int_equal(buf_add(&body, str_of(brotli_spaces, sizeof brotli_spaces - 1)), 0);
        else encode(&body, buf_str(&zeros), coding);
        decode(&d, fields, buf_str(&body), false);
        assert_int_equal(d.marks, HTTP_BODY_DECODED | HTTP_BODY_LIMITED);
        assert_int_equal(d.text.n, LIMIT);
        buf_free(&d.text);
    }
    buf_free(&zeros);
    buf_free(&body);
}

static void several_gzip_members_are_one_body(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, 1 << 20);
    put_member(&body, STR("one "), NULL);
    put_member(&body, STR("two"), NULL);
    assert_decodes("Content-Encoding: x-gzip\r\n", buf_str(&body), "one two", HTTP_BODY_DECODED);
    buf_free(&body);
}

static void the_chunked_page_of_a_real_crawl_is_joined(void **state)
{
    (void)state;
    const char *path = shared_path("data/conformance/warc-edge/example-iana.org-chunked.warc");
    if (!path) skip();
    struct buf file;
    buf_init(&file, 1 << 20);
    assert_int_equal(buf_read_file(&file, path), 0);
    struct warc_chunk *c = warc_chunk_new(NULL);
    struct warc_record r;
    warc_chunk_start(c, WARC_KIND_PLAIN, 0, buf_str(&file), WARC_FILE_END);
    while (warc_chunk_next(c, &r) == WARC_EVENT_RECORD && r.type != WARC_TYPE_RESPONSE) continue;
    struct http_head head;
    struct http_body decoder;
    unsigned marks;
    assert_int_equal(http_head_parse(&head, r.block), 0);
    http_body_init(&decoder, LIMIT);
    struct str body = http_body_decode(&decoder, &head, str_from_at(r.block, head.size), false, &marks);
    assert_true(marks & HTTP_BODY_CHUNKED);
    assert_true(str_starts(str_trim(body), STR("<!doctype html>")) && str_ends(str_trim(body), STR("</html>")));
    http_body_free(&decoder);
    warc_chunk_free(c);
    buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_line_that_occurs_is_read),
        cmocka_unit_test(fields_are_read_with_any_line_ends),
        cmocka_unit_test(a_head_without_an_end_has_no_body),
        cmocka_unit_test(chunks_are_joined),
        cmocka_unit_test(a_wrong_chunk_keeps_what_came_before),
        cmocka_unit_test(a_decoded_body_is_left_alone),
        cmocka_unit_test(a_first_chunk_beyond_the_end_is_believed_of_a_cut_body_only),
        cmocka_unit_test(every_coding_is_undone),
        cmocka_unit_test(brotli_is_undone),
        cmocka_unit_test(several_codings_are_undone_from_the_right),
        cmocka_unit_test(a_body_beyond_the_limit_is_cut_to_it),
        cmocka_unit_test(several_gzip_members_are_one_body),
        cmocka_unit_test(the_chunked_page_of_a_real_crawl_is_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

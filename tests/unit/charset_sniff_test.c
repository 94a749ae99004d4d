/* The order of evidence, and html5lib's cases for the prescan. */
#include "crawl/charset/sniff.h"
#include "tests/unit/shared.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct charset_choice sniff(struct str page, const char *http, const char *met, const char *detected)
{
    struct charset_evidence evidence = {page, charset_from_label(str_from(http)), str_from(met), str_from(detected)};
    return charset_sniff(&evidence);
}

static void assert_sniffs(struct charset_choice got, enum charset charset, enum charset_source source, unsigned bom_bytes)
{
    assert_string_equal(charset_name(got.charset), charset_name(charset));
    assert_string_equal(charset_source_name(got.source), charset_source_name(source));
    assert_int_equal(got.bom_bytes, bom_bytes);
}

#define LATIN STR("<p>caf\xE9")
#define META "<meta charset=koi8-r>"

static void test_byte_order_mark_beats_the_server(void **state)
{
    (void)state;
    assert_sniffs(sniff(STR("\xEF\xBB\xBF" META "\xE9"), "big5", "gbk", "gbk"), CHARSET_UTF_8, CHARSET_SOURCE_BOM, 3);
    assert_sniffs(sniff(STR("\xFF\xFE<\0"), "big5", NULL, NULL), CHARSET_UTF_16LE, CHARSET_SOURCE_BOM, 2);
    assert_sniffs(sniff(STR("\xFE\xFF\0<"), "big5", NULL, NULL), CHARSET_UTF_16BE, CHARSET_SOURCE_BOM, 2);
}

static void test_server_beats_the_page(void **state)
{
    (void)state;
    assert_sniffs(sniff(STR(META), "big5", "gbk", "gbk"), CHARSET_BIG5, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(STR(META), "utf-16", NULL, NULL), CHARSET_UTF_16LE, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(STR(META), "bogus", NULL, NULL), CHARSET_KOI8_R, CHARSET_SOURCE_META, 0);
}

static void test_met_meta_beats_the_prescan(void **state)
{
    (void)state;
    struct str page = STR("<script>'" META "'</script><meta charset=gbk>");
    assert_sniffs(sniff(page, NULL, NULL, NULL), CHARSET_KOI8_R, CHARSET_SOURCE_META, 0);
    assert_sniffs(sniff(page, NULL, "gbk", NULL), CHARSET_GBK, CHARSET_SOURCE_META, 0);
    assert_sniffs(sniff(page, NULL, "utf-16be", NULL), CHARSET_UTF_8, CHARSET_SOURCE_META, 0);
    assert_sniffs(sniff(page, NULL, "x-user-defined", NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_META, 0);
    assert_sniffs(sniff(page, NULL, "bogus", NULL), CHARSET_KOI8_R, CHARSET_SOURCE_META, 0);
}

static void test_detected_charset_comes_after_what_is_declared(void **state)
{
    (void)state;
    assert_sniffs(sniff(LATIN, NULL, NULL, "ISO-8859-2"), CHARSET_ISO_8859_2, CHARSET_SOURCE_DETECTED, 0);
    assert_sniffs(sniff(STR(META), NULL, NULL, "ISO-8859-2"), CHARSET_KOI8_R, CHARSET_SOURCE_META, 0);
}

static void test_nothing_declared_is_utf_8_when_valid_else_windows_1252(void **state)
{
    (void)state;
    assert_sniffs(sniff(STR("<p>plain"), NULL, NULL, NULL), CHARSET_UTF_8, CHARSET_SOURCE_VALID, 0);
    assert_sniffs(sniff(STR("<p>café"), NULL, NULL, "bogus"), CHARSET_UTF_8, CHARSET_SOURCE_VALID, 0);
    assert_sniffs(sniff(LATIN, NULL, NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_DEFAULT, 0);
    assert_sniffs(sniff(STR(""), NULL, NULL, NULL), CHARSET_UTF_8, CHARSET_SOURCE_VALID, 0);
}

static void test_valid_utf_8_contradicts_a_single_byte_charset_only(void **state)
{
    (void)state;
    struct str page = STR("<p>na\xC3\xAFve");
    assert_sniffs(sniff(page, "iso-8859-1", NULL, NULL), CHARSET_UTF_8, CHARSET_SOURCE_CONTRADICTED, 0);
    assert_sniffs(sniff(page, NULL, "windows-1251", NULL), CHARSET_UTF_8, CHARSET_SOURCE_CONTRADICTED, 0);
    assert_sniffs(sniff(page, NULL, NULL, "windows-1252"), CHARSET_UTF_8, CHARSET_SOURCE_CONTRADICTED, 0);
    assert_sniffs(sniff(page, "gbk", NULL, NULL), CHARSET_GBK, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(STR("<p>plain"), "iso-8859-1", NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(STR("\xC3\xAF \xE9 "), "iso-8859-1", NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(page, "replacement", NULL, NULL), CHARSET_REPLACEMENT, CHARSET_SOURCE_HTTP, 0);
}

static void test_character_cut_by_the_pages_end_is_no_evidence(void **state)
{
    (void)state;
    assert_sniffs(sniff(STR("\xC3\xAF \xE2\x82"), NULL, NULL, NULL), CHARSET_UTF_8, CHARSET_SOURCE_VALID, 0);
    assert_sniffs(sniff(STR("\xC3\xAF \xF0\x9F\x98"), "latin1", NULL, NULL), CHARSET_UTF_8, CHARSET_SOURCE_CONTRADICTED, 0);
    assert_sniffs(sniff(STR("caf\xE9"), "latin1", NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_HTTP, 0);
    assert_sniffs(sniff(STR("caf\xE9"), NULL, NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_DEFAULT, 0);
    assert_sniffs(sniff(STR("\xC3\xAF\x80\x80\x80\x80"), NULL, NULL, NULL), CHARSET_WINDOWS_1252, CHARSET_SOURCE_DEFAULT, 0);
}

static void assert_prescans(struct str bytes, enum charset expected)
{
    assert_string_equal(charset_name(charset_prescan(bytes)), charset_name(expected));
}

static void test_prescan_reads_meta_as_the_standard_says(void **state)
{
    (void)state;
    assert_prescans(STR("<META/charset='gbk'/>"), CHARSET_GBK);
    assert_prescans(STR("<meta charset=gbk charset=big5>"), CHARSET_GBK);
    assert_prescans(STR("<meta charset=bogus content='x;charset=gbk' http-equiv=content-type>"), CHARSET_NONE);
    assert_prescans(STR("<meta content='x;charset=gbk' charset=big5>"), CHARSET_BIG5);
    assert_prescans(STR("<meta http-equiv=content-type content='x;charset=gbk'>"), CHARSET_GBK);
    assert_prescans(STR("<meta content='x;charset=gbk'><meta charset=big5>"), CHARSET_BIG5);
    assert_prescans(STR("<!--><meta charset=gbk>"), CHARSET_GBK);
    assert_prescans(STR("<!-- <meta charset=gbk>"), CHARSET_NONE);
    assert_prescans(STR("<?x <meta charset=gbk>"), CHARSET_NONE);
    assert_prescans(STR("<a title='<meta charset=gbk>'><meta charset=big5>"), CHARSET_BIG5);
    assert_prescans(STR("</a title='<meta charset=gbk>'><meta charset=big5>"), CHARSET_BIG5);
    assert_prescans(STR("<meta =charset=gbk>"), CHARSET_NONE);
    assert_prescans(STR("<meta charset=gbk"), CHARSET_NONE);
    assert_prescans(STR("<meta charset = \"gbk\">"), CHARSET_GBK);
    assert_prescans(STR("<meta charset=\"utf-16\">"), CHARSET_UTF_8);
    assert_prescans(STR("<meta charset=x-user-defined>"), CHARSET_WINDOWS_1252);
    assert_prescans(STR("<"), CHARSET_NONE);
    assert_prescans(STR(""), CHARSET_NONE);
}

static void test_prescan_reads_an_xml_declaration_last(void **state)
{
    (void)state;
    assert_prescans(STR("<?xml version='1.0' encoding = \"windows-1251\"?><p>"), CHARSET_WINDOWS_1251);
    assert_prescans(STR("<?xml encoding='windows-1251'?><meta charset=gbk>"), CHARSET_GBK);
    assert_prescans(STR(" <?xml encoding='windows-1251'?>"), CHARSET_NONE);
    assert_prescans(STR("<?xml encoding='windows 1251'?>"), CHARSET_NONE);
    assert_prescans(STR("<?xml encoding='utf-16'?>"), CHARSET_UTF_8);
    assert_prescans(STR("<?xml encoding='windows-1251'"), CHARSET_NONE);
    assert_prescans(STR("<\0?\0x\0m\0"), CHARSET_UTF_16LE);
    assert_prescans(STR("\0<\0?\0x\0m"), CHARSET_UTF_16BE);
}

static void assert_label(struct str content, struct str expected)
{
    struct str got = charset_label_in_content(content);
    assert_int_equal(got.p == NULL, expected.p == NULL);
    assert_true(str_eq(got, expected));
}

static void test_label_in_content(void **state)
{
    (void)state;
    assert_label(STR("text/html; charset=koi8-r; x=y"), STR("koi8-r"));
    assert_label(STR("CHARSET \t=\n'a b' "), STR("a b"));
    assert_label(STR("charset charset=x y"), STR("x"));
    assert_label(STR("charset=\"x"), STR_ABSENT);
    assert_label(STR("charset='x\""), STR_ABSENT);
    assert_label(STR("charset="), STR_ABSENT);
    assert_label(STR("text/html"), STR_ABSENT);
    assert_label(STR_ABSENT, STR_ABSENT);
}

/* A meta beyond the prescan's bytes is found by the parser later: the whole page's prescan plays that part here. */
static void check_html5lib_case(struct str page, struct str expected, size_t *late)
{
    struct charset_evidence evidence = {.page = page};
    struct charset_choice choice = charset_sniff(&evidence);
    enum charset met = charset_prescan(page);
    bool found_late = choice.source != CHARSET_SOURCE_META && choice.source != CHARSET_SOURCE_BOM && met != CHARSET_NONE;
    if (found_late) {
        evidence.met = str_from(charset_name(met));
        choice = charset_sniff(&evidence);
        *late += 1;
    }
    /* The suite's default stands for "nothing found", where the page's bytes decide here. */
    bool found = choice.source == CHARSET_SOURCE_META || choice.source == CHARSET_SOURCE_BOM;
    enum charset got = found ? choice.charset : CHARSET_WINDOWS_1252;
    if (got != charset_from_label(expected)) fail_msg("got %s for: %.*s", charset_name(got), STR_ARG(page));
}

static void check_html5lib_file(const char *name, size_t expected_cases, size_t expected_late)
{
    char relative[128];
    snprintf(relative, sizeof relative, "data/conformance/html5lib/encoding/%s", name);
    const char *path = shared_path(relative);
    if (!path) skip();
    struct buf file;
    buf_init(&file, 1 << 20);
    assert_int_equal(buf_read_file(&file, path), 0);
    struct str rest = buf_str(&file), data = STR("#data\n"), encoding = STR("\n#encoding\n");
    size_t cases = 0, late = 0;
    for (size_t at; (at = str_find(rest, data)) != SIZE_MAX; cases++) {
        rest = str_from_at(rest, at + data.n);
        size_t n = str_find(rest, encoding);
        assert_true(n != SIZE_MAX);
        struct str page = str_of(rest.p, n);
        rest = str_from_at(rest, n + encoding.n);
        check_html5lib_case(page, str_cut(&rest, '\n'), &late);
    }
    assert_int_equal(cases, expected_cases);
    assert_int_equal(late, expected_late);
    buf_free(&file);
}

static void test_html5lib_tests1(void **state) { (void)state; check_html5lib_file("tests1.dat", 59, 7); }
static void test_html5lib_tests2(void **state) { (void)state; check_html5lib_file("tests2.dat", 22, 0); }
static void test_html5lib_yahoo(void **state) { (void)state; check_html5lib_file("test-yahoo-jp.dat", 1, 0); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_order_mark_beats_the_server),
        cmocka_unit_test(test_server_beats_the_page),
        cmocka_unit_test(test_met_meta_beats_the_prescan),
        cmocka_unit_test(test_detected_charset_comes_after_what_is_declared),
        cmocka_unit_test(test_nothing_declared_is_utf_8_when_valid_else_windows_1252),
        cmocka_unit_test(test_valid_utf_8_contradicts_a_single_byte_charset_only),
        cmocka_unit_test(test_character_cut_by_the_pages_end_is_no_evidence),
        cmocka_unit_test(test_prescan_reads_meta_as_the_standard_says),
        cmocka_unit_test(test_prescan_reads_an_xml_declaration_last),
        cmocka_unit_test(test_label_in_content),
        cmocka_unit_test(test_html5lib_tests1),
        cmocka_unit_test(test_html5lib_tests2),
        cmocka_unit_test(test_html5lib_yahoo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Personal data: what is found, and what looks like it and is none. */
#include "filters/language/pii.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

/* The text with every finding masked. */
static void assert_masked(const char *text, const char *expected)
{
    struct pii_span spans[PII_SPANS_MOST];
    struct buf out;
    buf_init(&out, 1 << 16);
    size_t count = pii_find(str_from(text), spans, PII_SPANS_MOST);
    assert_int_equal(pii_mask(&out, str_from(text), spans, count), 0);
    if (!str_eq(buf_str(&out), str_from(expected))) fail_msg("\"%s\" became \"%.*s\", expected \"%s\"", text, STR_ARG(buf_str(&out)), expected);
    buf_free(&out);
}
static void assert_untouched(const char *text) { assert_masked(text, text); }

static void test_mail_addresses_end_in_a_public_suffix(void **state)
{
    (void)state;
    assert_masked("write to ann@example.org.", "write to [EMAIL].");
    assert_masked("<john.o'neil+x@mail.example.co.uk>", "<[EMAIL]>");
    assert_masked("\"bob_1@example.com\", x", "\"[EMAIL]\", x");
    assert_masked("5551234567@example.com", "[EMAIL]");
    assert_masked("mayur...q@example.com", "mayur...[EMAIL]");
    assert_untouched("ann@example.nosuchsuffix");
    assert_untouched("@example.com follows you");
    assert_untouched("a @ b.com");
    assert_untouched("ann@com");
    assert_untouched("ann@-x.com");
}

static void test_telephone_numbers_are_those_that_are_written_so(void **state)
{
    (void)state;
    assert_masked("call +1 (415) 555-2671 now", "call [PHONE] now");
    assert_masked("+49 30 901820", "[PHONE]");
    assert_masked("(415) 555-2671", "[PHONE]");
    assert_masked("415-555-2671, 415.555.2671", "[PHONE], [PHONE]");
    assert_masked("555-2671", "[PHONE]");
    assert_masked("1-800-555-2671", "[PHONE]");
    assert_masked("0171 555 1234", "[PHONE]");
    assert_masked("030/9018200", "[PHONE]");
    assert_masked("Tel.: 4155552671", "Tel.: [PHONE]");
    assert_masked("WhatsApp 98765 43210", "WhatsApp [PHONE]");
}

static void test_other_numbers_are_no_telephone_numbers(void **state)
{
    (void)state;
    assert_untouched("2003-09-05");
    assert_untouched("05.09.2003 and 12/31/2001");
    assert_untouched("1999-2003");
    assert_untouched("1920x1080");
    assert_untouched("1.234.567 people, 1,234,567 sheep");
    assert_untouched("$555-2671");
    assert_untouched("\xE2\x82\xAC 1 250 000");
    assert_untouched("ISBN 978-3-16-148410-0");
    assert_untouched("EAN 4006381333931");
    assert_untouched("picture 20871234567");
    assert_untouched("stock-photo-4155552671.jpg");
    assert_untouched("3.14159265");
    assert_untouched("12:30:45");
    assert_untouched("555-26715");
}

static void test_cards_have_an_issuer_and_a_check_digit(void **state)
{
    (void)state;
    assert_masked("4111 1111 1111 1111", "[CARD]");
    assert_masked("4111-1111-1111-1111", "[CARD]");
    assert_masked("5555555555554444 378282246310005", "[CARD] [CARD]");
    assert_masked("2221000000000009 6011111111111117 30569309025904 3530111333300000", "[CARD] [CARD] [CARD] [CARD]");
    assert_untouched("4111 1111 1111 1112"); /* Luhn */
    assert_untouched("1111 1111 1111 1117"); /* no issuer */
    assert_untouched("41111111111111110");   /* 17 digits are no Visa's */
}

static void test_accounts_and_national_numbers_have_check_characters(void **state)
{
    (void)state;
    assert_masked("DE89 3704 0044 0532 0130 00", "[IBAN]");
    assert_masked("GB82WEST12345698765432", "[IBAN]");
    assert_untouched("DE89 3704 0044 0532 0130 01");
    assert_masked("078-05-1120", "[SSN]");
    assert_untouched("000-05-1120 666-05-1120 900-05-1120 078-00-1120 078-05-0000");
    assert_masked("12345678Z and X1234567L", "[ID] and [ID]");
    assert_untouched("12345678A");
    assert_masked("529.982.247-25", "[ID]");
    assert_untouched("529.982.247-24");
    assert_masked("44051401359", "[ID]");
    assert_untouched("44051401358");
    assert_masked("2 55 08 14 168 025 38", "[ID]");
    assert_untouched("2 55 08 14 168 025 39");
}

static void test_addresses_of_machines_have_four_octets(void **state)
{
    (void)state;
    assert_masked("from 192.168.1.20.", "from [IPV4].");
    assert_masked("(8.8.8.8)", "([IPV4])");
    assert_untouched("256.1.1.1");
    assert_untouched("1.2.3");
    assert_untouched("1.2.3.4.5");
    assert_untouched("01.2.3.4");
    assert_untouched("version 1.2.3.4, v1.2.3.4");
}

static void test_findings_stand_in_order_and_room_is_kept(void **state)
{
    (void)state;
    struct pii_span spans[2];
    const char *text = "a@b.com c@d.com e@f.com";
    assert_int_equal(pii_find(str_from(text), spans, 2), 2);
    assert_int_equal(spans[0].start, 0);
    assert_int_equal(spans[0].end, 7);
    assert_int_equal(spans[1].start, 8);
    assert_int_equal(pii_find(STR(""), spans, 2), 0);
    const char *most[] = {"a@b.co a@b.co a@b.co", "1.1.1.1 2.2.2.2", "555-2671 555-2671"};
    struct pii_span all[16];
    for (size_t i = 0; i < 3; i++) assert_true(pii_find(str_from(most[i]), all, 16) < pii_spans_most(str_from(most[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_addresses_end_in_a_public_suffix),
        cmocka_unit_test(test_telephone_numbers_are_those_that_are_written_so),
        cmocka_unit_test(test_other_numbers_are_no_telephone_numbers),
        cmocka_unit_test(test_cards_have_an_issuer_and_a_check_digit),
        cmocka_unit_test(test_accounts_and_national_numbers_have_check_characters),
        cmocka_unit_test(test_addresses_of_machines_have_four_octets),
        cmocka_unit_test(test_findings_stand_in_order_and_room_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

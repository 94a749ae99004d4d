/* Cells: which values need escapes, at every place of a value and whatever stands around. */
#include "pipeline/rows/batch.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

enum { LENGTH = 50 }; /* three times 16 bytes and a rest */

static const char *const specials[] = {"\t", "\n", "\r", "\\", "\x01", "\x1f", "\x7f", "\xc2\x80", "\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xa9"};
static const char *const plain[] = {" ", "~", "\"", "'", "\xc2\xa0", "\xc3\x80", "\xe2\x80\xa7", "\xe2\x80\xaa", "\xe2\x81\xa8", "\xe3\x80\xa8",
                                    "\xf0\x9f\x90\x88", "\xc2", "\xe2", "\xe2\x80"};

/* `piece` at `at` among letters; its end may stand behind the value's. */
static bool needs_escape_at(const char *piece, size_t at)
{
    char bytes[LENGTH + 8];
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes + at, piece, strlen(piece));
    return cell_needs_escape(str_of(bytes, at + strlen(piece) > LENGTH ? at + strlen(piece) : LENGTH));
}

static void test_a_special_character_is_seen_at_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        for (size_t at = 0; at < LENGTH; at++) assert_true(needs_escape_at(specials[i], at));
}

static void test_its_neighbours_in_the_code_need_no_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        for (size_t at = 0; at < LENGTH; at++) assert_false(needs_escape_at(plain[i], at));
}

static void test_a_special_character_behind_the_end_is_not_seen(void **state)
{
    (void)state;
    char bytes[LENGTH];
    for (size_t n = 0; n < LENGTH - 1; n++) {
        memset(bytes, '\t', sizeof bytes);
        memset(bytes, 'a', n);
        assert_false(cell_needs_escape(str_of(bytes, n)));
        assert_true(cell_needs_escape(str_of(bytes, n + 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_special_character_is_seen_at_every_place),
        cmocka_unit_test(test_its_neighbours_in_the_code_need_no_escape),
        cmocka_unit_test(test_a_special_character_behind_the_end_is_not_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

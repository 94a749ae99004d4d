/* Tables of text: columns are as wide as their widest cell, and cells cannot break out of their line. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reports/grid.h"

static void expect(struct grid *g, const char *lines)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(grid_format(g, &out), 0);
    assert_string_equal(buf_c_string(&out), lines);
    buf_free(&out);
    grid_free(g);
}

static void test_columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, "lrl", 2);
    grid_text(&g, STR("rule"));
    grid_text(&g, STR("removed"));
    grid_text(&g, STR("bound"));
    grid_text(&g, STR("min_chars"));
    grid_u64(&g, 12345678);
    grid_printf(&g, ">=%d", 5);
    expect(&g, "  rule        removed  bound\n"
               "  min_chars  12345678  >=5\n");
}

static void test_widths_count_characters_not_bytes(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, "lr", 0);
    grid_text(&g, STR("≈é"));
    grid_text(&g, STR("1"));
    grid_text(&g, STR("abc"));
    grid_text(&g, STR("≈22"));
    expect(&g, "≈é     1\nabc  ≈22\n");
}

static void test_a_line_ends_with_its_last_cell_that_holds_something(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, "lll", 1);
    const char *const cells[] = {"a", "b", "c", "dd", "", ""};
    for (int i = 0; i < 6; i++) grid_text(&g, str_from(cells[i]));
    expect(&g, " a   b  c\n dd\n");
}

static void test_bytes_from_outside_are_masked(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, "ll", 0);
    grid_text(&g, STR("a\nb\x1b[2J"));
    grid_text(&g, STR("\xff\xe2\x80\xae"));
    expect(&g, "a\\x0ab\\x1b[2J  \\xff\\xe2\\x80\\xae\n");
}

static void test_a_table_without_cells_is_nothing(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, "ll", 0);
    expect(&g, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(test_widths_count_characters_not_bytes),
        cmocka_unit_test(test_a_line_ends_with_its_last_cell_that_holds_something),
        cmocka_unit_test(test_bytes_from_outside_are_masked),
        cmocka_unit_test(test_a_table_without_cells_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

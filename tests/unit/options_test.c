/* Options: one table parses, validates and explains. */
#include "pipeline/base/fail.h"
#include "pipeline/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct values {
    bool flag;
    const char *text, *choice;
    uint64_t number, size;
    double share;
    struct option_list list, usual;
};
static const struct option table[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(struct values, flag), .help = "a flag"},
    {"text", 't', OPTION_TEXT, offsetof(struct values, text), .initial = "x", .help = "a text"},
    {"choice", 0, OPTION_CHOICE, offsetof(struct values, choice), .initial = "a", .choices = "a|bc", .help = "a choice"},
    {"number", 'n', OPTION_U64, offsetof(struct values, number), .initial = "7", .low = 1, .high = 100, .help = "a number"},
    {"size", 's', OPTION_SIZE, offsetof(struct values, size), .initial = "1k", .help = "a size"},
    {"share", 0, OPTION_DOUBLE, offsetof(struct values, share), .initial = "0.5", .low = 0, .high = 1, .help = "a share"},
    {"list", 'l', OPTION_LIST, offsetof(struct values, list), .split = true, .help = "a list"},
    {"usual", 'u', OPTION_LIST, offsetof(struct values, usual), .initial = "one,two", .split = true, .help = "a list with a default"},
    {0},
};
static const struct command command = {.name = "test", .summary = "", .arguments = "", .description = "For tests.", .options = table,
                                       .options_size = sizeof(struct values)};

static int parse(struct command_line *line, const char *words)
{
    static char space[8][256];
    static char *argv[8];
    int argc = 0;
    struct str rest = str_from(words);
    while (rest.p && rest.n) {
        struct str word = str_cut(&rest, ' ');
        snprintf(space[argc], sizeof space[argc], "%.*s", STR_ARG(word));
        argv[argc] = space[argc];
        argc++;
    }
    return options_parse(&command, argc, argv, line);
}

static void test_defaults_stand_where_nothing_is_given(void **state)
{
    (void)state;
    struct command_line line;
    assert_int_equal(parse(&line, "a b"), 0);
    const struct values *v = line.options;
    assert_string_equal(v->text, "x");
    assert_int_equal(v->number, 7);
    assert_int_equal(v->size, 1024);
    assert_false(v->flag);
    assert_int_equal(line.argument_count, 2);
    assert_false(options_given(&line, "number"));
    options_free(&line);
}

static void test_all_spellings_mean_the_same(void **state)
{
    (void)state;
    static const char *const spellings[] = {"--number=9 --flag in", "--number 9 -f in", "-n 9 -f in", "-n9 in -f", "-fn9 in", "-fn 9 -- in"};
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        struct command_line line;
        assert_int_equal(parse(&line, spellings[i]), 0);
        const struct values *v = line.options;
        assert_int_equal(v->number, 9);
        assert_true(v->flag);
        assert_int_equal(line.argument_count, 1);
        assert_string_equal(line.arguments[0], "in");
        assert_true(options_given(&line, "number"));
        options_free(&line);
    }
}

static void test_lists_gather_and_split(void **state)
{
    (void)state;
    struct command_line line;
    assert_int_equal(parse(&line, "-l a,b --list=c"), 0);
    const struct values *v = line.options;
    assert_int_equal(v->list.count, 3);
    assert_string_equal(v->list.items[2], "c");
    options_free(&line);
}

static void test_a_given_list_takes_the_place_of_the_default(void **state)
{
    (void)state;
    static const struct { const char *words; size_t count; const char *last; } cases[] = {
        {"in", 2, "two"}, {"-u three in", 1, "three"}, {"-u three --usual one,four in", 3, "four"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_line line;
        assert_int_equal(parse(&line, cases[i].words), 0);
        const struct option_list *list = &((const struct values *)line.options)->usual;
        assert_int_equal(list->count, cases[i].count);
        assert_string_equal(list->items[list->count - 1], cases[i].last);
        options_free(&line);
    }
}

static void test_wrong_use_is_named_with_what_was_expected(void **state)
{
    (void)state;
    static const struct { const char *words, *message; } cases[] = {
        {"--numbr 3", "unknown option '--numbr'; did you mean --number? 'winnow test --help' lists them"},
        {"--number", "--number needs a value: VALUE"},
        {"--number x", "--number x: expected a whole number"},
        {"--number 101", "--number 101: expected 1 to 100"},
        {"--choice b", "--choice b: expected one of a|bc"},
        {"--share 2", "--share 2: expected 0 to 1"},
        {"--size 3x", "--size 3x: expected a size such as 512M or 4G"},
        {"--flag=yes", "--flag takes no value"},
        {"-z", "unknown option '-z': 'winnow test --help' lists them"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command_line line;
        assert_int_equal(parse(&line, cases[i].words), -1);
        assert_string_equal(fail_message(), cases[i].message);
        assert_int_equal(fail_code(), EXIT_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_stand_where_nothing_is_given),
        cmocka_unit_test(test_all_spellings_mean_the_same),
        cmocka_unit_test(test_lists_gather_and_split),
        cmocka_unit_test(test_a_given_list_takes_the_place_of_the_default),
        cmocka_unit_test(test_wrong_use_is_named_with_what_was_expected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Bounds on similarity, carried over to the built-in model: equal shares of pairs, and what rules of presets become. */
#include "filter_help.h"

#include "filters/calibration.h"

#include <math.h>

static void assert_near(double is, double expected, double room)
{
    if (!(fabs(is - expected) <= room)) fail_msg("%g is not within %g of %g", is, room, expected);
}

static struct calibrated carried(const char *from, double bound, const char *to)
{
    struct calibrated c = {0};
    if (calibration_carry(str_from(from), bound, str_from(to), &c) < 0) fail_msg("%s %g to %s: not carried", from, bound, to);
    return c;
}

static void test_shares_fall_as_bounds_rise(void **state)
{
    (void)state;
    static const char *const models[] = {"b32", "l14", "builtin"};
    for (size_t m = 0; m < 3; m++) {
        struct calibrated last = {.bound = -1, .kept = 1};
        size_t steps = 0;
        for (double bound = -1; bound <= 1; bound += 0.005) {
            struct calibrated c;
            if (calibration_carry(str_from(models[m]), bound, STR("builtin"), &c) < 0) continue;
            assert_true(c.kept <= last.kept && c.bound >= last.bound);
            last = c;
            steps++;
        }
        assert_true(steps > 40 && last.kept < 0.05);
    }
}

/* 453.0 of the 737.3 million of the published figure lie at .28 and above, 330.9 at .30; 461.0 of 738.1 by L/14 at .24. */
static void test_published_shares_are_what_the_figure_says(void **state)
{
    (void)state;
    assert_near(carried("b32", 0.28, "builtin").kept, 453.0 / 737.3, 0.001);
    assert_near(carried("b32", 0.30, "builtin").kept, 330.9 / 737.3, 0.001);
    assert_near(carried("l14", 0.24, "builtin").kept, 461.0 / 738.1, 0.001);
    double half = carried("b32", 0.285, "builtin").kept; /* between two hundredths: on the line */
    assert_near(half, (carried("b32", 0.28, "builtin").kept + carried("b32", 0.29, "builtin").kept) / 2, 1e-6);
}

static void test_a_bound_carried_there_and_back_is_itself(void **state)
{
    (void)state;
    for (int i = 20; i <= 38; i++) {
        struct calibrated there = carried("b32", i / 100.0, "builtin"), back = carried("builtin", there.bound, "b32");
        assert_near(back.bound, i / 100.0, 0.0015);
        assert_near(back.kept, there.kept, 0.003);
        assert_near(carried("b32", i / 100.0, "b32").bound, i / 100.0, 1e-9);
    }
}

static void test_what_is_not_published_is_not_carried(void **state)
{
    (void)state;
    struct calibrated c;
    assert_int_equal(calibration_carry(STR("mb32"), 0.26, STR("builtin"), &c), -1);
    assert_int_equal(calibration_carry(STR("b32"), 0.28, STR("mine"), &c), -1);
    assert_int_equal(calibration_carry(STR("b32"), 0.05, STR("builtin"), &c), -1); /* practically all are kept */
    assert_int_equal(calibration_carry(STR("b32"), 0.9, STR("builtin"), &c), -1);  /* none */
    assert_int_equal(calibration_carry(STR("b32"), NAN, STR("builtin"), &c), -1);
}

/* ---- rules */

static bool has_builtin(const void *context, struct str name)
{
    (void)context;
    return !str_starts(name, STR("sim_")) || str_eq(name, STR("sim_builtin"));
}

static bool has_all(const void *context, struct str name) { return context || name.n; }

static struct chain chain_of(const char *text, const char *set)
{
    struct chain chain;
    assert_done(chain_init(&chain));
    assert_done(preset_parse(&chain, "test.preset", str_from(text)));
    if (set) assert_done(chain_assign(&chain, str_from(set)));
    assert_done(chain_substitute(&chain, "builtin"));
    return chain;
}

static const char *sentence(const char *column, const char *bound, const char *model)
{
    static char text[200];
    struct calibrated c = carried(model, strtod(bound, NULL), "builtin");
    snprintf(text, sizeof text, "sim_builtin for %s, bound %s of %s -> %.3f of builtin, equal pass rate %.1f %%", column, bound, model,
             c.bound, 100 * c.kept);
    return text;
}

static void test_a_presets_bound_becomes_that_of_equal_share(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *column, *bound, *model;
    } cases[] = {
        {"r score.range column=sim_b32 min=0.28 -- choice: x\n", "sim_b32", "0.28", "b32"},
        {"r score.range column=sim_b32 max=0.3 -- choice: x\n", "sim_b32", "0.3", "b32"},
        {"r score.choose_text column=sim_b32 min=0.28 -- choice: x\n", "sim_b32", "0.28", "b32"},
        {"r score.best column=sim_l14 share=0.3 t=0.243 -- choice: x\n", "sim_l14", "0.243", "l14"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chain chain = chain_of(cases[i].rule, NULL);
        const struct rule *rule = chain.rules[0];
        for (int times = 0; times < 2; times++) { /* prepared twice, carried once */
            char bound[32];
            assert_done(chain_prepare(&chain, has_builtin, NULL));
            snprintf(bound, sizeof bound, "%s%.3f", strstr(cases[i].rule, "max") ? "<=" : ">=",
                     carried(cases[i].model, strtod(cases[i].bound, NULL), "builtin").bound);
            assert_string_equal(rule->bound, bound);
            assert_string_equal(rule->substitute, sentence(cases[i].column, cases[i].bound, cases[i].model));
        }
        assert_done(chain_prepare(&chain, has_all, &chain)); /* the model's own column: its own bound */
        assert_null(rule->substitute);
        assert_non_null(strstr(rule->bound, cases[i].bound));
        chain_free(&chain);
    }
}

static void test_a_bound_by_hand_stays(void **state)
{
    (void)state;
    struct chain chain = chain_of("r score.range column=sim_b32 min=0.28 -- choice: x\n", "r.min=0.1");
    assert_done(chain_prepare(&chain, has_builtin, NULL));
    assert_string_equal(chain.rules[0]->bound, ">=0.1");
    assert_string_equal(chain.rules[0]->substitute, "sim_builtin for sim_b32");
    chain_free(&chain);
}

static void test_a_share_of_the_pool_needs_no_bound(void **state)
{
    (void)state;
    struct chain chain = chain_of("r score.best column=sim_l14 share=0.3 -- choice: x\n", NULL);
    assert_done(chain_prepare(&chain, has_builtin, NULL));
    assert_string_equal(chain.rules[0]->bound, "best 0.3");
    assert_string_equal(chain.rules[0]->substitute, "sim_builtin for sim_l14");
    chain_free(&chain);
}

static void test_without_published_shares_a_bound_is_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "r score.range column=sim_mb32 min=0.26 -- choice: x\n",
        "r score.range column=sim_b32 min=0.9 -- choice: x\n",
        "r score.range column=sim_b32 plus=sim_l14 min=0.5 -- choice: x\n",
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct chain chain = chain_of(rules[i], NULL);
        assert_int_equal(chain_prepare(&chain, has_builtin, NULL), -1);
        assert_non_null(strstr(fail_message(), "no share of pairs that this bound keeps is published"));
        assert_non_null(strstr(fail_message(), "--set r.min="));
        chain_free(&chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_fall_as_bounds_rise),
        cmocka_unit_test(test_published_shares_are_what_the_figure_says),
        cmocka_unit_test(test_a_bound_carried_there_and_back_is_itself),
        cmocka_unit_test(test_what_is_not_published_is_not_carried),
        cmocka_unit_test(test_a_presets_bound_becomes_that_of_equal_share),
        cmocka_unit_test(test_a_bound_by_hand_stays),
        cmocka_unit_test(test_a_share_of_the_pool_needs_no_bound),
        cmocka_unit_test(test_without_published_shares_a_bound_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

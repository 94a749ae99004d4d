/* A row without the numbers a rule asks for cannot be judged, and is dropped with "absent". */
#include "filters/picture/picture_filters.h"

#include "filters/answers.h"
#include "filters/text/phrases.h"

static int answer_absent(struct filter_result *result) { return answer_text(result, false, STR("absent")); }

int image_bytes_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    uint64_t bytes;
    return rule_cell_u64(rule, row, 0, &bytes) < 0 ? answer_absent(result) : answer_count(rule, result, bytes);
}

int image_format_prepare(struct chain *chain, struct rule *rule)
{
    return rule_set_bound(chain, rule, "one of %.*s", STR_ARG(rule_state_value(rule, "allow")->text));
}

static struct str format_name(struct str s) { return str_eq_nocase(s, STR("jpg")) ? STR("jpeg") : s; }

int image_format_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str format = rule_cell(rule, row, 0);
    bool allowed = false;
    for (struct str rest = ((const struct rule_value *)rule->state)->text; rest.p && !allowed;)
        allowed = str_eq_nocase(format_name(str_cut(&rest, ',')), format_name(format));
    return answer_text(result, allowed && format.n, format.n ? format : STR("absent"));
}

struct sides {
    uint64_t shorter, longer;
};

static int sides_of(const struct rule *rule, const struct filter_row *row, struct sides *s)
{
    uint64_t w, h;
    if (rule_cell_u64(rule, row, 0, &w) < 0 || rule_cell_u64(rule, row, 1, &h) < 0) return -1;
    *s = w < h ? (struct sides){w, h} : (struct sides){h, w};
    return 0;
}

int image_min_side_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct sides s;
    return sides_of(rule, row, &s) < 0 ? answer_absent(result) : answer_count(rule, result, s.shorter);
}

int image_max_side_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct sides s;
    return sides_of(rule, row, &s) < 0 ? answer_absent(result) : answer_count(rule, result, s.longer);
}

int image_aspect_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct sides s;
    if (sides_of(rule, row, &s) < 0 || s.shorter == 0) return answer_absent(result);
    return answer_share(rule, result, s.longer, s.shorter, 0);
}

int image_pixels_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct sides s;
    if (sides_of(rule, row, &s) < 0) return answer_absent(result);
    uint64_t pixels;
    if (__builtin_mul_overflow(s.shorter, s.longer, &pixels) || pixels > INT64_MAX) pixels = INT64_MAX;
    return answer_count(rule, result, pixels);
}

int image_phash_list_prepare(struct chain *chain, struct rule *rule)
{
    struct entries entries;
    if (rule_entries(chain, rule, true, &entries) < 0) return -1;
    if (entries.count == 0) return rule_unserved(chain, rule, "needs list=FILE: 16 hexadecimal digits a line, as column phash");
    rule->state = phrases_new(entries.items, NULL, entries.count);
    return rule->state ? rule_set_bound(chain, rule, "not listed") : -1;
}

int image_phash_list_decide(const struct rule *rule, struct filter_row *row, struct filter_result *result)
{
    struct str phash = rule_cell(rule, row, 0);
    if (!phash.n) return answer_absent(result);
    return answer_text(result, !phrases_value(rule->state, phash, NULL), phash);
}

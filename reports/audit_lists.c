/* Lists for the auditor: rows that a rule removed, and what became of the rows of a host. Tab-separated, as windows print. */
#include "reports/audit.h"

#include "crawl/url/url.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- a rule */

/* The rule itself, or one of its group: url_shape names url_shape.valid and url_shape.host too. */
static bool is_of_rule(struct str name, struct str rule)
{
    return str_eq(name, rule) || (name.n > rule.n && str_starts(name, rule) && name.p[rule.n] == '.');
}

struct rule_list {
    struct audit *audit;
    struct str rule;
    size_t step;
    uint64_t left; /* UINT64_MAX: no limit */
};

static int list_row(void *context, const struct columns *columns, const struct row *row)
{
    static const char *const shown[] = {"id", "rule", "measured", "bound", "also", "url", "text", "src_file", "src_record", "src_image", "src_text"};
    struct rule_list *list = context;
    struct buf *out = &list->audit->out;
    if (!is_of_rule(search_cell(columns, row, STR("rule")), list->rule)) return 0;
    if (buf_add(out, str_from(list->audit->steps.list[list->step].name)) < 0) return -1;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (buf_byte(out, '\t') < 0 || buf_add(out, search_cell(columns, row, str_from(shown[i]))) < 0) return -1;
    if (buf_byte(out, '\n') < 0 || audit_flush(list->audit) < 0) return -1;
    return --list->left == 0;
}

/* Rows that the rule removed in a task, by its manifest. */
static uint64_t removed_by(json_t *manifest, struct str rule)
{
    const char *name;
    json_t *n;
    uint64_t sum = 0;
    json_object_foreach(json_object_get(manifest, "rules"), name, n)
        if (is_of_rule(str_from(name), rule)) sum += (uint64_t)json_integer_value(n);
    return sum;
}

/* The dropped files of one step; those of tasks in which the rule removed nothing are not opened. 1: the limit is reached. */
static int list_step(struct rule_list *list, uint64_t *removed)
{
    const struct steps *s = &list->audit->steps;
    int result = 0;
    for (size_t t = 0; t < s->list[list->step].task_count && result == 0; t++) {
        json_t *manifest = steps_manifest(s, list->step, t), *output;
        if (!manifest) return -1;
        uint64_t here = removed_by(manifest, list->rule);
        size_t i;
        *removed += here;
        arena_reset(&list->audit->arena);
        json_array_foreach(json_object_get(manifest, "outputs"), i, output) {
            const char *name = manifest_text(output, "name");
            if (!here || result != 0 || !name || !str_ends(str_from(name), STR(".dropped.zst"))) continue;
            const char *path = steps_output_path(s, list->step, output, &list->audit->arena);
            result = path ? search_rows(path, list->rule, list_row, list) : -1;
        }
        json_decref(manifest);
    }
    return result;
}

/* Names of rules that stand near a name that nobody knows. */
static int no_such_rule(const struct audit *a, struct str rule)
{
    const char *nearest = NULL;
    size_t best = 4;
    for (size_t step = 0; step < a->steps.count; step++) {
        size_t i;
        json_t *listed, *n;
        const char *name;
        json_array_foreach(json_object_get(a->manifests[step], "filters"), i, listed) {
            name = manifest_text(listed, "name");
            if (name && is_of_rule(str_from(name), rule)) {
                const char *unserved = manifest_text(listed, "unserved"), *done_by = manifest_text(listed, "done_by");
                if (unserved) return fail("rule %s was not asked: %s", name, unserved);
                if (done_by) return fail("rule %s was not asked: it is done by %s", name, done_by);
                return fail("no row was removed by rule %s", name);
            }
            size_t distance = name ? str_distance(rule, str_from(name)) : SIZE_MAX;
            if (distance < best) best = distance, nearest = name;
        }
        json_object_foreach(json_object_get(a->manifests[step], "rules"), name, n) {
            size_t distance = str_distance(rule, str_from(name));
            if (distance < best) best = distance, nearest = name;
        }
    }
    return fail("no rule '%.*s' in %s%s%s%s", STR_ARG(rule), a->steps.out, nearest ? "; did you mean " : ": winnow report lists them",
                nearest ? nearest : "", nearest ? "?" : "");
}

int audit_list_rule(struct audit *a, const char *rule, uint64_t limit)
{
    struct rule_list list = {.audit = a, .rule = str_from(rule), .left = limit ? limit : UINT64_MAX};
    uint64_t removed = 0;
    int result = buf_add(&a->out, STR("step\tid\trule\tmeasured\tbound\talso\turl\ttext\tsrc_file\tsrc_record\tsrc_image\tsrc_text\n"));
    for (; list.step < a->steps.count && result == 0; list.step++) result = list_step(&list, &removed);
    if (result < 0) return -1;
    if (!removed) return no_such_rule(a, list.rule);
    return audit_flush(a);
}

/* ---- a host */

struct outcome {
    enum find_end end;
    size_t step;
    char *rule;  /* FIND_DROPPED */
    uint64_t rows;
};

struct host_list {
    struct url_parser parser;
    struct str host;
    struct outcome *outcomes;
    size_t count;
    struct buf url;
};

/* The host itself or one below it. */
static bool is_of_host(struct str host, struct str of)
{
    return str_eq(host, of) || (host.n > of.n && str_ends(host, of) && host.p[host.n - of.n - 1] == '.');
}

static int count_outcome(struct host_list *list, enum find_end end, size_t step, struct str rule)
{
    for (size_t i = 0; i < list->count; i++) {
        struct outcome *o = &list->outcomes[i];
        if (o->end == end && o->step == step && str_eq(str_from(o->rule), rule)) return o->rows++, 0;
    }
    struct outcome *longer = realloc(list->outcomes, (list->count + 1) * sizeof *longer);
    if (longer) list->outcomes = longer;
    char *copy = strndup(rule.n ? rule.p : "", rule.n);
    if (!longer || !copy) return free(copy), fail_memory();
    longer[list->count++] = (struct outcome){end, step, copy, 1};
    return 0;
}

static int count_row(void *context, enum find_end end, size_t step, const char *file, const struct columns *columns, const struct row *row)
{
    (void)file;
    struct host_list *list = context;
    struct url url;
    buf_clear(&list->url);
    if (cell_unescape(&list->url, search_cell(columns, row, STR("url"))) < 0) return -1;
    enum url_status status = url_parse(&list->parser, &url, NULL, buf_str(&list->url), NULL);
    if (status == URL_FAILED) return -1;
    if (status != URL_OK || !is_of_host(url_host(&url), list->host)) return 0;
    return count_outcome(list, end, step, end == FIND_DROPPED ? search_cell(columns, row, STR("rule")) : STR_ABSENT);
}

/* The host in the form that stands in rows: lower case, ASCII. */
static int normal_host(struct url_parser *parser, const char *host, struct str *out, struct arena *arena)
{
    struct buf text;
    struct url url;
    buf_init(&text, URL_MAX);
    int result = buf_printf(&text, "http://%s/", host);
    enum url_status status = result == 0 ? url_parse(parser, &url, NULL, buf_str(&text), NULL) : URL_FAILED;
    if (status == URL_OK && str_eq(url_path(&url), STR("/"))) *out = arena_copy(arena, url_host(&url));
    else if (status != URL_FAILED) result = fail_usage("--host '%s': %s", host, status == URL_OK ? "not a host alone" : url_reason(status));
    else result = -1;
    buf_free(&text);
    return result == 0 && !out->p ? -1 : result;
}

static int compare_outcomes(const void *a, const void *b)
{
    const struct outcome *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? -1 : 1;
    if (x->rows != y->rows) return x->rows > y->rows ? -1 : 1;
    return strcmp(x->rule, y->rule);
}

static int print_outcomes(struct audit *a, struct host_list *list)
{
    static const char *const names[] = {[FIND_DROPPED] = "dropped", [FIND_SAMPLE] = "in the corpus", [FIND_ROW] = "kept so far"};
    if (!list->count) return fail("no row with a picture on host %.*s in %s", STR_ARG(list->host), a->steps.out);
    qsort(list->outcomes, list->count, sizeof *list->outcomes, compare_outcomes);
    int result = buf_add(&a->out, STR("step\toutcome\trule\trows\n"));
    for (size_t i = 0; i < list->count && result == 0; i++) {
        const struct outcome *o = &list->outcomes[i];
        result = buf_printf(&a->out, "%s\t%s\t%s\t%llu\n", a->steps.list[o->step].name, names[o->end], o->rule, (unsigned long long)o->rows);
    }
    return result < 0 ? -1 : audit_flush(a);
}

int audit_list_host(struct audit *a, const char *host)
{
    struct host_list list = {0};
    buf_init(&list.url, URL_MAX);
    int result = url_parser_init(&list.parser);
    if (result == 0) result = normal_host(&list.parser, host, &list.host, &a->arena);
    if (result == 0) result = finds_everywhere(&a->steps, list.host, count_row, &list);
    if (result == 0) result = print_outcomes(a, &list);
    for (size_t i = 0; i < list.count; i++) free(list.outcomes[i].rule);
    free(list.outcomes);
    buf_free(&list.url);
    url_parser_free(&list.parser);
    return result;
}

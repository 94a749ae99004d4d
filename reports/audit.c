/* The command `audit`: why is this row in, or out? */
#include "reports/audit.h"

#include "crawl/url/url.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"

#include <stdlib.h>
#include <unistd.h>

enum { OUT_BYTES_MAX = 64 << 20, ID_DIGITS = 32 };

int audit_flush(struct audit *a)
{
    int result = file_write_all(STDOUT_FILENO, buf_str(&a->out), "standard output");
    buf_clear(&a->out);
    return result;
}

json_t *audit_rule(const struct audit *a, size_t step, struct str rule)
{
    size_t i;
    json_t *listed;
    json_array_foreach(json_object_get(a->manifests[step], "filters"), i, listed) {
        const char *name = manifest_text(listed, "name");
        if (name && str_eq(rule, str_from(name))) return listed;
    }
    return NULL;
}

static int audit_open(struct audit *a, const char *out)
{
    *a = (struct audit){0};
    arena_init(&a->arena, 64 << 20);
    buf_init(&a->out, OUT_BYTES_MAX);
    if (steps_open(&a->steps, out) < 0) return -1;
    a->manifests = calloc(a->steps.count, sizeof *a->manifests);
    if (!a->manifests) return fail_memory();
    for (size_t i = 0; i < a->steps.count; i++)
        if (!(a->manifests[i] = steps_manifest(&a->steps, i, 0))) return -1;
    return 0;
}

static void audit_close(struct audit *a)
{
    for (size_t i = 0; a->manifests && i < a->steps.count; i++) json_decref(a->manifests[i]);
    free(a->manifests);
    steps_close(&a->steps);
    arena_free(&a->arena);
    buf_free(&a->out);
}

/* ---- subjects */

/* An id in the form that stands in rows; false for anything else. */
static bool is_id(const char *text, char id[ID_DIGITS + 1])
{
    for (int i = 0; i < ID_DIGITS; i++) {
        if (ascii_hex(text[i]) < 0) return false;
        id[i] = ascii_lower(text[i]);
    }
    id[ID_DIGITS] = 0;
    return !text[ID_DIGITS];
}

/* A URL as rows have it: normalised and without fragment, where it parses. */
static int find_url(struct finds *finds, const struct audit *a, const char *text)
{
    struct url_parser parser;
    struct url url;
    if (url_parser_init(&parser) < 0) return -1;
    enum url_status status = url_parse(&parser, &url, NULL, str_from(text), NULL);
    int result = -1; /* URL_FAILED: its sentence is there */
    if (status == URL_OK)
        result = finds_of_url(finds, &a->steps, url_without_fragment(&url));
    else if (status != URL_FAILED)
        result = fail_usage("'%s': neither an id (%d hexadecimal digits) nor a URL: %s", text, ID_DIGITS, url_reason(status));
    url_parser_free(&parser);
    return result;
}

/* 1: nothing found, and said. */
static int audit_subject(struct audit *a, const char *subject, uint64_t limit)
{
    struct finds finds;
    char id[ID_DIGITS + 1];
    bool by_id = is_id(subject, id);
    finds_init(&finds, limit);
    int result = by_id ? finds_of_id(&finds, &a->steps, 0, str_from(id)) : find_url(&finds, a, subject);
    if (result == 0 && !finds.count) {
        log_line("no row with %s %s in %s: neither dropped nor kept", by_id ? "id" : "URL", subject, a->steps.out);
        result = 1;
    } else if (result == 0) {
        finds_sort(&finds);
        result = audit_story(a, &finds, str_from(subject));
    }
    finds_free(&finds);
    return result;
}

static int audit_subjects(struct audit *a, const struct command_line *line, uint64_t limit)
{
    int code = EXIT_DONE;
    for (size_t i = 1; i < line->argument_count; i++) {
        int result = audit_subject(a, line->arguments[i], limit);
        if (result < 0) return -1;
        if (result > 0) code = EXIT_FAILED;
        else if (i + 1 < line->argument_count && buf_byte(&a->out, '\n') < 0) return -1;
    }
    return code;
}

static int audit_run(const struct command_line *line)
{
    const struct audit_options *o = line->options;
    const int lists = (o->rule != NULL) + (o->host != NULL);
    if (!line->argument_count) return fail_usage("expected OUT, then ids or URLs");
    if (lists > 1) return fail_usage("--rule and --host are two questions: ask them one by one");
    if (lists && line->argument_count > 1) return fail_usage("--%s lists rows of OUT: give ids and URLs without it", o->rule ? "rule" : "host");
    if (!lists && line->argument_count == 1) return fail_usage("expected ids or URLs behind %s, or --rule or --host", line->arguments[0]);
    struct audit a;
    int result = audit_open(&a, line->arguments[0]);
    if (result == 0 && o->rule) result = audit_list_rule(&a, o->rule, o->limit);
    else if (result == 0 && o->host) result = audit_list_host(&a, o->host);
    else if (result == 0) result = audit_subjects(&a, line, o->limit);
    audit_close(&a);
    if (result < 0 && file_closed_by_reader()) return EXIT_DONE;
    return result;
}

static const struct option options[] = {
    {"rule", 'r', OPTION_TEXT, offsetof(struct audit_options, rule), .argument = "RULE",
     .help = "list rows that this rule removed, with what it measured; a group's name stands for its rules"},
    {"host", 0, OPTION_TEXT, offsetof(struct audit_options, host), .argument = "HOST",
     .help = "count what became of rows whose picture is on this host or one below it"},
    {"limit", 0, OPTION_U64, offsetof(struct audit_options, limit), .argument = "N", .initial = "20", .help = "rows to show; 0 = all"},
    {0},
};

const struct command command_audit = {
    .name = "audit",
    .summary = "why a row is in or out: its whole path, the rule that removed it",
    .arguments = "[OPTIONS] OUT ID|URL...",
    .description = "Tells where a row came from (file, record, page), each step that it passed, and its end: the rule that removed it, "
                   "with what was measured, the bound and where that rule stands; or the shard and key where it lies. An id may occur "
                   "many times in a crawl: every occurrence is told. A URL names all rows whose picture or page it is.\n\n"
                   "Ids are looked up: one frame is unpacked for each hit, and index.sqlite is asked for samples. URLs, rules and hosts are "
                   "found by reading the dropped rows and those of the samples.\n\n"
                   "Exit code 1 when an id or URL is nowhere.",
    .example = "winnow audit --rule min_chars build/demo/OUT",
    .see_also = "report, get, view",
    .options = options,
    .options_size = sizeof(struct audit_options),
    .run = audit_run,
};

/* The command `report`: a run as a page, as text, as JSON. */
#include "reports/render.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/options.h"
#include "reports/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 1 << 30 };

struct report_options {
    const char *format, *output;
    bool funnel, show_unsafe;
    uint64_t tally;
};

struct report {
    const struct report_options *options;
    struct funnel funnel;
    struct stats stats;
    bool has_stats;
};

static int write_report(const char *path, struct str text)
{
    struct file_out out = {.fd = -1};
    bool to_stdout = strcmp(path, "-") == 0;
    int result = to_stdout ? file_create_stdout(&out) : file_create(&out, path);
    if (result == 0) result = file_write(&out, text);
    if (result < 0 && to_stdout && file_closed_by_reader()) result = 0; /* head and its like have seen enough */
    else if (result == 0) result = file_publish(&out);
    file_discard(&out);
    return result;
}

static int render(const struct report *r, const char *format, struct buf *out)
{
    const struct stats *stats = r->has_stats ? &r->stats : NULL;
    const struct page_options page = {.show_unsafe = r->options->show_unsafe};
    if (strcmp(format, "html") == 0) return page_html(&r->funnel, stats, &page, out);
    if (strcmp(format, "json") == 0) return funnel_json(&r->funnel, stats ? page_json(stats) : NULL, out);
    return funnel_text(&r->funnel, out) < 0 || (stats && page_text(stats, out) < 0) ? -1 : 0;
}

static int write_as(const struct report *r, const char *format, const char *path)
{
    struct buf text;
    buf_init(&text, REPORT_BYTES_MAX);
    int result = render(r, format, &text);
    if (result == 0) result = write_report(path, buf_str(&text));
    buf_free(&text);
    return result;
}

/* index.html and report.json into `folder`, which ends in a slash. */
static int write_folder(const struct report *r, const char *folder)
{
    char *page = NULL, *json = NULL;
    int result = asprintf(&page, "%sindex.html", folder) < 0 || asprintf(&json, "%sreport.json", folder) < 0 ? fail_memory() : 0;
    if (result == 0) result = write_as(r, "json", json);
    if (result == 0) result = write_as(r, "html", page);
    if (result == 0) log_line("%s: the page, and report.json beside it", page);
    free(page);
    free(json);
    return result;
}

/* Where the page goes when nothing else was said; NULL where the folder is no run but what one stage wrote. */
static char *own_folder(const struct funnel *f)
{
    char *folder = NULL;
    const struct step *first = &f->steps.list[0];
    size_t n = strlen(f->steps.out);
    if (strncmp(first->folder, f->steps.out, n) == 0 && strcmp(first->folder + n, "/") == 0) return NULL;
    return asprintf(&folder, "%s/report/", f->steps.out) < 0 ? NULL : folder;
}

/* Without --format: the page into its folder, the text to the terminal. */
static int write_all(const struct report *r)
{
    const char *output = r->options->output;
    char *own = output ? NULL : own_folder(&r->funnel);
    const char *folder = output ? output : own;
    int result = folder && r->has_stats ? write_folder(r, folder) : 0;
    if (result == 0) result = write_as(r, "text", "-");
    free(own);
    return result;
}

static int make(struct report *r)
{
    const struct report_options *o = r->options;
    bool to_folder = o->output && str_ends(str_from(o->output), STR("/"));
    if (o->funnel && (to_folder || (o->format && strcmp(o->format, "html") == 0))) return fail_usage("--funnel reads no rows, and the page is made of them");
    if (o->format && to_folder) return fail_usage("--format %s writes one file, and %s is a folder: leave --format out", o->format, o->output);
    if (!o->funnel) {
        r->has_stats = true;
        if (stats_gather(&r->stats, &r->funnel, o->tally) < 0) return -1;
    }
    if (!o->format && (!o->output || to_folder)) return write_all(r);
    return write_as(r, o->format ? o->format : "text", o->output ? o->output : "-");
}

static int report_run(const struct command_line *line)
{
    struct report r = {.options = line->options};
    if (line->argument_count > 1) return fail_usage("expected one OUT");
    int result = funnel_read(&r.funnel, line->argument_count ? line->arguments[0] : "OUT");
    if (result == 0) result = make(&r);
    stats_free(&r.stats);
    funnel_free(&r.funnel);
    return result;
}

static const struct option options[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct report_options, format), .argument = "KIND", .choices = "html|text|json",
     .help = "one of the page, columns for people, one JSON document"},
    {"output", 'o', OPTION_TEXT, offsetof(struct report_options, output), .argument = "FILE|FOLDER/",
     .help = "where to; written whole or not at all"},
    {"funnel", 0, OPTION_FLAG, offsetof(struct report_options, funnel), .help = "steps and rules alone, from the manifests, without reading rows"},
    {"show-unsafe", 0, OPTION_FLAG, offsetof(struct report_options, show_unsafe), .help = "show pictures whose score p_nsfw…, p_porn… or p_hentai… is over 0.1, too"},
    {"tally", 0, OPTION_U64, offsetof(struct report_options, tally), .argument = "N", .initial = "0", .hidden = true,
     .help = "most different captions and hosts that are kept count of"},
    {0},
};

const struct command command_report = {
    .name = "report",
    .summary = "what a run kept and dropped, and why: a page, text, JSON",
    .arguments = "[OPTIONS] [OUT]",
    .description = "Without --format, writes the page OUT/report/index.html, with all its numbers in OUT/report/report.json, and prints "
                   "the numbers as text; -o FOLDER/ puts both files elsewhere. With --format, writes that one form to standard output "
                   "or to -o FILE, and nothing else. Where OUT is a folder that one stage wrote, no page is made unless -o or --format "
                   "asks for it.\n\n"
                   "The funnel adds up the manifests: rows into and out of each step, every rule in its order with what it removed, "
                   "what it would have removed alone, its bound and where that stands; rules that could not be served; how fetching "
                   "ended; input that was lost, with file and offset. The rest is counted in one pass over the rows, kept and dropped, "
                   "in bounded memory: how every number lies that a rule looked at, and what another limit would keep; sizes, formats, "
                   "captions, hosts, duplicates; examples at every limit. --funnel leaves the rows alone and takes no time.\n\n"
                   "The page is one file that asks nothing of the network and needs no script. Pictures in it are small copies made "
                   "here. JSON is described by schemas/report.schema.json. A report may be asked while the run goes on: it tells of "
                   "the tasks that are done.",
    .example = "winnow report build/demo/OUT",
    .see_also = "audit, status, verify",
    .options = options,
    .options_size = sizeof(struct report_options),
    .run = report_run,
};

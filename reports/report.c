/* The command `report`: the funnel of a run, as text or JSON. */
#include "reports/render.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/file.h"
#include "pipeline/options.h"

#include <stdio.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 1 << 30 };

struct report_options {
    const char *format, *output;
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

static int report_run(const struct command_line *line)
{
    const struct report_options *o = line->options;
    if (line->argument_count > 1) return fail_usage("expected one OUT");
    struct funnel funnel;
    struct buf text;
    buf_init(&text, REPORT_BYTES_MAX);
    int result = funnel_read(&funnel, line->argument_count ? line->arguments[0] : "OUT");
    if (result == 0) result = strcmp(o->format, "json") == 0 ? funnel_json(&funnel, &text) : funnel_text(&funnel, &text);
    if (result == 0) result = write_report(o->output, buf_str(&text));
    buf_free(&text);
    funnel_free(&funnel);
    return result;
}

static const struct option options[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct report_options, format), .argument = "KIND", .initial = "text", .choices = "text|json",
     .help = "columns for people, or one JSON document"},
    {"output", 'o', OPTION_TEXT, offsetof(struct report_options, output), .argument = "FILE", .initial = "-", .help = "written whole or not at all"},
    {0},
};

const struct command command_report = {
    .name = "report",
    .summary = "how many rows each step and each rule kept and removed",
    .arguments = "[OPTIONS] [OUT]",
    .description = "Adds up the manifests in OUT: rows into and out of each step, every rule in its order with what it removed, what it "
                   "would have removed alone, its bound and where that stands; rules that could not be served; how fetching ended; "
                   "input that was lost, with file and offset; and what else a reader of the numbers should know. It changes nothing "
                   "and may be asked while the run goes on.\n\n"
                   "JSON is described by schemas/report.schema.json. OUT may also be a folder that one stage wrote.",
    .example = "winnow report build/demo/OUT",
    .see_also = "audit, status, verify",
    .options = options,
    .options_size = sizeof(struct report_options),
    .run = report_run,
};

/* The window `url`: what a reference on a page becomes, part by part, or why it is no URL. */
#include "crawl/charset/charset.h"
#include "crawl/url/domain.h"
#include "crawl/url/url.h"
#include "pipeline/base/fail.h"
#include "pipeline/options.h"

#include <stdio.h>

struct url_options {
    const char *charset;
};

/* A URL is printable ASCII: no cell needs escaping. */
static void print_url(const struct url *u)
{
    struct str host = url_host(u), domain = url_registrable_domain(host, u->host_kind);
    printf("%.*s\t%.*s\t%.*s\t%u\t", STR_ARG(u->href), STR_ARG(url_scheme(u)), STR_ARG(host), url_port(u));
    printf("%.*s\t%.*s\t%.*s\t%.*s\t", STR_ARG(url_path(u)), STR_ARG(url_query(u)), STR_ARG(url_fragment(u)), STR_ARG(domain));
    puts("ok\t");
}

static void print_refusal(enum url_status status)
{
    printf("\t\t\t\t\t\t\t\t%s\t%s\n", url_status_name(status), url_reason(status));
}

static int print_all(struct url_parser *bases, struct url_parser *parser, const struct command_line *line)
{
    const struct url_options *o = line->options;
    enum charset charset = charset_from_label(str_from(o->charset));
    if (charset == CHARSET_NONE) return fail_usage("--charset %s: no such charset; a page's label is meant, as in windows-1251", o->charset);
    const struct url_query_encoder encoder = {.append = charset_encode_query, .charset = (int)charset};
    const struct url_query_encoder *page = charset == CHARSET_UTF_8 ? NULL : &encoder;

    struct url base, u;
    enum url_status status = url_parse(bases, &base, NULL, str_from(line->arguments[0]), page);
    if (status == URL_FAILED) return -1;
    if (status != URL_OK) return fail_usage("BASE '%s': %s", line->arguments[0], url_reason(status));
    puts("href\tscheme\thost\tport\tpath\tquery\tfragment\tdomain\tstatus\treason");
    if (line->argument_count == 1) print_url(&base);
    for (size_t i = 1; i < line->argument_count; i++) {
        status = url_parse(parser, &u, &base, str_from(line->arguments[i]), page);
        if (status == URL_FAILED) return -1;
        if (status == URL_OK) print_url(&u);
        else print_refusal(status);
    }
    return EXIT_DONE;
}

static int url_run(const struct command_line *line)
{
    if (line->argument_count == 0) return fail_usage("a BASE is missing: winnow url https://example.com/page.html ../a.jpg");
    struct url_parser bases = {0}, parser = {0};
    int code = url_parser_init(&bases) < 0 || url_parser_init(&parser) < 0 ? -1 : print_all(&bases, &parser, line);
    url_parser_free(&bases);
    url_parser_free(&parser);
    return code;
}

static const struct option options[] = {
    {"charset", 0, OPTION_TEXT, offsetof(struct url_options, charset), .argument = "LABEL", .initial = "utf-8",
     .help = "the page's charset, in which queries are sent"},
    {0},
};

const struct command command_url = {
    .name = "url",
    .summary = "show what references on a page become",
    .arguments = "[OPTIONS] BASE [REF...]",
    .description = "Resolves each REF against BASE by the URL standard and prints a tab-separated line for it, after a header: the whole "
                   "href, its parts, the registrable domain of its host (by the public suffix list), and a status: ok, or what is "
                   "wrong, with the reason. Without a REF it prints BASE. The port is the scheme's own where none is written.\n\n"
                   "The column `url` of rows is the href without its fragment.",
    .example = "winnow url https://www.example.co.uk/a/page.html '../pics/one two.jpg?w=1#top' //0x7f.1/x data:,",
    .see_also = "extract, warc, image",
    .options = options,
    .options_size = sizeof(struct url_options),
    .run = url_run,
};

/* Parsing and printing of option tables. A row stage's command has two tables: its own and the harness's
 * (stage_option_table); both fill structs by offset. */
#include "pipeline/options.h"

#include "pipeline/base/fail.h"
#include "pipeline/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* One table and the struct that it fills. */
struct target {
    const struct option *table;
    char *fields;
};

static bool is_end(const struct option *o) { return !o->name; }

static void *field(const struct target *t, const struct option *o) { return t->fields + o->offset; }

/* ---- values */

static int set_list(struct option_list *list, const struct option *o, const char *value)
{
    struct str rest = str_from(value);
    while (rest.p) {
        struct str item = o->split ? str_cut(&rest, ',') : rest;
        if (!o->split) rest = STR_ABSENT;
        const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
        char *copy = strndup(item.p, item.n);
        if (items) list->items = items;
        if (!items || !copy) return free(copy), fail_memory();
        list->items[list->count++] = copy;
    }
    return 0;
}

/* As it would be typed: "1M", "2147483647", "0.5". */
static const char *show_bound(char out[32], const struct option *o, double bound)
{
    static const char units[] = "KMGTP";
    double whole = bound < 0x1p53 ? bound : 0;
    const char *unit = "";
    for (int i = 0; o->type == OPTION_SIZE && units[i] && whole >= 1024 && whole == 1024 * (double)(uint64_t)(whole / 1024); i++) {
        whole /= 1024;
        unit = units + i;
    }
    if (whole == (double)(int64_t)whole && whole != 0) snprintf(out, 32, "%.0f%.1s", whole, unit);
    else snprintf(out, 32, "%g", bound);
    return out;
}

static int check_range(const struct option *o, double value, const char *text)
{
    char low[32], high[32];
    if (o->high <= o->low || (value >= o->low && value <= o->high)) return 0;
    return fail_usage("--%s %s: expected %s to %s", o->name, text, show_bound(low, o, o->low), show_bound(high, o, o->high));
}

static bool is_choice(const char *choices, const char *value)
{
    struct str rest = str_from(choices);
    while (rest.p)
        if (str_eq(str_cut(&rest, '|'), str_from(value))) return true;
    return false;
}

static int set_value(const struct target *t, const struct option *o, const char *value)
{
    struct str s = str_from(value);
    uint64_t number = 0;
    double real = 0;
    switch (o->type) {
    case OPTION_FLAG: *(bool *)field(t, o) = true; return 0;
    case OPTION_TEXT:
    case OPTION_FILE: *(const char **)field(t, o) = value; return 0;
    case OPTION_CHOICE:
        if (!is_choice(o->choices, value)) return fail_usage("--%s %s: expected one of %s", o->name, value, o->choices);
        *(const char **)field(t, o) = value;
        return 0;
    case OPTION_U64:
        if (str_to_u64(s, &number) < 0) return fail_usage("--%s %s: expected a whole number", o->name, value);
        *(uint64_t *)field(t, o) = number;
        return check_range(o, (double)number, value);
    case OPTION_SIZE:
        if (str_to_size(s, &number) < 0) return fail_usage("--%s %s: expected a size such as 512M or 4G", o->name, value);
        *(uint64_t *)field(t, o) = number;
        return check_range(o, (double)number, value);
    case OPTION_DOUBLE:
        if (str_to_double(s, &real) < 0) return fail_usage("--%s %s: expected a number", o->name, value);
        *(double *)field(t, o) = real;
        return check_range(o, real, value);
    case OPTION_LIST: return set_list(field(t, o), o, value);
    }
    return fail("option --%s has no type", o->name);
}

static int set_defaults(const struct target *t)
{
    for (const struct option *o = t->table; o && !is_end(o); o++)
        if (o->initial && o->type != OPTION_FLAG && set_value(t, o, o->initial) < 0) return -1;
    return 0;
}

int options_value(struct buf *out, const struct option *o, const void *options)
{
    const char *at = (const char *)options + o->offset;
    const char *text;
    switch (o->type) {
    case OPTION_FLAG: return buf_add(out, *(const bool *)at ? STR("true") : STR("false"));
    case OPTION_TEXT:
    case OPTION_FILE:
    case OPTION_CHOICE:
        text = *(const char *const *)at;
        return text ? buf_add(out, str_from(text)) : 0;
    case OPTION_U64:
    case OPTION_SIZE: return buf_u64(out, *(const uint64_t *)at);
    case OPTION_DOUBLE: return buf_double(out, *(const double *)at);
    case OPTION_LIST: {
        const struct option_list *list = (const struct option_list *)(const void *)at;
        for (size_t i = 0; i < list->count; i++)
            if ((i && buf_byte(out, ',') < 0) || buf_add(out, str_from(list->items[i])) < 0) return -1;
        return 0;
    }
    }
    return 0;
}

/* ---- parsing */

struct parse {
    const struct command *command;
    struct target targets[2]; /* the command's own, the harness's */
    const char **arguments;
    size_t argument_count;
    const struct option **given;
    size_t given_count;
};

static const struct option *find_long(const struct parse *p, struct str name, const struct target **t)
{
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = p->targets[i].table; o && !is_end(o); o++)
            if (str_eq(name, str_from(o->name))) return *t = &p->targets[i], o;
    return NULL;
}

static const struct option *find_letter(const struct parse *p, char letter, const struct target **t)
{
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = p->targets[i].table; o && !is_end(o); o++)
            if (o->letter == letter) return *t = &p->targets[i], o;
    return NULL;
}

static int unknown_option(const struct parse *p, struct str name, const char *shown)
{
    const char *nearest = NULL;
    size_t best = 3; /* more than two slips is another word */
    for (size_t i = 0; i < 2; i++)
        for (const struct option *o = p->targets[i].table; o && !is_end(o); o++) {
            size_t distance = str_distance(name, str_from(o->name));
            if (!o->hidden && distance < best) best = distance, nearest = o->name;
        }
    return fail_usage("unknown option '%s'%s%s%s 'winnow %s --help' lists them", shown, nearest ? "; did you mean --" : "",
                      nearest ? nearest : "", nearest ? "?" : ":", p->command->name);
}

static void clear_list(struct option_list *list)
{
    while (list->count) free((char *)list->items[--list->count]);
}

static int take(struct parse *p, const struct target *t, const struct option *o, const char *value)
{
    bool again = false;
    for (size_t i = 0; i < p->given_count && !again; i++) again = p->given[i] == o;
    if (o->type == OPTION_LIST && !again) clear_list(field(t, o)); /* of what stood there unasked */
    p->given[p->given_count++] = o;
    return set_value(t, o, value);
}

static int parse_long(struct parse *p, const char *argument, char **argv, int argc, int *i)
{
    struct str rest = str_from(argument + 2), name = str_cut(&rest, '=');
    const struct target *t = NULL;
    const struct option *o = find_long(p, name, &t);
    if (!o) return unknown_option(p, name, argument);
    if (o->type == OPTION_FLAG) {
        if (rest.p) return fail_usage("--%s takes no value", o->name);
        return take(p, t, o, NULL);
    }
    if (rest.p) return take(p, t, o, rest.p);
    if (*i + 1 >= argc) return fail_usage("--%s needs a value: %s", o->name, o->argument ? o->argument : "VALUE");
    return take(p, t, o, argv[++*i]);
}

static int parse_letters(struct parse *p, const char *argument, char **argv, int argc, int *i)
{
    for (const char *letter = argument + 1; *letter; letter++) {
        const struct target *t = NULL;
        const struct option *o = find_letter(p, *letter, &t);
        if (!o) return unknown_option(p, str_of(letter, 1), argument);
        if (o->type == OPTION_FLAG) {
            if (take(p, t, o, NULL) < 0) return -1;
            continue;
        }
        if (letter[1]) return take(p, t, o, letter[1] == '=' ? letter + 2 : letter + 1);
        if (*i + 1 >= argc) return fail_usage("-%c needs a value: %s", *letter, o->argument ? o->argument : "VALUE");
        return take(p, t, o, argv[++*i]);
    }
    return 0;
}

static int parse_arguments(struct parse *p, int argc, char **argv)
{
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        int result = 0;
        if (options_ended || a[0] != '-' || !a[1]) {
            p->arguments[p->argument_count++] = a;
        } else if (strcmp(a, "--") == 0) {
            options_ended = true;
        } else if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            options_help(stdout, p->command);
            return 1;
        } else {
            result = a[1] == '-' ? parse_long(p, a, argv, argc, &i) : parse_letters(p, a, argv, argc, &i);
        }
        if (result < 0) return -1;
    }
    return 0;
}

static void free_target(const struct target *t)
{
    for (const struct option *o = t->table; t->fields && o && !is_end(o); o++) {
        if (o->type != OPTION_LIST) continue;
        struct option_list *list = field(t, o);
        for (size_t i = 0; i < list->count; i++) free((char *)list->items[i]);
        free(list->items);
    }
    free(t->fields);
}

int options_parse(const struct command *command, int argc, char **argv, struct command_line *line)
{
    struct parse p = {.command = command};
    size_t letters = 0; /* each letter of an argument may be an option */
    for (int i = 0; i < argc; i++) letters += strlen(argv[i]);
    p.targets[0] = (struct target){command->options, calloc(1, command->options_size ? command->options_size : 1)};
    p.targets[1] = (struct target){command->stage ? stage_option_table() : NULL, calloc(1, sizeof(struct stage_options))};
    p.arguments = calloc((size_t)argc + 1, sizeof *p.arguments);
    p.given = calloc(letters + 1, sizeof *p.given);
    int result = p.targets[0].fields && p.targets[1].fields && p.arguments && p.given ? 0 : fail_memory();
    for (int i = 0; i < 2 && result == 0; i++) result = set_defaults(&p.targets[i]);
    if (result == 0) result = parse_arguments(&p, argc, argv);
    *line = (struct command_line){.command = command, .options = p.targets[0].fields, .stage_options = p.targets[1].fields,
                                  .arguments = p.arguments, .argument_count = p.argument_count, .given = p.given, .given_count = p.given_count};
    if (result) options_free(line);
    return result;
}

void options_free(struct command_line *line)
{
    const struct target own = {line->command->options, (char *)line->options};
    const struct target harness = {line->command->stage ? stage_option_table() : NULL, (char *)line->stage_options};
    free_target(&own);
    free_target(&harness);
    free((void *)line->arguments);
    free(line->given);
    *line = (struct command_line){.command = line->command};
}

bool options_given(const struct command_line *line, const char *name)
{
    for (size_t i = 0; i < line->given_count; i++)
        if (strcmp(line->given[i]->name, name) == 0) return true;
    return false;
}

/* ---- printing */

enum { HELP_COLUMN = 26, HELP_WIDTH = 100 };

/* Words of `text`, wrapped; lines after the first are indented. `at` is where the cursor stands. A line end of the text ends the
 * line, two make a paragraph. */
static void wrap(FILE *out, const char *text, int indent, int at)
{
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (!first && at + 1 + (int)n > HELP_WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, n, out);
        at += (int)n;
        first = false;
        text += n;
        if (text[0] == '\n') {
            fprintf(out, "%s\n%*s", text[1] == '\n' ? "\n" : "", indent, "");
            at = indent;
            first = true;
        }
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

static void help_option(FILE *out, const struct option *o)
{
    char head[128], letter[8] = "   ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c,", o->letter);
    const char *argument = o->type == OPTION_FLAG ? NULL : o->argument ? o->argument : o->choices ? o->choices : "VALUE";
    int n = snprintf(head, sizeof head, "  %s --%s%s%s", letter, o->name, argument ? " " : "", argument ? argument : "");
    fputs(head, out);
    if (n >= HELP_COLUMN) {
        fprintf(out, "\n%*s", HELP_COLUMN, "");
    } else {
        fprintf(out, "%*s", HELP_COLUMN - n, "");
    }
    char text[1024];
    n = snprintf(text, sizeof text, "%s", o->help);
    if (o->choices && o->argument) n += snprintf(text + n, sizeof text - (size_t)n, ": %s", o->choices);
    if (o->initial && o->type != OPTION_FLAG) snprintf(text + n, sizeof text - (size_t)n, " [%s]", o->initial);
    wrap(out, text, HELP_COLUMN, HELP_COLUMN);
}

static void help_table(FILE *out, const char *title, const struct option *table)
{
    if (!table || is_end(table)) return;
    fprintf(out, "\n%s\n", title);
    for (const struct option *o = table; !is_end(o); o++)
        if (!o->hidden) help_option(out, o);
}

static void indented(FILE *out, const char *text, const char *indent)
{
    for (struct str rest = str_from(text); rest.p;) {
        struct str line = str_cut(&rest, '\n');
        fprintf(out, "%s%.*s\n", indent, STR_ARG(line));
    }
}

void options_help(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: winnow %s %s\n", command->name, command->arguments);
    wrap(out, command->description, 0, 0);
    help_table(out, "Options", command->options);
    if (command->stage) help_table(out, "Every row stage", stage_option_table());
    if (command->example) {
        fprintf(out, "\nExample\n");
        indented(out, command->example, "  ");
    }
    if (command->stage) fprintf(out, "\nExit codes\n  0 done, 1 failed, 2 usage, 3 done, input damaged, 4 interrupted: run again to resume\n");
    if (command->see_also) fprintf(out, "\nSee also: %s\n", command->see_also);
}

/* roff: a line must not begin with . or ', and backslashes and dashes are doubled. `line_end`: what a line end of the text becomes;
 * two make a paragraph. */
static void roff_lines(FILE *out, const char *text, const char *line_end)
{
    bool line_start = true;
    for (; *text; text++) {
        bool ends = *text == '\n', paragraph = ends && text[1] == '\n';
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\') fputs("\\e", out);
        else if (*text == '-') fputs("\\-", out);
        else if (ends) fputs(paragraph ? "\n.PP\n" : line_end, out);
        else fputc(*text, out);
        line_start = ends;
        text += paragraph;
    }
    fputc('\n', out);
}

static void roff(FILE *out, const char *text) { roff_lines(out, text, "\n"); }

static void man_table(FILE *out, const char *title, const struct option *table)
{
    if (!table || is_end(table)) return;
    fprintf(out, ".SS %s\n", title);
    for (const struct option *o = table; !is_end(o); o++) {
        if (o->hidden) continue;
        fprintf(out, ".TP\n");
        if (o->letter) fprintf(out, "\\fB\\-%c\\fR, ", o->letter);
        fprintf(out, "\\fB\\-\\-%s\\fR", o->name);
        if (o->type != OPTION_FLAG) fprintf(out, " \\fI%s\\fR", o->argument ? o->argument : o->choices ? o->choices : "VALUE");
        fputc('\n', out);
        roff(out, o->help);
        if (o->choices && o->argument) fprintf(out, "One of %s.\n", o->choices);
        if (o->initial && o->type != OPTION_FLAG) fprintf(out, "Default: %s.\n", o->initial);
    }
}

void options_man(FILE *out, const struct command *command, const char *version)
{
    fprintf(out, ".TH WINNOW\\-%s 1 \"\" \"winnow %s\" \"winnow manual\"\n.SH NAME\nwinnow\\-%s \\- ", command->name, version, command->name);
    roff(out, command->summary);
    fprintf(out, ".SH SYNOPSIS\n.B winnow %s\n", command->name);
    roff(out, command->arguments);
    fprintf(out, ".SH DESCRIPTION\n");
    roff_lines(out, command->description, "\n.br\n");
    if (command->options || command->stage) fprintf(out, ".SH OPTIONS\n");
    man_table(out, "Options of this command", command->options);
    if (command->stage) man_table(out, "Options of every row stage", stage_option_table());
    if (command->example) {
        fprintf(out, ".SH EXAMPLE\n.nf\n");
        roff(out, command->example);
        fprintf(out, ".fi\n");
    }
    if (command->stage)
        fprintf(out, ".SH EXIT STATUS\n0 done; 1 failed; 2 wrong usage, missing column, rows out of order; 3 done and published, but "
                     "input was damaged; 4 interrupted, run again to resume.\n");
    if (command->see_also) {
        fprintf(out, ".SH SEE ALSO\n");
        for (struct str rest = str_from(command->see_also); rest.p;) {
            struct str name = str_trim(str_cut(&rest, ','));
            fprintf(out, ".BR winnow\\-%.*s (1)%s\n", STR_ARG(name), rest.p ? "," : "");
        }
    }
}

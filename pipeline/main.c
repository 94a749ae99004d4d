/* winnow: the list of commands, help, version. */
#include "filters/preset.h"
#include "pipeline/base/fail.h"
#include "pipeline/base/log.h"
#include "pipeline/commands.h"
#include "pipeline/stage.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void list_commands(FILE *out)
{
    size_t count;
    const struct command_entry *table = command_entries(&count);
    fprintf(out, "winnow %s: turns web crawls into image-text corpora, and can say of every pair why it is in or out.\n\n"
                 "Usage: winnow COMMAND [OPTIONS] [ARGUMENTS...]      winnow COMMAND --help\n", WINNOW_VERSION);
    for (size_t i = 0; i < count; i++) {
        if (table[i].group && i + 1 < count && table[i + 1].command) fprintf(out, "\n%s\n", table[i].group);
        else if (table[i].command) fprintf(out, "  %-10s %s\n", table[i].command->name, table[i].command->summary);
    }
    fprintf(out, "\nNew here? 'winnow init' writes a recipe, 'winnow run' runs it. 'winnow help --filters' lists the filters.\n");
}

static int unknown_command(const char *name)
{
    const char *nearest = command_nearest(str_from(name));
    return fail_usage("unknown command '%s'%s%s%s: 'winnow' alone lists them", name, nearest ? "; did you mean " : "",
                      nearest ? nearest : "", nearest ? "?" : "");
}

static void completion_options(const struct option *options)
{
    for (const struct option *o = options; o && o->name; o++)
        if (!o->hidden) printf(" --%s", o->name);
}

/* One function for bash: names after `winnow`, options after a dash, files elsewhere. */
static int print_completion(void)
{
    size_t count;
    const struct command_entry *table = command_entries(&count);
    printf("_winnow() {\n    local word=${COMP_WORDS[COMP_CWORD]} options=\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        COMPREPLY=($(compgen -W \"help");
    for (size_t i = 0; i < count; i++)
        if (table[i].command) printf(" %s", table[i].command->name);
    printf("\" -- \"$word\"))\n        return\n    fi\n    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < count; i++) {
        if (!table[i].command) continue;
        printf("    %s) options=\"--help", table[i].command->name);
        completion_options(table[i].command->options);
        if (table[i].command->stage) completion_options(stage_option_table());
        printf("\" ;;\n");
    }
    printf("    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
           "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n    esac\n}\ncomplete -F _winnow winnow\n");
    return EXIT_DONE;
}

static int help(int argc, char **argv)
{
    if (argc == 0) return list_commands(stdout), EXIT_DONE;
    const char *what = argv[0], *name = argc > 1 ? argv[1] : NULL;
    if (strcmp(what, "--filters") == 0) return filters_print_table(stdout), EXIT_DONE;
    bool of_preset = strcmp(what, "--preset") == 0;
    if (of_preset && name && strcmp(name, "--diff") == 0) argc--, argv++, what = name;
    if (strcmp(what, "--diff") == 0)
        return argc == 3 ? preset_print_diff(stdout, argv[1], argv[2])
                         : fail_usage("--diff wants two presets: winnow help --preset --diff cc3m cc12m");
    if (of_preset) return name ? preset_print(stdout, name) : preset_print_names(stdout);
    if (strcmp(what, "--commands") == 0) {
        size_t count;
        const struct command_entry *table = command_entries(&count);
        for (size_t i = 0; i < count; i++)
            if (table[i].command) puts(table[i].command->name);
        return EXIT_DONE;
    }
    if (strcmp(what, "--completion") == 0) return print_completion();
    bool man = strcmp(what, "--man") == 0 && name;
    const struct command *command = command_find(str_from(man ? name : what));
    if (!command) return unknown_command(man ? name : what);
    if (man) options_man(stdout, command, WINNOW_VERSION);
    else options_help(stdout, command);
    return EXIT_DONE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) return list_commands(stdout), EXIT_DONE;
    if (strcmp(argv[1], "--version") == 0) return printf("winnow %s\n", WINNOW_VERSION), EXIT_DONE;
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return help(argc - 2, argv + 2);
    const struct command *command = command_find(str_from(argv[1]));
    if (!command) return unknown_command(argv[1]);
    log_name(command->name);
    struct command_line line;
    int parsed = options_parse(command, argc - 2, argv + 2, &line);
    if (parsed) return parsed < 0 ? -1 : EXIT_DONE;
    int code = command->run ? command->run(&line) : stage_main(&line);
    options_free(&line);
    return code;
}

/* Whoever reads a window's lines (head, less) has seen enough. Commands that do more than print ignore the signal. */
static void reader_is_gone(int number)
{
    (void)number;
    _exit(EXIT_DONE);
}

/* What was printed did not all arrive, and not because its reader had enough. Commands that ignore SIGPIPE come here too. */
static bool output_is_lost(void)
{
    bool failed = fflush(stdout) != 0;
    struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (!failed && !ferror(stdout)) return false;
    bool gone = (failed && errno == EPIPE) || (poll(&reader, 1, 0) == 1 && reader.revents & (POLLERR | POLLHUP));
    return !gone;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, reader_is_gone);
    int code = dispatch(argc, argv);
    if (code < 0) {
        log_fail();
        code = (int)fail_code();
    }
    if (!output_is_lost() || code != EXIT_DONE) return code;
    log_line("standard output could not be written: is its disk full?");
    return EXIT_FAILED;
}

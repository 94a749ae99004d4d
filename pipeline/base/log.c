/* Lines on stderr. The command's name and the wiper are set once, before threads exist. */
#include "pipeline/base/log.h"

#include "pipeline/base/fail.h"
#include "pipeline/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_BYTES = 16 << 10 };

static const char *command_name = "";
static void (*wiper)(void);

void log_name(const char *command) { command_name = command; }
void log_wiper(void (*wipe)(void)) { wiper = wipe; }

int log_mask(struct buf *out, struct str message)
{
    for (size_t at = 0; at < message.n;) {
        size_t start = at;
        uint32_t c = utf8_next(message, &at);
        bool odd = c == UTF8_INVALID || c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
                   (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069); /* line ends and direction changes */
        if (!odd && buf_add(out, str_of(message.p + start, at - start)) < 0) return -1;
        for (size_t i = start; odd && i < at; i++)
            if (buf_printf(out, "\\x%02x", (unsigned char)message.p[i]) < 0) return -1;
    }
    return 0;
}

static void put(const char *message)
{
    char head[128];
    struct buf line;
    buf_init(&line, LINE_BYTES);
    int n = snprintf(head, sizeof head, "winnow%s%s: ", *command_name ? " " : "", command_name);
    buf_add(&line, str_of(head, (size_t)n));
    log_mask(&line, str_from(message)); /* a message over the ceiling is cut: nothing better can be said */
    buf_reserve(&line, 1);
    if (line.room > line.n) line.p[line.n++] = '\n';
    if (wiper) wiper();
    ssize_t ignored = write(STDERR_FILENO, line.p, line.n);
    (void)ignored;
    buf_free(&line);
}

void log_line(const char *format, ...)
{
    char message[LINE_BYTES / 4];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put(message);
}

void log_fail(void) { put(fail_message()); }

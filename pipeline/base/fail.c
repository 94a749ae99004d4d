/* Failing with a sentence: one buffer a thread. Longer sentences are cut; 4 KiB hold two paths. */
#include "pipeline/base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 4096 };

static _Thread_local char message[MESSAGE_BYTES];
static _Thread_local enum exit_code code = EXIT_FAILED;
static _Thread_local bool is_memory;

/* By way of a second buffer: an argument may be the sentence that is replaced. */
static int set(enum exit_code new_code, const char *format, va_list arguments)
{
    char text[MESSAGE_BYTES];
    vsnprintf(text, sizeof text, format, arguments);
    memcpy(message, text, strlen(text) + 1);
    code = new_code;
    is_memory = false;
    return -1;
}

int fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(EXIT_FAILED, format, arguments);
    va_end(arguments);
    return -1;
}

int fail_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set(EXIT_USAGE, format, arguments);
    va_end(arguments);
    return -1;
}

int fail_memory(void)
{
    fail("out of memory");
    is_memory = true;
    return -1;
}

bool fail_is_memory(void) { return is_memory; }

int fail_errno(const char *format, ...)
{
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    set(EXIT_FAILED, format, arguments);
    va_end(arguments);
    size_t n = strlen(message);
    snprintf(message + n, sizeof message - n, ": %s", strerror(error));
    return -1;
}

void fail_prefix(const char *format, ...)
{
    char tail[MESSAGE_BYTES];
    memcpy(tail, message, sizeof tail);
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (n >= 0 && (size_t)n < sizeof message) {
        size_t room = sizeof message - (size_t)n - 1, length = strnlen(tail, sizeof tail);
        if (length > room) length = room;
        memcpy(message + n, tail, length);
        message[(size_t)n + length] = 0;
    }
}

const char *fail_message(void) { return message; }
enum exit_code fail_code(void) { return code; }

void fail_set(enum exit_code new_code, const char *new_message)
{
    if (new_message != message) snprintf(message, sizeof message, "%s", new_message);
    code = new_code;
}

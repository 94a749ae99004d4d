/* Failing with a sentence.
 *
 * A function that can fail returns 0 or -1 and says why once, where it knows most:
 *
 *     return fail("%s: record %llu: chunk size is not hexadecimal", name, (unsigned long long)record);
 *
 * The sentence stays with the thread until the next fail(); callers may put context in front; only main and the stage
 * harness print it. Sentences have no capital and no full stop; they say what was found, what was expected, what to do.
 * Bytes that came from outside may stand in a sentence as they are: they are masked when it is printed.
 */
#ifndef WINNOW_FAIL_H
#define WINNOW_FAIL_H

#include <stdbool.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,      /* no input readable, a cut row stream, disk full, out of memory */
    EXIT_USAGE = 2,       /* wrong usage or recipe, a missing column, rows out of order, OUT locked or of another recipe */
    EXIT_DAMAGED = 3,     /* done and published, but more of the input than --tolerate could not be read */
    EXIT_INTERRUPTED = 4, /* can be resumed */
};

int fail(const char *format, ...) __attribute__((format(printf, 1, 2), cold));       /* -1; exit code 1 */
int fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2), cold)); /* -1; exit code 2 */
int fail_memory(void) __attribute__((cold));                                         /* -1; "out of memory" */
int fail_errno(const char *format, ...) __attribute__((format(printf, 1, 2), cold)); /* -1; appends ": " and strerror(errno) */
void fail_prefix(const char *format, ...) __attribute__((format(printf, 1, 2), cold)); /* puts context before the sentence */
const char *fail_message(void);  /* the thread's last sentence, "" when there is none; valid until the next fail */
enum exit_code fail_code(void);  /* EXIT_FAILED or EXIT_USAGE, of the last sentence */
bool fail_is_memory(void);       /* the last sentence is fail_memory()'s: no fault of the input, so never counted as its damage */
void fail_set(enum exit_code code, const char *message); /* hands a sentence over from another thread */

#endif

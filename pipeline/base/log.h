/* What a person sees on stderr: one line at a time, never torn, with bytes from outside masked. */
#ifndef WINNOW_LOG_H
#define WINNOW_LOG_H

#include "pipeline/base/buf.h"

/* Writes "winnow COMMAND: message" and a line feed in one write. Control bytes, escapes and damaged UTF-8 in the message are
 * shown as \xHH, so that a hostile file name or header cannot move the cursor. A progress line that stands on the terminal
 * is wiped first. Any thread. */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_fail(void);                    /* the thread's fail_message() as a line */
void log_name(const char *command);     /* what stands behind "winnow"; before threads exist */
void log_wiper(void (*wipe)(void));     /* called before each line; progress.c sets it */
int log_mask(struct buf *out, struct str message); /* the masking alone; appends */

#endif

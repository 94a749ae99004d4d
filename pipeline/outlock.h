/* The lock of an output folder: one run at a time. */
#ifndef WINNOW_OUTLOCK_H
#define WINNOW_OUTLOCK_H

/* Makes OUT/lock/. A lock whose owner on this machine is dead is taken over; a living one, or one of another machine, is a
 * usage failure that names it. */
int outlock_take(const char *out);
void outlock_release(const char *out);

#endif

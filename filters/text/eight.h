/* Eight bytes at a time in one register (SWAR): a byte's verdict is its high bit. Private to the kernels of filters/.
 *
 * The sums below never carry from one byte into the next, since each byte's high bit is taken away first. */
#ifndef WINNOW_FILTERS_EIGHT_H
#define WINNOW_FILTERS_EIGHT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH EACH(0x80)

static inline uint64_t eight_load(const char *p) /* the first byte is the lowest one */
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return le64toh(w);
}
static inline size_t eight_count(uint64_t verdicts) { return (size_t)(((verdicts >> 7) * EACH(1)) >> 56); }
static inline uint64_t eight_not_ascii(uint64_t w) { return w & HIGH; }
static inline uint64_t eight_below(uint64_t w, unsigned limit) /* ASCII bytes below `limit`, which is at most 0x80 */
{
    return ~(((w & ~HIGH) + EACH(0x80 - limit)) | w) & HIGH;
}
static inline uint64_t eight_equal(uint64_t w, unsigned ascii) /* bytes that are that ASCII byte */
{
    return ~((((w & ~HIGH) ^ EACH(ascii)) + EACH(0x7F)) | w) & HIGH;
}

#endif

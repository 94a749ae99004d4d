/* Letters without Unicode's tables: what language models need of them, by ranges.
 *
 * letters_lower has the case pairs of Latin, Greek, Cyrillic and Armenian that a fixed distance or evenness gives; letters_is takes
 * every code point from U+00C0 on for a letter that is not in a block of marks, symbols or spaces. Both are parts of the models'
 * definition: they do not follow newer versions of Unicode.
 */
#ifndef WINNOW_LETTERS_H
#define WINNOW_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

static inline uint32_t letters_lower(uint32_t c)
{
    if (c < 0x80) return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    if (c < 0x100) return c >= 0xC0 && c <= 0xDE && c != 0xD7 ? c + 32 : c;
    if (c < 0x180) { /* U+0130 has no partner here */
        if (c <= 0x137 || (c >= 0x14A && c <= 0x177)) return c % 2 == 0 && c != 0x130 ? c + 1 : c;
        return ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) && c % 2 == 1 ? c + 1 : c;
    }
    if (c >= 0x391 && c <= 0x3AB && c != 0x3A2) return c + 32;
    if (c >= 0x386 && c <= 0x38A) return c == 0x386 ? 0x3AC : c + 37;
    if (c >= 0x410 && c <= 0x42F) return c + 32;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    if (c >= 0x48A && c <= 0x4BF) return c | 1;
    if (c >= 0x4D0 && c <= 0x52F) return c | 1;
    if (c >= 0x531 && c <= 0x556) return c + 48;
    if (c >= 0x1E00 && c <= 0x1EFF && (c < 0x1E96 || c >= 0x1EA0)) return c | 1;
    return c;
}

static inline bool letters_is(uint32_t c)
{
    if (c < 0x80) return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    if (c < 0xC0) return c == 0xAA || c == 0xB5 || c == 0xBA;
    if (c == 0xD7 || c == 0xF7) return false;
    if (c >= 0x2000 && c <= 0x2BFF) return c == 0x200C || c == 0x200D; /* marks, currencies, arrows, mathematics; joiners are of words */
    if (c >= 0x3000 && c <= 0x3020) return c == 0x3005;
    if (c >= 0xFE00 && c <= 0xFE6F) return false;
    if (c >= 0xFF00 && c <= 0xFF20) return false;
    if (c >= 0xFFE0 && c <= 0xFFFF) return false;
    return !(c >= 0x1F000 && c <= 0x1FAFF) && c != 0x60C && c != 0x61B && c != 0x61F && c != 0x6D4 && c != 0x964 && c != 0x965;
}

#endif

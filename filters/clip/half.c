#include "filters/clip/half.h"

#include <string.h>

/* Adding 2^13 times its own power of two shifts a number's last 13 bits out, rounded; below 2^-14 halves have a fixed unit of
 * 2^-24, which adding 0.5 brings to the lowest bit of a float. */
uint16_t half_of_float(float x)
{
    uint32_t bits, sign;
    memcpy(&bits, &x, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00); /* no number */
    if (bits >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* 65520 and more */
    if (bits < 0x38800000) { /* below 2^-14 */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | (bits - 0x38000000) >> 13);
}

float half_to_float(uint16_t h)
{
    uint32_t exponent = h >> 10 & 31, bits = (uint32_t)(h & 1023) << 13;
    float x;
    if (exponent == 0) { /* 0, or without the leading 1 */
        x = (float)(h & 1023) * 0x1p-24f;
        return h & 0x8000 ? -x : x;
    }
    bits |= (exponent == 31 ? 255 : exponent + 112) << 23 | (uint32_t)(h & 0x8000) << 16;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Personal data in short texts: addresses and numbers that name a person or an account.
 *
 *     struct pii_span spans[PII_SPANS_MOST];
 *     size_t count = pii_find(text, spans, PII_SPANS_MOST);
 *     pii_mask(&out, text, spans, count);              "write to [EMAIL]"
 *
 * Found are, first come first served from the left:
 *   EMAIL  a local part of RFC 5321's dot-atoms and a domain that ends in a public suffix of publicsuffix.org's list
 *   IBAN   country, check digits, the country's length; the number is 1 modulo 97
 *   CARD   13 to 19 digits of an issuer's range (Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Maestro),
 *          single spaces or hyphens between them, check digit by Luhn
 *   SSN    US: three, two and four digits with hyphens; no area 000, 666, 900-999, no group 00, no serial 0000
 *   ID     with their check characters: Spain's DNI and NIE, France's NIR, Brazil's CPF (with its dots), Poland's PESEL
 *   IPV4   four octets without leading zeros; not behind "v" or "version"
 *   PHONE  "+" and 8 to 15 digits; or 7 to 12 digits in groups as telephone numbers are written: an area code in parentheses or
 *          with a leading 0 or 1, or 3-3-4 or 3-4 digits with hyphens or points; or any 7 to 15 digits behind "tel", "phone",
 *          "call", "fax", "mobile", "whatsapp". No dates, sizes, prices, decimal numbers, ISBN and EAN with right check digits
 *
 * What stands in a list without separators (order numbers, picture ids) is no telephone number. Any thread, no allocation, time
 * linear in the text.
 */
#ifndef WINNOW_PII_H
#define WINNOW_PII_H

#include "pipeline/base/buf.h"

enum pii_kind { PII_EMAIL, PII_IBAN, PII_CARD, PII_SSN, PII_ID, PII_IPV4, PII_PHONE, PII_KINDS };
extern const char *const pii_names[PII_KINDS]; /* "EMAIL" ... */

struct pii_span {
    uint32_t start, end; /* bytes */
    enum pii_kind kind;
};
enum { PII_SPANS_MOST = 256, PII_BYTES_LEAST = 5 /* of a finding: "a@b.c" */ };
static inline size_t pii_spans_most(struct str text) { return text.n / PII_BYTES_LEAST + 1; } /* room for all that it can hold */

size_t pii_find(struct str valid_utf8, struct pii_span *spans, size_t room); /* in order, none overlaps another */
int pii_mask(struct buf *out, struct str text, const struct pii_span *spans, size_t count); /* appends, each span as "[KIND]" */

#endif

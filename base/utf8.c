/* UTF-8 as RFC 3629 defines it. The table below is its section 4, the ABNF. */
#include "base/utf8.h"

/* One row per first byte range: how long, and what the second byte may be. Later bytes are always
 * 80-BF. The narrowed second bytes exclude overlong forms, surrogates and values over U+10FFFF. */
static const struct lead {
    unsigned char first, last; /* of the first byte */
    unsigned char len;
    unsigned char second_min, second_max;
    unsigned char mask; /* payload of the first byte */
} leads[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF, 0x1F}, {0xE0, 0xE0, 3, 0xA0, 0xBF, 0x0F},
    {0xE1, 0xEC, 3, 0x80, 0xBF, 0x0F}, {0xED, 0xED, 3, 0x80, 0x9F, 0x0F},
    {0xEE, 0xEF, 3, 0x80, 0xBF, 0x0F}, {0xF0, 0xF0, 4, 0x90, 0xBF, 0x07},
    {0xF1, 0xF3, 4, 0x80, 0xBF, 0x07}, {0xF4, 0xF4, 4, 0x80, 0x8F, 0x07},
};

static const struct lead *lead_of(unsigned char c)
{
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        if (c >= leads[i].first && c <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t utf8_decode(struct str s, uint32_t *code_point)
{
    if (s.n == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80) {
        *code_point = p[0];
        return 1;
    }
    const struct lead *lead = lead_of(p[0]);
    if (!lead || s.n < lead->len || p[1] < lead->second_min || p[1] > lead->second_max) {
        return 0;
    }
    uint32_t value = p[0] & lead->mask;
    for (size_t i = 1; i < lead->len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (p[i] & 0x3F);
    }
    *code_point = value;
    return lead->len;
}

size_t utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
        return 0;
    }
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    size_t len = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
        code_point >>= 6;
    }
    out[0] = (char)((0xF00u >> len & 0xFF) | code_point); /* C0, E0, F0 */
    return len;
}

size_t utf8_check(struct str s)
{
    size_t at = 0;
    while (at < s.n) {
        uint32_t code_point;
        size_t len = utf8_decode((struct str){s.p + at, s.n - at}, &code_point);
        if (len == 0) {
            return at;
        }
        at += len;
    }
    return s.n;
}

size_t utf8_length(struct str s)
{
    size_t count = 0;
    for (size_t at = 0; at < s.n; count++) {
        uint32_t code_point;
        size_t len = utf8_decode((struct str){s.p + at, s.n - at}, &code_point);
        at += len > 0 ? len : 1;
    }
    return count;
}

bool utf8_is_bidi_control(uint32_t code_point)
{
    return (code_point >= 0x202A && code_point <= 0x202E) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

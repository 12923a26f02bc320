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
           (code_point >= 0x2066 && code_point <= 0x2069) || code_point == 0x061C ||
           code_point == 0x200E || code_point == 0x200F;
}

bool utf8_is_hidden(uint32_t code_point)
{
    /* Controls, line and paragraph separators, and Unicode's property Default_Ignorable_Code_Point,
     * with interlinear annotations and noncharacters. */
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x00, 0x1F},       {0x7F, 0x9F},       /* C0, DEL, C1 with NEL */
        {0xAD, 0xAD},       {0x034F, 0x034F},   /* soft hyphen, grapheme joiner */
        {0x061C, 0x061C},   {0x115F, 0x1160},   /* Arabic letter mark, Hangul fillers */
        {0x17B4, 0x17B5},   {0x180B, 0x180F},   /* Khmer vowels, Mongolian selectors */
        {0x200B, 0x200F},   {0x2028, 0x202E},   /* zero width, marks; LS, PS; embeddings */
        {0x2060, 0x206F},   {0x3164, 0x3164},   /* isolates and invisible operators; filler */
        {0xFE00, 0xFE0D},   {0xFEFF, 0xFEFF},   /* variation selectors, byte order mark */
        {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   /* filler; annotations */
        {0xFFFE, 0xFFFF},   {0x1BCA0, 0x1BCA3}, /* noncharacters; shorthand controls */
        {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF}, /* musical controls; tags, selectors */
    };
    if (code_point >= 0x20 && code_point < 0x7F) {
        return false;
    }
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (code_point <= ranges[i].last) {
            return code_point >= ranges[i].first;
        }
    }
    return false;
}

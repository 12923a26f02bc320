/*
 * NPC512 mojibake: text that was UTF-8, was read as Mac Roman or Windows-1252, and was written as
 * UTF-8 again, in descriptions and comments. A run of characters is such text if, as bytes of the
 * old encoding, it is UTF-8 of a character that takes three bytes or more (or, for the two
 * letters that Latin text becomes in Windows-1252, two).
 */
#include "analysis/lint_priv.h"
#include "base/utf8.h"

/* Mac Roman from 0x80, and Windows-1252 from 0x80 to 0x9f (0: not defined); from there on it is
 * Latin-1. Unicode's own tables, APPLE/ROMAN.TXT and MICSFT/PC/CP1252.TXT. */
static const uint16_t mac_roman[128] = {
    0x00C4, 0x00C5, 0x00C7, 0x00C9, 0x00D1, 0x00D6, 0x00DC, 0x00E1, 0x00E0, 0x00E2, 0x00E4, 0x00E3,
    0x00E5, 0x00E7, 0x00E9, 0x00E8, 0x00EA, 0x00EB, 0x00ED, 0x00EC, 0x00EE, 0x00EF, 0x00F1, 0x00F3,
    0x00F2, 0x00F4, 0x00F6, 0x00F5, 0x00FA, 0x00F9, 0x00FB, 0x00FC, 0x2020, 0x00B0, 0x00A2, 0x00A3,
    0x00A7, 0x2022, 0x00B6, 0x00DF, 0x00AE, 0x00A9, 0x2122, 0x00B4, 0x00A8, 0x2260, 0x00C6, 0x00D8,
    0x221E, 0x00B1, 0x2264, 0x2265, 0x00A5, 0x00B5, 0x2202, 0x2211, 0x220F, 0x03C0, 0x222B, 0x00AA,
    0x00BA, 0x03A9, 0x00E6, 0x00F8, 0x00BF, 0x00A1, 0x00AC, 0x221A, 0x0192, 0x2248, 0x2206, 0x00AB,
    0x00BB, 0x2026, 0x00A0, 0x00C0, 0x00C3, 0x00D5, 0x0152, 0x0153, 0x2013, 0x2014, 0x201C, 0x201D,
    0x2018, 0x2019, 0x00F7, 0x25CA, 0x00FF, 0x0178, 0x2044, 0x20AC, 0x2039, 0x203A, 0xFB01, 0xFB02,
    0x2021, 0x00B7, 0x201A, 0x201E, 0x2030, 0x00C2, 0x00CA, 0x00C1, 0x00CB, 0x00C8, 0x00CD, 0x00CE,
    0x00CF, 0x00CC, 0x00D3, 0x00D4, 0xF8FF, 0x00D2, 0x00DA, 0x00DB, 0x00D9, 0x0131, 0x02C6, 0x02DC,
    0x00AF, 0x02D8, 0x02D9, 0x02DA, 0x00B8, 0x02DD, 0x02DB, 0x02C7,
};
static const uint16_t windows_1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

/* The byte that a character was read from, or 0. */
static unsigned char byte_of(uint32_t c, bool mac)
{
    const uint16_t *table = mac ? mac_roman : windows_1252;
    size_t n = mac ? 128 : 32;
    for (size_t i = 0; i < n; i++) {
        if (table[i] == c) {
            return (unsigned char)(0x80 + i);
        }
    }
    return !mac && c >= 0xA0 && c <= 0xFF ? (unsigned char)c : 0;
}

/* Whether the characters at s.p are one that was read wrongly. */
static bool begins_mojibake(struct str s, bool mac)
{
    unsigned char bytes[4] = {0};
    size_t n = 0, want = 1;
    for (size_t at = 0; at < s.n && n < want; n++) {
        uint32_t c;
        size_t len = utf8_decode((struct str){s.p + at, s.n - at}, &c);
        bytes[n] = len > 1 ? byte_of(c, mac) : 0;
        if (bytes[n] == 0) {
            return false;
        }
        if (n == 0) {
            want = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
        }
        at += len;
    }
    uint32_t c;
    bool is_whole = n == want && utf8_decode((struct str){(const char *)bytes, n}, &c) == n;
    bool latin = !mac && (bytes[0] == 0xC2 || bytes[0] == 0xC3);
    return is_whole && (want > 2 || latin);
}

static const char *encoding_of(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        const struct str rest = {text.p + i, text.n - i};
        if ((unsigned char)text.p[i] < 0xC0) {
            continue;
        }
        if (begins_mojibake(rest, true)) {
            return "Mac Roman";
        }
        if (begins_mojibake(rest, false)) {
            return "Windows-1252";
        }
    }
    return NULL;
}

static void check_text(struct lint *l, struct str text, struct span at)
{
    const char *encoding = encoding_of(text);
    if (encoding != NULL) {
        struct diag *d = INFO(l, NPC512, at, "looks like UTF-8 read as %s", encoding);
        HINT(l, d, "convert it back, or write it anew");
    }
}

void lint_mojibake(struct lint *l, const struct lint_at *at)
{
    (void)at;
    static const struct str key = STR_INIT("kubernetes.io/description");
    for (size_t i = 0; i < l->npolicies; i++) {
        const struct policy *p = l->policies[i]->origin;
        const struct label *desc = labels_find(&p->annotations, key);
        if (desc != NULL) {
            check_text(l, desc->value, desc->at.file != 0 ? desc->at : p->at);
        }
    }
    for (size_t i = 0; i < l->c->sources.remarks.n; i++) {
        const struct remark *r = &l->c->sources.remarks.v[i];
        check_text(l, r->text, r->at);
    }
}

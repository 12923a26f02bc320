/* UTF-8: every sequence of one to three bytes, every code point, against a decoder that thinks
 * differently: it counts bits and checks the value, where the code has a table of byte ranges. */
#include "base/utf8.h"
#include "tests/unit/unit.h"

#include <string.h>

/* The length of the code point at p, or 0. */
static size_t naive_decode(const unsigned char *p, size_t n, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0) {
        return 0;
    }
    size_t ones = 0;
    while (ones < 8 && (p[0] >> (7 - ones) & 1) != 0) {
        ones++;
    }
    if (ones == 1 || ones > 4) {
        return 0;
    }
    size_t len = ones == 0 ? 1 : ones;
    if (len > n) {
        return 0;
    }
    uint32_t value = p[0] % (1u << (ones == 0 ? 7 : 7 - ones));
    for (size_t i = 1; i < len; i++) {
        if (p[i] / 64 != 2) {
            return 0;
        }
        value = value * 64 + p[i] % 64;
    }
    bool surrogate = value >= 0xD800 && value < 0xE000;
    if (value < least[len] || value > 0x10FFFF || surrogate) {
        return 0;
    }
    *code_point = value;
    return len;
}

static bool same_decode(const unsigned char *p, size_t n)
{
    uint32_t got = 12345, want = 12345;
    size_t len = utf8_decode((struct str){(const char *)p, n}, &got);
    return len == naive_decode(p, n, &want) && got == want;
}

static void decode_all_short_sequences(void)
{
    size_t wrong = 0;
    for (uint32_t bits = 0; bits < 1u << 24; bits++) {
        unsigned char p[] = {(unsigned char)(bits >> 16), (unsigned char)(bits >> 8),
                             (unsigned char)bits};
        wrong += !same_decode(p, 3);
        wrong += p[2] == 0 && !same_decode(p, 2);
        wrong += p[2] == 0 && p[1] == 0 && !same_decode(p, 1);
    }
    wrong += !same_decode((const unsigned char *)"\xe2\x82\xac", 0);
    CU_ASSERT_EQUAL(wrong, 0);
}

static void decode_four_bytes(void)
{
    static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90,
                                          0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    size_t wrong = 0;
    for (unsigned lead = 0xEF; lead <= 0xFF; lead++) {
        for (unsigned second = 0; second <= 0xFF; second++) {
            for (size_t i = 0; i < sizeof edges; i++) {
                for (size_t k = 0; k < sizeof edges; k++) {
                    unsigned char p[] = {(unsigned char)lead, (unsigned char)second, edges[i],
                                         edges[k]};
                    wrong += !same_decode(p, 4);
                    wrong += !same_decode(p, 3);
                }
            }
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

static void encode_all_code_points(void)
{
    size_t wrong = 0;
    for (uint32_t c = 0; c < 0x110010; c++) {
        char out[4];
        uint32_t back = ~c;
        size_t len = utf8_encode(c, out);
        bool scalar = c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
        if (scalar) {
            wrong += naive_decode((const unsigned char *)out, len, &back) != len || back != c;
        } else {
            wrong += len != 0;
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    char out[4];
    CU_ASSERT_EQUAL(utf8_encode(UINT32_MAX, out), 0);
}

static void T16_check_finds_first_invalid_byte(void)
{
    static const struct {
        struct str text;
        size_t at, length;
    } cases[] = {
        {STR_INIT(""), 0, 0},
        {STR_INIT("abc"), 3, 3},
        {STR_INIT("a\0b"), 3, 3},
        {STR_INIT("gr\xC3\xBC\xC3\x9F"), 6, 4},
        {STR_INIT("ab\xFFxx"), 2, 5},
        {STR_INIT("ab\xC3"), 2, 3},               /* cut off */
        {STR_INIT("\xC0\x80"), 0, 2},             /* overlong NUL */
        {STR_INIT("\xE0\x80\xAF"), 0, 3},         /* overlong '/' */
        {STR_INIT("\xED\xA0\x80"), 0, 3},         /* surrogate */
        {STR_INIT("\xF4\x90\x80\x80"), 0, 4},     /* U+110000 */
        {STR_INIT("\xF0\x9F\x98\x80\x80"), 4, 2}, /* a stray byte behind a good one */
        {STR_INIT("\xFE\xFF"
                  "a"),
         0, 3}, /* UTF-16 byte order mark */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_EQUAL(utf8_check(cases[i].text), cases[i].at);
        CU_ASSERT_EQUAL(utf8_length(cases[i].text), cases[i].length);
    }
}

static void T18_bidi_controls(void)
{
    static const uint32_t all[] = {0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C,
                                   0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069};
    size_t found = 0;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        if (utf8_is_bidi_control(c)) {
            CU_ASSERT_FATAL(found < sizeof all / sizeof *all);
            CU_ASSERT_EQUAL(c, all[found]);
            found++;
        }
    }
    CU_ASSERT_EQUAL(found, sizeof all / sizeof *all);
}

static void T18_hidden(void)
{
    static const uint32_t seen[] = {' ',    '~',    0xA0,   0xAC,   0xAE,    0x200A, 0x2010,
                                    0x2027, 0x202F, 0x205F, 0x2070, 0xFE0E,  0xFE0F, 0xFE10,
                                    0xFEFE, 0xFF9F, 0xFFFC, 0xFFFD, 0x1F600, 0xE1000};
    static const uint32_t hidden[] = {0,       0x1F,    0x7F,    0x9F,   0xAD,   0x34F,   0x115F,
                                      0x17B5,  0x180E,  0x200B,  0x200D, 0x2028, 0x2060,  0x206F,
                                      0x3164,  0xFE00,  0xFFA0,  0xFFF9, 0xFFFE, 0x1BCA0, 0x1D17A,
                                      0xE0000, 0xE0041, 0xE01EF, 0xE0FFF};
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        CU_ASSERT(!utf8_is_hidden(seen[i]));
    }
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
        CU_ASSERT(utf8_is_hidden(hidden[i]));
    }
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        CU_ASSERT_FATAL(!utf8_is_bidi_control(c) || utf8_is_hidden(c));
    }
}

UNIT_MAIN("utf8", TEST(decode_all_short_sequences), TEST(decode_four_bytes),
          TEST(encode_all_code_points), TEST(T16_check_finds_first_invalid_byte),
          TEST(T18_bidi_controls), TEST(T18_hidden))

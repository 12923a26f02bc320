/*
 * Hostile names: the input becomes the description, a label value, a port name and a policy name of
 * one policy, in JSON strings that can say anything. Whatever is accepted must not grow: an output
 * that is read back holds one policy, and a kernel output has as many lines as for a plain name.
 */
#include "tests/fuzz/fuzz.h"

static char *append(char *to, const char *text)
{
    size_t n = strlen(text);
    memcpy(to, text, n);
    return to + n;
}

/* Bytes as a JSON string: each byte is a code point, so that the reader sees no invalid UTF-8. */
static char *append_string(char *to, const unsigned char *data, size_t size)
{
    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        to += sprintf(to, "\\u%04x", data[i]);
    }
    *to++ = '"';
    return to;
}

static size_t document(char *to, const unsigned char *data, size_t size, unsigned where)
{
    static const unsigned char plain[] = "plain";
    const unsigned char *text[4] = {plain, plain, plain, plain};
    size_t n[4] = {5, 5, 5, 5};
    text[where] = data;
    n[where] = size;
    char *p = append(to, "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":["
                         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
                         "\"namespace\":\"x\",\"labels\":{\"a\":");
    p = append_string(p, text[1], n[1]);
    p = append(p, "}},\"status\":{\"podIP\":\"10.0.0.1\"}},"
                  "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
                  "\"metadata\":{\"namespace\":\"x\",\"name\":");
    p = append_string(p, text[0], n[0]);
    p = append(p, ",\"annotations\":{\"kubernetes.io/description\":");
    p = append_string(p, text[2], n[2]);
    p = append(p, "}},\"spec\":{\"podSelector\":{\"matchLabels\":{\"a\":");
    p = append_string(p, text[1], n[1]);
    p = append(p, "}},\"ingress\":[{\"ports\":[{\"port\":80},{\"port\":");
    p = append_string(p, text[3], n[3]);
    p = append(p, "}]}]}}]}");
    return (size_t)(p - to);
}

static size_t lines(const char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += text[i] == '\n';
    }
    return n;
}

static size_t kernel_lines(const unsigned char *data, size_t size, unsigned where)
{
    static char text[1 << 16];
    struct npc_output out;
    size_t n = 0;
    struct npc *run = fuzz_load("in.json", text, document(text, data, size, where));
    if (run == NULL) {
        return 0;
    }
    if (fuzz_compile(run, "nft", &out)) {
        n += lines(out.text, out.size);
    }
    if (fuzz_compile(run, "iptables", &out)) {
        for (size_t i = 0; i < out.nfiles; i++) {
            if (strstr(out.files[i].path, ".map") == NULL) {
                n += lines(out.files[i].text, out.files[i].size);
            }
        }
    }
    fuzz_round_trip(run);
    npc_free(run);
    return n;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < 2 || size > 1000) {
        return 0;
    }
    unsigned where = data[0] % 4;
    size_t got = kernel_lines(data + 1, size - 1, where);
    size_t plain = kernel_lines((const unsigned char *)"plain", 5, where);
    FUZZ_CHECK(got == 0 || got == plain, "a name changed the number of lines");
    return 0;
}

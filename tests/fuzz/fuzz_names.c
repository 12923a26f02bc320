/*
 * Hostile names: the input becomes one name or text of a small cluster, in JSON strings that can
 * say anything. What is accepted must not grow: each output, read again by somebody else's reader
 * (reread.c), is that of the same cluster with a plain name in its place, or the name in it.
 */
#include "tests/fuzz/fuzz.h"

enum place {
    POLICY_NAME,
    LABEL_VALUE,
    DESCRIPTION,
    PORT_NAME,
    LABEL_KEY,
    ANNOTATION_KEY,
    ANNOTATION,
    NAMESPACE,
    POD_NAME,
    NODE_NAME,
    RULE_NAME,
    FILE_NAME,
    CLUSTER_NAME,
    PLACES
};

/* Each name is a line of its own, so that nothing behind it has another place. @ and a letter stand
 * for a name: @A for the first of enum place, and so on. */
static const char cluster[] =
    "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[\n"
    "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":@J},\n"
    "\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"192.0.2.1\"}]}},\n"
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":@I,\"namespace\":@H,\n"
    "\"labels\":{@E:@B}},\n"
    "\"spec\":{\"nodeName\":@J,\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":80,"
    "\n"
    "\"name\":@D}]}]},\"status\":{\"podIP\":\"10.0.0.1\"}},\n"
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\n"
    "\"namespace\":@H,\"name\":@A,\"annotations\":{@F:@G,\n"
    "\"kubernetes.io/description\":@C}},\n"
    "\"spec\":{\"podSelector\":{\"matchLabels\":{@E:@B}},\n"
    "\"ingress\":[{\"ports\":[{\"port\":80},{\"port\":@D}]},\n"
    "{\"from\":[{\"namespaceSelector\":{\"matchExpressions\":[{\"key\":@E,\n"
    "\"operator\":\"NotIn\",\"values\":[@B]}]}}]}]}},\n"
    "{\"apiVersion\":\"policy.networking.k8s.io/v1alpha2\",\"kind\":\"ClusterNetworkPolicy\",\n"
    "\"metadata\":{\"name\":@M},\"spec\":{\"tier\":\"Admin\",\"priority\":1,\n"
    "\"subject\":{\"pods\":{\"podSelector\":{\"matchLabels\":{@E:@B}}}},\n"
    "\"egress\":[{\"name\":@K,\"action\":\"Deny\",\"to\":[{\"networks\":[\"10.0.0.0/8\"]}]}]}}\n"
    "]}\n";

struct name {
    const unsigned char *p;
    size_t n;
};

/* What stands in the places that are not tried. No word of an output holds one of these. */
static const char *const fixed[PLACES] = {
    [POLICY_NAME] = "aqa", [LABEL_VALUE] = "bqb", [DESCRIPTION] = "cqc",
    [PORT_NAME] = "dqd",   [LABEL_KEY] = "eqe",   [ANNOTATION_KEY] = "fqf",
    [ANNOTATION] = "gqg",  [NAMESPACE] = "hqh",   [POD_NAME] = "iqi",
    [NODE_NAME] = "jqj",   [RULE_NAME] = "kqk",   [FILE_NAME] = "lql.json",
    [CLUSTER_NAME] = "mqm"};

/* Bytes as a JSON string, and the end of its line: each byte is a code point, so that the reader
 * sees no invalid UTF-8. */
static void put_string(FILE *out, struct name s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.n; i++) {
        fprintf(out, "\\u%04x", s.p[i]);
    }
    fputs("\"\n", out);
}

static struct npc *load(enum place where, struct name name)
{
    char *text, path[300] = {0};
    size_t size;
    FILE *out = open_memstream(&text, &size);
    FUZZ_CHECK(out != NULL, "no memory");
    for (const char *p = cluster; *p != '\0'; p++) {
        if (*p != '@') {
            fputc(*p, out);
            continue;
        }
        enum place at = (enum place)(*++p - 'A');
        struct name s = {(const unsigned char *)fixed[at], strlen(fixed[at])};
        put_string(out, at == where ? name : s);
    }
    fclose(out);
    struct npc *n = fuzz_new();
    npc_set(n, "log", NULL); /* its prefixes are made of names, too */
    bool named = where == FILE_NAME && name.n < sizeof path - 6;
    memcpy(path, named ? (const char *)name.p : "lql", named ? name.n : 3);
    strcat(path, ".json");
    npc_add_text(n, path, text, size);
    free(text);
    return fuzz_load(n);
}

/* A shape with the plain word replaced by the name as UTF-8. */
static char *rename_plain(const char *shape, struct name name)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    FUZZ_CHECK(out != NULL, "no memory");
    while (*shape != '\0') {
        if (strncmp(shape, "plain", 5) != 0) {
            fputc(*shape++, out);
            continue;
        }
        for (size_t i = 0; i < name.n; i++) {
            if (name.p[i] >= 0x80) {
                fputc(0xc0 | name.p[i] >> 6, out);
            }
            fputc(name.p[i] >= 0x80 ? 0x80 | (name.p[i] & 0x3f) : name.p[i], out);
        }
        shape += 5;
    }
    fclose(out);
    return text;
}

/* The shape of one output of the cluster with a plain name in a place; NULL: it is refused. */
static const char *plain_shape(enum place where, size_t backend, const char *backend_name)
{
    enum { BACKENDS_MOST = 16 };
    static char *shapes[PLACES][BACKENDS_MOST];
    static bool done[PLACES][BACKENDS_MOST];
    struct npc_output out;
    FUZZ_CHECK(backend < BACKENDS_MOST, "more backends than that");
    if (!done[where][backend]) {
        struct npc *n = load(where, (struct name){(const unsigned char *)"plain", 5});
        FUZZ_CHECK(n != NULL, "the plain cluster is refused");
        shapes[where][backend] =
            fuzz_compile(n, backend_name, &out) ? fuzz_read_output(backend_name, &out) : NULL;
        done[where][backend] = true;
        npc_free(n);
    }
    return shapes[where][backend];
}

static void compare(struct npc *n, enum place where, struct name name)
{
    struct npc_backend_info info;
    struct npc_output out;
    for (size_t i = 0; npc_backend(i, &info); i++) {
        const char *plain = plain_shape(where, i, info.name);
        bool ok = fuzz_compile(n, info.name, &out);
        FUZZ_CHECK(ok == (plain != NULL), "a backend refuses a name that was accepted");
        if (!ok || strcmp(info.name, "null") == 0) {
            continue;
        }
        char *got = fuzz_read_output(info.name, &out), *want = rename_plain(plain, name);
        /* A file's name is filtered for comments, and no output holds it in another way. */
        bool same = where == FILE_NAME || strcmp(got, want) == 0;
        if (!same) {
            fprintf(stderr, "-t %s: got\n%s\nwanted\n%s\n", info.name, got, want);
        }
        FUZZ_CHECK(same, "a name changes more of an output than itself");
        free(got);
        free(want);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size < 2 || size > 300) {
        return 0;
    }
    enum place where = (enum place)((data[0] - (unsigned)'A') % PLACES);
    struct name name = {data + 1, size - 1};
    if (where == FILE_NAME && memchr(name.p, '\0', name.n) != NULL) {
        return 0;
    }
    struct npc *hostile = load(where, name);
    if (hostile != NULL) {
        compare(hostile, where, name);
        fuzz_round_trip(hostile);
        npc_free(hostile);
    }
    return 0;
}

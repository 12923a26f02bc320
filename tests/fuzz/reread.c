/*
 * Readers of npc's outputs, for the fuzz targets: of YAML by libyaml, of JSON by jansson, of the
 * language by its tokens, and all files of a backend by its name. They share no code with what
 * writes, and know no policy.
 */
#include "tests/fuzz/text.h"

#include <jansson.h>
#include <yaml.h>

/* ---- YAML ---- */

char *fuzz_read_yaml(const char *text, size_t size)
{
    struct shape shape;
    yaml_parser_t parser;
    yaml_event_t event;
    bool end = false;
    shape_begin(&shape);
    FUZZ_CHECK(yaml_parser_initialize(&parser) == 1, "no memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    while (!end) {
        FUZZ_CHECK(yaml_parser_parse(&parser, &event) == 1, "the output is not YAML");
        fprintf(shape.out, "%d", (int)event.type);
        if (event.type == YAML_SCALAR_EVENT) {
            fputc(' ', shape.out);
            fwrite(event.data.scalar.value, 1, event.data.scalar.length, shape.out);
        }
        FUZZ_CHECK(event.type != YAML_ALIAS_EVENT, "an alias in the output");
        fputc('\n', shape.out);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return shape_end(&shape);
}

/* ---- JSON ---- */

/* `made` says whether strings may be names that npc has made of a hash. */
static void put_json(FILE *out, const json_t *j, bool made)
{
    size_t i;
    const char *key;
    const json_t *value;
    json_t *object = json_incref((json_t *)(uintptr_t)j); /* iterators want it so */
    if (json_is_string(j)) {
        struct piece s = {json_string_value(j), json_string_length(j)};
        bool hashed = made && is_hashed(s);
        fputc('"', out);
        fwrite(hashed ? "N" : s.p, 1, hashed ? 1 : s.n, out);
    } else if (json_is_array(j)) {
        fputc('[', out);
        json_array_foreach(object, i, value)
        {
            put_json(out, value, made);
        }
        fputc(']', out);
    } else if (json_is_object(j)) {
        fputc('{', out);
        json_object_foreach(object, key, value)
        {
            fprintf(out, "%s:", key);
            put_json(out, value,
                     made && (strcmp(key, "policy") != 0 && strcmp(key, "member") != 0));
        }
        fputc('}', out);
    } else if (json_is_integer(j)) {
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    } else {
        fputs(json_is_true(j) ? "true" : json_is_false(j) ? "false" : "null", out);
    }
    fputc('\n', out);
    json_decref(object);
}

static char *read_json(const char *text, size_t size, bool made)
{
    struct shape shape;
    json_error_t error;
    json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    FUZZ_CHECK(j != NULL, "the output is not JSON");
    shape_begin(&shape);
    put_json(shape.out, j, made);
    json_decref(j);
    return shape_end(&shape);
}

char *fuzz_read_json(const char *text, size_t size)
{
    return read_json(text, size, false);
}

/* What is left of -t json without places and the faithful form, with sorted keys. The kind goes,
 * too: a BaselineAdminNetworkPolicy is written as the ClusterNetworkPolicy that it means. */
char *fuzz_read_meaning(const char *text, size_t size)
{
    static const char *const dropped[] = {"at", "kind", "target", "isolates", "rules", "raw"};
    size_t i;
    json_t *policy, *j = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *policies = json_object_get(j, "policies");
    FUZZ_CHECK(json_is_array(policies), "no policies in -t json");
    json_array_foreach(policies, i, policy)
    {
        FUZZ_CHECK(json_object_get(policy, "normalized") != NULL, "a policy without normal form");
        for (size_t k = 0; k < sizeof dropped / sizeof *dropped; k++) {
            json_object_del(policy, dropped[k]);
        }
    }
    char *meaning = json_dumps(policies, JSON_SORT_KEYS | JSON_COMPACT);
    FUZZ_CHECK(meaning != NULL, "no memory");
    json_decref(j);
    return meaning;
}

/* ---- the npc language ---- */

static void put_utf8(FILE *out, unsigned long c)
{
    if (c < 0x80) {
        fputc((int)c, out);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    fputc((int)((0xff00u >> (more + 1) & 0xff) | c >> 6 * more), out);
    while (more-- > 0) {
        fputc((int)(0x80 | (c >> 6 * more & 0x3f)), out);
    }
}

/* Reads "…" with its escapes; returns how long it is. */
static size_t put_string(FILE *out, struct piece s)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != '"') {
        FUZZ_CHECK((unsigned char)s.p[i] >= 0x20, "a control byte in a string");
        if (s.p[i] != '\\') {
            fputc(s.p[i++], out);
            continue;
        }
        FUZZ_CHECK(i + 1 < s.n, "a string does not end");
        char c = s.p[i + 1];
        i += 2;
        if (c == 'u') {
            char *end;
            put_utf8(out, strtoul(s.p + i + 1, &end, 16));
            FUZZ_CHECK(s.p[i] == '{' && *end == '}', "a bad escape");
            i = (size_t)(end - s.p) + 1;
        } else {
            FUZZ_CHECK(strchr("\"\\ntr", c) != NULL && c != '\0', "a bad escape");
            fputc(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c, out);
        }
    }
    FUZZ_CHECK(i < s.n, "a string does not end");
    return i + 1;
}

/* A word and a string of the same text are the same token here: names are quoted as needed. */
char *fuzz_read_npc(const char *text, size_t size)
{
    struct piece s = {text, size};
    struct shape shape;
    shape_begin(&shape);
    while (s.n > 0) {
        size_t n = 1;
        if (s.p[0] == '#') {
            const char *end = memchr(s.p, '\n', s.n);
            FUZZ_CHECK(end != NULL, "a comment does not end");
            n = (size_t)(end - s.p);
        } else if (begins(s, "\"\"\"")) {
            const char *end = memmem(s.p + 3, s.n - 3, "\"\"\"", 3);
            FUZZ_CHECK(end != NULL, "a long string does not end");
            n = (size_t)(end - s.p) + 3;
            fwrite(s.p + 3, 1, n - 6, shape.out);
            fputc('\n', shape.out);
        } else if (s.p[0] == '"') {
            n = put_string(shape.out, s);
            fputc('\n', shape.out);
        } else if (s.p[0] == ',') {
            n = 1; /* stands between items of one line, and not between lines */
        } else if (strchr("{}&=!", s.p[0]) != NULL && s.p[0] != '\0') {
            fprintf(shape.out, "%c\n", s.p[0]);
        } else if (s.p[0] != ' ' && s.p[0] != '\n') {
            n = strspn(s.p, LETTERS DIGITS "_.:/*->");
            FUZZ_CHECK(n > 0, "a character that is in no token of the language");
            fprintf(shape.out, "%.*s\n", (int)n, s.p);
        }
        s = (struct piece){s.p + n, s.n - n};
    }
    return shape_end(&shape);
}

/* ---- all of a backend ---- */

static char *read_file(const char *backend, const char *path, const char *text, size_t size)
{
    static const struct {
        const char *backend;
        char *(*read)(const char *text, size_t size);
    } readers[] = {{"k8s", fuzz_read_yaml}, {"calico", fuzz_read_yaml},
                   {"npc", fuzz_read_npc},  {"json", fuzz_read_json},
                   {"nft", fuzz_read_nft},  {"iptables", fuzz_read_iptables}};
    size_t n = strlen(path);
    if (n >= 4 && strcmp(path + n - 4, ".map") == 0) {
        return read_json(text, size, true);
    }
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        if (strcmp(readers[i].backend, backend) == 0) {
            return readers[i].read(text, size);
        }
    }
    return strndup(text, size);
}

char *fuzz_read_output(const char *backend, const struct npc_output *out)
{
    struct shape shape;
    shape_begin(&shape);
    if (!out->directory) {
        char *text = read_file(backend, "", out->text, out->size);
        fputs(text, shape.out);
        free(text);
    }
    for (size_t i = 0; i < out->nfiles; i++) {
        char *text = read_file(backend, out->files[i].path, out->files[i].text, out->files[i].size);
        fprintf(shape.out, "%s\n%s", out->files[i].path, text);
        free(text);
    }
    return shape_end(&shape);
}

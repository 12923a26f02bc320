/*
 * What npc reads beside its INPUTs. The first byte says as what the rest is read:
 *
 *     n   a file for --from: what leads from it to other rules holds no command but npc's own
 *     i   what iptables-save prints, or what npc apply made of it
 *     b   entries of a file of npc apply, to which the right hash is added
 *     l   lines, words and numbers as loaders print them
 *     o   options, "NAME VALUE" or "NAME" in a line
 */
#include "apply/bundle.h"
#include "apply/lines.h"
#include "apply/ruleset.h"
#include "backends/nft_delta.h"
#include "base/ctx.h"
#include "tests/fuzz/fuzz.h"

static _Noreturn void no_memory(void *arg)
{
    (void)arg;
    abort();
}

/* ---- --from ---- */

static const char policies[] =
    "namespace a {\n"
    "  workload x { addr {10.0.0.1, fd00::1} label app = x port p = tcp/80 }\n"
    "  workload y { addr {10.0.0.2, 10.0.0.3} label app = y }\n"
    "  policy p for pods app=x { allow from pods app=y on {tcp/p, udp/1-700} }\n"
    "  policy q for pods app=x { allow to cidr 10.0.0.0/8 except {10.1.0.0/16} on all ports }\n"
    "}\n";

/* Rules that are compiled once. */
static struct str new_rules(void)
{
    static char *text;
    static size_t size;
    if (text == NULL) {
        struct npc_output out;
        struct npc *n = fuzz_load_text("in.npc", policies, sizeof policies - 1);
        FUZZ_CHECK(n != NULL && fuzz_compile(n, "nft", &out), "no rules");
        text = malloc(out.size);
        memcpy(text, out.text, out.size);
        size = out.size;
        npc_free(n);
    }
    return (struct str){text, size};
}

static void read_from(struct str old)
{
    struct ctx c;
    ctx_init(&c, no_memory, NULL);
    struct buf *out = buf_new(&c.arena);
    bool ok = nft_delta(&c, STR("old.nft"), old, new_rules(), out);
    FUZZ_CHECK(ok || c.diags.errors > 0, "refused without a word");
    if (ok) {
        free(fuzz_read_nft(buf_text(out).p, buf_text(out).n));
    }
    ctx_free(&c);
}

/* ---- iptables-save ---- */

static bool is_line_of(struct str line, struct str text)
{
    struct str one;
    while (line_next(&text, &one)) {
        if (str_eq(one, line)) {
            return true;
        }
    }
    return false;
}

/* Whatever was read, only npc's chains, their rules and its own jumps are written. */
static void check_rules(struct str rules, struct str from)
{
    static const char *const jumps[] = {"FORWARD", "INPUT", "OUTPUT"};
    struct str rest = rules, line;
    while (line_next(&rest, &line)) {
        bool ok = str_is(line, "*filter") || str_is(line, "COMMIT") ||
                  (str_starts(line, ":NPC-") && str_ends(line, " - [0:0]")) ||
                  (str_starts(line, "-A NPC-") && is_line_of(line, from));
        for (size_t i = 0; i < 3 && str_starts(line, "-I "); i++) {
            ok = ok || str_is(line_word(line, 1), jumps[i]);
        }
        FUZZ_CHECK(ok, "a line that is not npc's own is loaded");
    }
    FUZZ_CHECK(rest.n == 0 && str_starts(rules, "*filter\n") && str_ends(rules, "COMMIT\n"),
               "a table without frame");
}

static void read_rules(struct str saved)
{
    struct arena a;
    arena_init(&a, no_memory, NULL);
    struct str bare = ruleset_without_jumps(&a, saved);
    check_rules(bare, saved);
    FUZZ_CHECK(str_eq(bare, ruleset_without_jumps(&a, bare)), "a table, read again, is another");
    for (int host = 0; host < 2; host++) {
        struct str with = ruleset_with_jumps(&a, bare, host);
        check_rules(with, saved);
        FUZZ_CHECK(str_eq(bare, ruleset_without_jumps(&a, with)), "jumps are not taken away");
        FUZZ_CHECK(str_eq(with, ruleset_jumps_first(&a, with)), "jumps are not first");
    }
    struct ruleset r = {.part = {[PART_V4] = bare}};
    ruleset_digest(&a, &r);
    ruleset_holds(&r, TARGET_IPTABLES);
    arena_free(&a);
}

/* ---- files of npc apply ---- */

static void read_bundle(struct str entries)
{
    struct arena a;
    struct bundle b;
    arena_init(&a, no_memory, NULL);
    struct buf *body = buf_new(&a);
    buf_puts(body, "npc bundle 1\n");
    buf_str(body, entries);
    struct str hash = digest_text(&a, buf_text(body));
    buf_printf(body, "sha256 64\n" STR_FMT "\n", STR_ARG(hash));
    struct str whole = buf_text(body);
    FUZZ_CHECK(!bundle_read(&a, entries, &b), "a file without its hash is accepted");
    if (bundle_read(&a, whole, &b)) {
        FUZZ_CHECK(str_eq(bundle_write(&a, &b), whole), "a file, written again, is another");
        for (size_t i = 0; i < b.list.n; i++) {
            const char *name = arena_copy(&a, b.list.v[i].name.p, b.list.v[i].name.n);
            FUZZ_CHECK(bundle_has(&b, name) || strlen(name) < b.list.v[i].name.n, "a lost entry");
            bundle_set(&a, &b, name, STR("x"));
            FUZZ_CHECK(str_is(bundle_get(&b, name), "x"), "an entry that cannot be set");
        }
        char *torn = arena_copy(&a, whole.p, whole.n);
        torn[whole.n / 2] ^= 1;
        FUZZ_CHECK(!bundle_read(&a, (struct str){torn, whole.n}, &b), "a torn file is accepted");
    }
    arena_free(&a);
}

/* ---- lines ---- */

static void read_lines(struct str text)
{
    struct str rest = text, line, word;
    size_t lines = 0, ends = 0;
    while (line_next(&rest, &line)) {
        struct str words = line;
        size_t n = 0;
        lines++;
        while (word_next(&words, &word)) {
            uint64_t number = 0;
            char *copy = strndup(word.p, word.n), *end;
            unsigned long long want = strtoull(copy, &end, 10);
            bool digits = strspn(copy, "0123456789") == word.n;
            FUZZ_CHECK(str_eq(line_word(line, n++), word), "line_word");
            FUZZ_CHECK(!read_u64(word, &number) || (digits && number == want), "read_u64");
            FUZZ_CHECK(!digits || word.n > 18 || number == want, "read_u64 refuses a number");
            free(copy);
        }
        FUZZ_CHECK(line_word(line, n).n == 0, "a word too many");
    }
    for (size_t i = 0; i < text.n; i++) {
        ends += text.p[i] == '\n';
    }
    FUZZ_CHECK(lines == ends + (text.n > 0 && text.p[text.n - 1] != '\n'), "line_next");
}

/* ---- options ---- */

/* No file is opened for the sake of a fuzzer. */
static bool opens_files(const char *option)
{
    return strcmp(option, "from") == 0;
}

static void read_options(struct str text)
{
    struct npc *n = fuzz_new();
    struct npc_output out;
    struct str line;
    while (line_next(&text, &line)) {
        char *option = strndup(line.p, line.n), *value = strchr(option, ' ');
        if (value != NULL) {
            *value++ = '\0';
        }
        if (!opens_files(option)) {
            fuzz_diagnostics(n, npc_set(n, option, value) != NPC_OK);
        }
        free(option);
    }
    npc_add_text(n, "in.npc", policies, sizeof policies - 1);
    n = fuzz_load(n);
    if (n != NULL) {
        fuzz_compile(n, "nft", &out);
        fuzz_compile(n, "iptables", &out);
    }
    npc_free(n);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const struct {
        char as;
        void (*read)(struct str text);
    } readers[] = {{'n', read_from},
                   {'i', read_rules},
                   {'b', read_bundle},
                   {'l', read_lines},
                   {'o', read_options}};
    for (size_t i = 0; i < sizeof readers / sizeof *readers && size > 0; i++) {
        if ((char)data[0] == readers[i].as) {
            readers[i].read((struct str){(const char *)data + 1, size - 1});
        }
    }
    return 0;
}

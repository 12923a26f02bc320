/* The library as a program of somebody else uses it: only npc/npc.h. */
#include "npc/npc.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY(name) "policy " name " for pods app=" name " { allow from anywhere on tcp/80 }\n"

static void add(struct npc *n, const char *name, const char *text)
{
    CU_ASSERT_EQUAL(npc_add_text(n, name, text, strlen(text)), NPC_OK);
}

/* Whether the diagnostics hold the text. */
static bool says(struct npc *n, const char *wanted)
{
    const char *text;
    size_t size;
    CU_ASSERT_EQUAL(npc_diagnostics(n, NPC_DIAG_TEXT, true, &text, &size), NPC_OK);
    bool found = memmem(text, size, wanted, strlen(wanted)) != NULL;
    if (!found) {
        fprintf(stderr, "no '%s' in:\n%.*s\n", wanted, (int)size, text);
    }
    return found;
}

static bool contains(const struct npc_output *out, const char *wanted)
{
    return memmem(out->text, out->size, wanted, strlen(wanted)) != NULL;
}

static void test_compile(void)
{
    struct npc *n = npc_new();
    struct npc_output out;
    CU_ASSERT_EQUAL(npc_set(n, "namespace", "shop"), NPC_OK);
    add(n, "a.npc", POLICY("web"));
    CU_ASSERT_EQUAL(npc_load(n), NPC_OK);
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_OK);
    CU_ASSERT(contains(&out, "kind: NetworkPolicy\n"));
    CU_ASSERT(contains(&out, "  name: web\n"));
    CU_ASSERT_FALSE(out.directory);
    CU_ASSERT_EQUAL(out.nfiles, 0);
    /* One program, several outputs; the first stays. */
    struct npc_output second;
    CU_ASSERT_EQUAL(npc_compile(n, "npc", &second), NPC_OK);
    CU_ASSERT(contains(&second, "policy web"));
    CU_ASSERT(contains(&out, "kind: NetworkPolicy\n"));
    npc_free(n);
    npc_free(NULL);
}

static void test_misuse(void)
{
    struct npc *n = npc_new();
    struct npc_output out;
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_BAD);
    CU_ASSERT(says(n, "no loaded program"));
    CU_ASSERT_EQUAL(npc_load(n), NPC_BAD);
    CU_ASSERT(says(n, "no INPUT was given"));
    CU_ASSERT_EQUAL(npc_load(n), NPC_BAD);
    CU_ASSERT(says(n, "loaded once"));
    npc_free(n);

    n = npc_new();
    add(n, "a.npc", POLICY("web"));
    CU_ASSERT_EQUAL(npc_load(n), NPC_OK);
    CU_ASSERT_EQUAL(npc_compile(n, "calicoo", &out), NPC_BAD);
    CU_ASSERT(says(n, "did you mean 'calico'?"));
    npc_free(n);
}

static const struct {
    const char *name, *value;
    enum npc_status status;
} settings[] = {
    {"namespace", "shop", NPC_OK},
    {"namespace", "Shop", NPC_BAD},
    {"namespace", "", NPC_BAD},
    {"namespace", NULL, NPC_BAD},
    {"allow-raw", NULL, NPC_OK},
    {"allow-raw", "yes", NPC_BAD},
    {"lenient", NULL, NPC_OK},
    {"allow-aliases", NULL, NPC_OK},
    {"skip-kind", "CiliumNetworkPolicy", NPC_OK},
    {"expect-count", "0", NPC_OK},
    {"expect-count", "01", NPC_BAD},
    {"expect-count", "4294967296", NPC_BAD},
    {"max-age", "90s", NPC_OK},
    {"max-age", "4294967295d", NPC_OK},
    {"max-age", "0h", NPC_BAD},
    {"max-age", "1", NPC_BAD},
    {"max-age", "h", NPC_BAD},
    {"max-age", "1 h", NPC_BAD},
    {"max-age", "1w", NPC_BAD},
    {"max-age", "", NPC_BAD},
    {"ipblock", "any", NPC_OK},
    {"ipblock", "external", NPC_OK},
    {"ipblock", "internal", NPC_BAD},
    {"host", "a/b", NPC_OK},
    {"host", "a", NPC_BAD},
    {"host", "a/", NPC_BAD},
    {"node", "", NPC_BAD},
    {"failsafe", "none", NPC_OK},
    {"failsafe", "tcp/22,udp/161,sctp/1", NPC_OK},
    {"failsafe", "tcp/22,", NPC_BAD},
    {"failsafe", "tcp/0", NPC_BAD},
    {"failsafe", "other/1", NPC_BAD},
    {"max-elements", "1", NPC_OK},
    {"max-elements", "0", NPC_BAD},
    {"nonsense", "1", NPC_BAD},
    {"", NULL, NPC_BAD},
};

static void test_options(void)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        struct npc *n = npc_new();
        enum npc_status got = npc_set(n, settings[i].name, settings[i].value);
        if (got != settings[i].status) {
            fprintf(stderr, "%s=%s: %d\n", settings[i].name, settings[i].value, (int)got);
        }
        CU_ASSERT_EQUAL(got, settings[i].status);
        npc_free(n);
    }
    struct npc *n = npc_new();
    CU_ASSERT_EQUAL(npc_set(n, "node", "a"), NPC_OK);
    CU_ASSERT_EQUAL(npc_set(n, "node", "b"), NPC_OK);
    CU_ASSERT_EQUAL(npc_set(n, "host", "a/b"), NPC_BAD);
    npc_free(n);
}

static void test_errors(void)
{
    struct npc *n = npc_new();
    add(n, "a.npc", "policy p for pods a=b { allow from anywhere on }\n");
    add(n, "b.npc", "policy q for pods a=b { allow from }\n");
    CU_ASSERT_EQUAL(npc_load(n), NPC_BAD);
    CU_ASSERT(says(n, "a.npc:1:48: error: "));
    CU_ASSERT(says(n, "b.npc:1:36: error: "));
    CU_ASSERT(says(n, "policy q for pods a=b { allow from }")); /* the source line */
    struct npc_output out;
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_BAD);
    npc_free(n);
}

static void test_io_is_a_fault(void)
{
    struct npc *n = npc_new();
    struct npc_output out;
    add(n, "a.npc", POLICY("web"));
    CU_ASSERT_EQUAL(npc_load(n), NPC_OK);
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_OK);
    CU_ASSERT_EQUAL(npc_write_path(n, "/nowhere/at/all", &out), NPC_FAULT);
    CU_ASSERT(says(n, "/nowhere/at/all"));
    int full = open("/dev/full", O_WRONLY);
    CU_ASSERT_EQUAL(npc_write_fd(n, full, &out), NPC_FAULT);
    close(full);
    npc_free(n);
    n = npc_new();
    npc_add_path(n, "/nowhere/at/all");
    CU_ASSERT_EQUAL(npc_load(n), NPC_BAD);
    npc_free(n);
}

static void test_text_has_no_directory(void)
{
    static const char text[] = "include \"more.npc\"\n" POLICY("web");
    struct npc *n = npc_new();
    add(n, "a.npc", text);
    CU_ASSERT_EQUAL(npc_load(n), NPC_BAD);
    CU_ASSERT(says(n, "no directory to look in"));
    npc_free(n);

    char dir[] = "/tmp/npc-library-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    char path[64];
    snprintf(path, sizeof path, "%s/more.npc", dir);
    n = npc_new();
    CU_ASSERT_EQUAL(npc_write_file(n, path, POLICY("more"), strlen(POLICY("more"))), NPC_OK);
    CU_ASSERT_EQUAL(npc_set(n, "root", dir), NPC_OK);
    CU_ASSERT_EQUAL(npc_set(n, "expect-count", "2"), NPC_OK);
    add(n, "a.npc", text);
    CU_ASSERT_EQUAL(npc_load(n), NPC_OK);
    npc_free(n);
    unlink(path);
    rmdir(dir);
}

static void test_format(void)
{
    static const char ugly[] = "policy  a for pods x=y{default deny ingress}";
    static const char neat[] = "policy a for pods x=y {\n  default deny ingress\n}\n";
    struct npc *n = npc_new();
    const char *out;
    size_t size;
    CU_ASSERT_EQUAL(npc_format(n, "a.npc", ugly, strlen(ugly), &out, &size), NPC_OK);
    CU_ASSERT(size == strlen(neat) && memcmp(out, neat, size) == 0);
    CU_ASSERT_EQUAL(npc_format(n, "b.npc", "policy", 6, &out, &size), NPC_BAD);
    CU_ASSERT(says(n, "b.npc:1:"));
    /* An error in one text does not spoil the next. */
    CU_ASSERT_EQUAL(npc_format(n, "c.npc", neat, strlen(neat), &out, &size), NPC_OK);
    CU_ASSERT(size == strlen(neat) && memcmp(out, neat, size) == 0);
    npc_free(n);
}

static void test_tables(void)
{
    struct npc_backend_info b;
    size_t n = 0;
    bool k8s = false, iptables = false;
    while (npc_backend(n, &b)) {
        k8s |= strcmp(b.name, "k8s") == 0 && !b.directory && !b.binds;
        iptables |= strcmp(b.name, "iptables") == 0 && b.directory && b.binds;
        n++;
    }
    CU_ASSERT(n >= 6 && k8s && iptables);
    CU_ASSERT_FALSE(npc_backend(n + 1, &b));
    struct npc_finding_info f;
    unsigned last = 0;
    for (n = 0; npc_finding(n, &f); n++) {
        CU_ASSERT(f.number > last);
        last = f.number;
    }
    CU_ASSERT(n > 60);
    CU_ASSERT_FALSE(npc_finding(SIZE_MAX, &f));
    static const char *const words[] = {"compile", "fmt", "prelude"};
    CU_ASSERT_STRING_EQUAL(npc_nearest("complie", words, 3), "compile");
    CU_ASSERT_PTR_NULL(npc_nearest("verify", words, 3));
    CU_ASSERT_PTR_NULL(npc_nearest("x", NULL, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(npc_prelude(), "let dns"));
    CU_ASSERT_STRING_EQUAL(npc_version(), NPC_VERSION);
}

/* Contexts share nothing: several threads, each with its own. */
static void *compile_often(void *arg)
{
    for (int i = 0; i < 50; i++) {
        struct npc *n = npc_new();
        struct npc_output out;
        npc_add_text(n, "a.npc", POLICY("web"), strlen(POLICY("web")));
        if (npc_load(n) != NPC_OK || npc_compile(n, "k8s", &out) != NPC_OK ||
            !contains(&out, "name: web")) {
            *(bool *)arg = false;
        }
        npc_free(n);
    }
    return NULL;
}

static void test_threads(void)
{
    pthread_t thread[4];
    bool ok[4] = {true, true, true, true};
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, compile_often, &ok[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        CU_ASSERT(ok[i]);
    }
}

/* What a run was told, as text: each phase once, with its file. */
struct told {
    char phases[256];
    const char *last;
    struct npc_progress now;
};

static void note(void *arg, const struct npc_progress *p)
{
    struct told *t = arg;
    if (p->phase != t->last) {
        size_t n = strlen(t->phases);
        snprintf(t->phases + n, sizeof t->phases - n, "%s%s%s;", p->phase,
                 p->file != NULL ? " " : "", p->file != NULL ? p->file : "");
        t->last = p->phase;
    }
    CU_ASSERT(p->bytes >= t->now.bytes && p->objects >= t->now.objects);
    t->now = *p;
}

static void test_progress(void)
{
    static const char pod[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"
                              "spec: {containers: [{name: c, image: i}]}\n";
    static const char text[] = POLICY("web");
    const char *answer;
    size_t size;
    struct npc_output out;
    struct told t = {0};
    struct npc *n = npc_new();
    npc_set_progress(n, note, &t);
    npc_set(n, "namespace", "default");
    add(n, "a.npc", text);
    add(n, "b.yaml", pod);
    CU_ASSERT_EQUAL(npc_load(n), NPC_OK);
    CU_ASSERT_STRING_EQUAL(t.phases, "reading a.npc;checking;");
    CU_ASSERT_EQUAL(t.now.bytes, strlen(text) + strlen(pod));
    CU_ASSERT_EQUAL(t.now.objects, 1); /* what npc source holds is counted once it is understood */
    t.phases[0] = '\0';
    CU_ASSERT_EQUAL(npc_compile(n, "nft", &out), NPC_OK);
    CU_ASSERT_STRING_EQUAL(t.phases, "binding;compiling;");
    t.phases[0] = '\0';
    CU_ASSERT_EQUAL(npc_list(n, &(struct npc_list_options){.format = "text"}, &answer, &size),
                    NPC_OK);
    CU_ASSERT_STRING_EQUAL(t.phases, "analysing;");
    t.phases[0] = '\0';
    npc_set_progress(n, NULL, NULL);
    CU_ASSERT_EQUAL(npc_compile(n, "k8s", &out), NPC_OK);
    CU_ASSERT_STRING_EQUAL(t.phases, "");
    npc_free(n);
}

UNIT_MAIN("library", TEST(test_compile), TEST(test_misuse), TEST(test_options), TEST(test_errors),
          TEST(test_io_is_a_fault), TEST(test_text_has_no_directory), TEST(test_format),
          TEST(test_tables), TEST(test_threads), TEST(test_progress))

/* The JSON backend: the output is read back with jansson and compared field by field. */
#include "compile.h"

#include <jansson.h>

/* Compiles to JSON; the caller lets go of the result. */
static json_t *json_of(const char *name, const char *text)
{
    struct compiled c;
    compile_load(&c, name, str_of(text));
    compile_run(&c, "json");
    CU_ASSERT_FATAL(c.ok);
    struct str out = buf_text(c.out);
    json_t *root = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    compile_free(&c);
    return root;
}

/* The value at a path of keys and indexes, "policies/0/name", or NULL. */
static json_t *at(json_t *v, const char *path)
{
    char step[64];
    for (const char *p = path; v != NULL && *p != '\0';) {
        size_t n = strcspn(p, "/");
        snprintf(step, sizeof step, "%.*s", (int)n, p);
        v = json_is_array(v) ? json_array_get(v, strtoul(step, NULL, 10))
                             : json_object_get(v, step);
        p += n + (p[n] == '/');
    }
    return v;
}

static void check_at(json_t *root, const char *path, const char *want)
{
    json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wanted);
    bool equal = json_equal(at(root, path), wanted) == 1;
    CU_ASSERT(equal);
    if (!equal) {
        char *got = json_dumps(at(root, path), JSON_ENCODE_ANY | JSON_COMPACT);
        printf("\n%s: wanted %s, got %s\n", path, want, got != NULL ? got : "nothing");
        free(got);
    }
    json_decref(wanted);
}

static void test_policy(void)
{
    json_t *root = json_of("p.npc", "namespace shop {\n"
                                    "  policy cart for pods app=cart & tier in {b, a} {\n"
                                    "    desc \"x\"\n"
                                    "    label z = 1\n"
                                    "    label a = 2\n"
                                    "    default allow egress\n"
                                    "    allow from {\n"
                                    "      pods app=web,\n"
                                    "      cidr 10.0.0.0/8 except {10.1.0.0/16},\n"
                                    "      all namespaces,\n"
                                    "    } on {tcp/80-80, tcp/81, tcp/http, udp/*}\n"
                                    "    allow to anywhere on all ports\n"
                                    "  }\n"
                                    "}\n");
    check_at(root, "version", "1");
    check_at(root, "policies/0/kind", "\"NetworkPolicy\"");
    check_at(root, "policies/0/namespace", "\"shop\"");
    check_at(root, "policies/0/name", "\"cart\"");
    check_at(root, "policies/0/at", "{\"file\": \"p.npc\", \"line\": 2, \"column\": 10}");
    check_at(root, "policies/0/labels", "{\"z\": \"1\", \"a\": \"2\"}");
    check_at(root, "policies/0/annotations", "{\"kubernetes.io/description\": \"x\"}");
    check_at(root, "policies/0/isolates", "[\"ingress\"]");
    check_at(root, "policies/0/target/namespaces", "null");
    check_at(root, "policies/0/target/pods/1/operator", "\"in\"");
    check_at(root, "policies/0/target/pods/1/values", "[\"b\", \"a\"]");
    check_at(root, "policies/0/rules/0/peers/0/kind", "\"pods\"");
    check_at(root, "policies/0/rules/0/peers/0/namespaces", "null");
    check_at(root, "policies/0/rules/0/peers/1/cidr", "\"10.0.0.0/8\"");
    check_at(root, "policies/0/rules/0/peers/1/except", "[\"10.1.0.0/16\"]");
    check_at(root, "policies/0/rules/0/peers/1/at/line", "9");
    check_at(root, "policies/0/rules/0/peers/2/namespaces", "[]");
    check_at(root, "policies/0/rules/0/peers/2/pods", "null");
    check_at(root, "policies/0/rules/0/ports/0/port", "80");
    check_at(root, "policies/0/rules/0/ports/0/endPort", "80");
    check_at(root, "policies/0/rules/0/ports/2/name", "\"http\"");
    CU_ASSERT_PTR_NULL(at(root, "policies/0/rules/0/ports/1/endPort"));
    CU_ASSERT_PTR_NULL(at(root, "policies/0/rules/0/ports/3/port"));
    check_at(root, "policies/0/rules/1/direction", "\"egress\"");
    check_at(root, "policies/0/rules/1/peers", "\"any\"");
    check_at(root, "policies/0/rules/1/ports", "\"any\"");
    json_decref(root);
}

static void test_normalized(void)
{
    json_t *root =
        json_of("p.npc", "policy p for all pods {\n"
                         "  default allow egress\n"
                         "  allow from {cidr 10.0.0.0/8 except {10.0.0.0/9}, cidr 11.0.0.0/8,\n"
                         "    cidr ::/0, pods b in {x} & a=y} on {tcp/81, tcp/80, udp/dns}\n"
                         "  allow to anywhere on all ports\n"
                         "}\n");
    check_at(root, "policies/0/normalized/rules/0/peers/ipv4", "[\"10.128.0.0-11.255.255.255\"]");
    check_at(root, "policies/0/normalized/rules/0/peers/ipv6",
             "[\"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"]");
    check_at(root, "policies/0/normalized/rules/0/peers/clauses/0/namespaces",
             "[{\"key\": \"kubernetes.io/metadata.name\", \"operator\": \"=\", "
             "\"values\": [\"default\"]}]");
    check_at(root, "policies/0/normalized/rules/0/peers/clauses/0/pods",
             "[{\"key\": \"a\", \"operator\": \"=\", \"values\": [\"y\"]}, "
             "{\"key\": \"b\", \"operator\": \"=\", \"values\": [\"x\"]}]");
    check_at(root, "policies/0/normalized/rules/0/ports",
             "{\"tcp\": [[80, 81]], \"names\": [{\"protocol\": \"udp\", \"name\": \"dns\"}]}");
    CU_ASSERT_PTR_NULL(at(root, "policies/0/normalized/rules/1")); /* inert */
    json_decref(root);
}

static void test_the_rest(void)
{
    json_t *root =
        json_of("p.npc", "tier gold order 7\n"
                         "node n1 { addr 10.0.0.1 }\n"
                         "raw k8s \"\"\"kind: X\"\"\"\n"
                         "cluster policy c in tier gold priority 3 for namespaces a exists {\n"
                         "  pass to {nodes r=s, domain \"*.example.com\"} on icmp/8.1 as \"n\"\n"
                         "}\n"
                         "namespace x {\n"
                         "  workload w { addr 10.0.0.2 }\n"
                         "  test \"t\" {\n"
                         "    expect deny anywhere -> workload w on tcp/1\n"
                         "  }\n"
                         "}\n");
    check_at(root, "tiers/0/name", "\"gold\"");
    check_at(root, "tiers/0/order", "7");
    check_at(root, "policies/0/kind", "\"ClusterNetworkPolicy\"");
    check_at(root, "policies/0/tier", "\"gold\"");
    check_at(root, "policies/0/priority", "3");
    CU_ASSERT_PTR_NULL(at(root, "policies/0/isolates"));
    check_at(root, "policies/0/rules/0/action", "\"pass\"");
    check_at(root, "policies/0/rules/0/name", "\"n\"");
    check_at(root, "policies/0/rules/0/ports/0/type", "8");
    check_at(root, "policies/0/rules/0/ports/0/code", "1");
    check_at(root, "policies/0/normalized/rules/0/peers/clauses/0/nodes/0/key", "\"r\"");
    check_at(root, "policies/0/normalized/rules/0/peers/clauses/1",
             "{\"domain\": \"*.example.com\"}");
    check_at(root, "policies/0/target/namespaces/0/operator", "\"exists\"");
    CU_ASSERT_PTR_NULL(at(root, "policies/0/target/namespaces/0/values"));
    check_at(root, "policies/0/rules/0/peers/1/domain", "\"*.example.com\"");
    check_at(root, "raw/0/text", "\"kind: X\"");
    check_at(root, "tests/0/namespace", "\"x\"");
    check_at(root, "tests/0/expect/0/allow", "false");
    check_at(root, "tests/0/expect/0/from/peers", "\"any\"");
    check_at(root, "tests/0/expect/0/to/workload", "{\"namespace\": \"x\", \"name\": \"w\"}");
    check_at(root, "inventory/workloads", "1");
    check_at(root, "inventory/nodes", "1");
    check_at(root, "inventory/pods", "0");
    json_decref(root);
}

static void test_empty(void)
{
    json_t *root = json_of("p.npc", "");
    check_at(root, "policies", "[]");
    check_at(root, "raw", "[]");
    json_decref(root);
}

/* Names of files may be any bytes; the output is UTF-8 all the same. */
static void test_file_name_that_is_not_utf8(void)
{
    json_t *root = json_of("\xff\xc3\xa9.npc", "policy p for all pods { default deny ingress }");
    check_at(root, "policies/0/at/file", "\"\\ufffd\\u00e9.npc\"");
    json_decref(root);
}

/* The example of docs/ir-json.md, whole: order of keys and layout. */
static void test_example(void)
{
    check_output("json", "app.npc",
                 "policy web for pods app=web {\n"
                 "  allow from {all namespaces, cidr 10.0.0.0/8} on {tcp/80-81, tcp/http}\n"
                 "}\n",
                 "{\n"
                 "  \"version\": 1,\n"
                 "  \"policies\": [\n"
                 "    {\n"
                 "      \"kind\": \"NetworkPolicy\",\n"
                 "      \"name\": \"web\",\n"
                 "      \"labels\": {},\n"
                 "      \"annotations\": {},\n"
                 "      \"target\": {\n"
                 "        \"namespaces\": null,\n"
                 "        \"pods\": [\n"
                 "          {\n"
                 "            \"key\": \"app\",\n"
                 "            \"operator\": \"=\",\n"
                 "            \"values\": [\n"
                 "              \"web\"\n"
                 "            ]\n"
                 "          }\n"
                 "        ]\n"
                 "      },\n"
                 "      \"isolates\": [\n"
                 "        \"ingress\"\n"
                 "      ],\n"
                 "      \"rules\": [\n"
                 "        {\n"
                 "          \"direction\": \"ingress\",\n"
                 "          \"action\": \"allow\",\n"
                 "          \"peers\": [\n"
                 "            {\n"
                 "              \"kind\": \"pods\",\n"
                 "              \"namespaces\": [],\n"
                 "              \"pods\": null,\n"
                 "              \"at\": {\n"
                 "                \"file\": \"app.npc\",\n"
                 "                \"line\": 2,\n"
                 "                \"column\": 15\n"
                 "              }\n"
                 "            },\n"
                 "            {\n"
                 "              \"kind\": \"cidr\",\n"
                 "              \"cidr\": \"10.0.0.0/8\",\n"
                 "              \"except\": [],\n"
                 "              \"at\": {\n"
                 "                \"file\": \"app.npc\",\n"
                 "                \"line\": 2,\n"
                 "                \"column\": 31\n"
                 "              }\n"
                 "            }\n"
                 "          ],\n"
                 "          \"ports\": [\n"
                 "            {\n"
                 "              \"protocol\": \"tcp\",\n"
                 "              \"port\": 80,\n"
                 "              \"endPort\": 81,\n"
                 "              \"at\": {\n"
                 "                \"file\": \"app.npc\",\n"
                 "                \"line\": 2,\n"
                 "                \"column\": 52\n"
                 "              }\n"
                 "            },\n"
                 "            {\n"
                 "              \"protocol\": \"tcp\",\n"
                 "              \"name\": \"http\",\n"
                 "              \"at\": {\n"
                 "                \"file\": \"app.npc\",\n"
                 "                \"line\": 2,\n"
                 "                \"column\": 63\n"
                 "              }\n"
                 "            }\n"
                 "          ],\n"
                 "          \"at\": {\n"
                 "            \"file\": \"app.npc\",\n"
                 "            \"line\": 2,\n"
                 "            \"column\": 3\n"
                 "          }\n"
                 "        }\n"
                 "      ],\n"
                 "      \"at\": {\n"
                 "        \"file\": \"app.npc\",\n"
                 "        \"line\": 1,\n"
                 "        \"column\": 8\n"
                 "      },\n"
                 "      \"normalized\": {\n"
                 "        \"target\": {\n"
                 "          \"namespaces\": [\n"
                 "            {\n"
                 "              \"key\": \"kubernetes.io/metadata.name\",\n"
                 "              \"operator\": \"=\",\n"
                 "              \"values\": [\n"
                 "                \"default\"\n"
                 "              ]\n"
                 "            }\n"
                 "          ],\n"
                 "          \"pods\": [\n"
                 "            {\n"
                 "              \"key\": \"app\",\n"
                 "              \"operator\": \"=\",\n"
                 "              \"values\": [\n"
                 "                \"web\"\n"
                 "              ]\n"
                 "            }\n"
                 "          ]\n"
                 "        },\n"
                 "        \"rules\": [\n"
                 "          {\n"
                 "            \"direction\": \"ingress\",\n"
                 "            \"action\": \"allow\",\n"
                 "            \"rule\": 0,\n"
                 "            \"peers\": {\n"
                 "              \"clauses\": [\n"
                 "                {\n"
                 "                  \"namespaces\": [],\n"
                 "                  \"pods\": []\n"
                 "                }\n"
                 "              ],\n"
                 "              \"ipv4\": [\n"
                 "                \"10.0.0.0-10.255.255.255\"\n"
                 "              ],\n"
                 "              \"ipv6\": []\n"
                 "            },\n"
                 "            \"ports\": {\n"
                 "              \"tcp\": [\n"
                 "                [\n"
                 "                  80,\n"
                 "                  81\n"
                 "                ]\n"
                 "              ],\n"
                 "              \"names\": [\n"
                 "                {\n"
                 "                  \"protocol\": \"tcp\",\n"
                 "                  \"name\": \"http\"\n"
                 "                }\n"
                 "              ]\n"
                 "            }\n"
                 "          }\n"
                 "        ]\n"
                 "      }\n"
                 "    }\n"
                 "  ],\n"
                 "  \"tiers\": [],\n"
                 "  \"tests\": [],\n"
                 "  \"raw\": [],\n"
                 "  \"inventory\": {\n"
                 "    \"namespaces\": 1,\n"
                 "    \"pods\": 0,\n"
                 "    \"workloads\": 0,\n"
                 "    \"templates\": 0,\n"
                 "    \"nodes\": 0,\n"
                 "    \"services\": 0\n"
                 "  }\n"
                 "}\n");
}

/* No byte is outside ASCII. */
static void test_escapes(void)
{
    struct compiled c;
    compile_load(&c, "p.npc",
                 STR("policy p for all pods { desc \"\xc3\xa9\\u{202e}\" default deny ingress }"));
    compile_run(&c, "json");
    CU_ASSERT_FATAL(c.ok);
    CU_ASSERT(str_holds(buf_text(c.out), "\"kubernetes.io/description\": \"\\u00E9\\u202E\""));
    compile_free(&c);
}

UNIT_MAIN("backend_json", TEST(test_policy), TEST(test_normalized), TEST(test_the_rest),
          TEST(test_empty), TEST(test_file_name_that_is_not_utf8), TEST(test_example),
          TEST(test_escapes))

/*
 * The grammar of the npc language (docs: npc-language(5)). Plain LALR(1), no conflicts, no
 * precedence; direct left recursion only, so that the stack is bounded for any input. Builds the
 * syntax tree and nothing else: an action calls one builder, and checks nothing.
 */
%require "3.8"
%define api.pure full
%define api.prefix {dsl_yy}
%define api.token.prefix {T_}
%define api.location.type {struct ast_loc}
%define parse.error custom
%define parse.lac full
/* Room for all that an exploratory parse can push, so that LAC never allocates. */
%define parse.lac.es-capacity-initial {128}
%locations
%parse-param {struct parser *p}
%lex-param {struct parser *p}
%initial-action { @$ = (struct ast_loc){.at = {.file = p->file->file, .line = 1, .col = 1}}; }

%code requires {
#include "frontend/dsl_parse.h"
}

%code provides {
/* flex knows the types by their names without prefix. */
#define YYSTYPE DSL_YYSTYPE
#define YYLTYPE DSL_YYLTYPE
/* The scanner proper (dsl.l), and the one with recovery that the parser calls (dsl_parse.c). */
int dsl_scan(DSL_YYSTYPE *value, DSL_YYLTYPE *loc, void *scanner);
int dsl_yylex(DSL_YYSTYPE *value, DSL_YYLTYPE *loc, struct parser *p);
}

%union {
    struct ast_word word;
    struct ast_elem *elem;
    struct ast_set *set;
    struct ast_req *req;
    struct ast_selector *selector;
    struct ast_scope *scope;
    struct ast_item *item;
    struct ast_list list;
    enum action action;
    enum ast_sides sides;
}

%code {
/* No input needs more than 31 entries: tests/grammar.py computes that from the automaton. */
#define YYINITDEPTH 64
#define YYMAXDEPTH  64
/* Neither the stack nor LAC may grow: there is no memory outside the arena. */
#define YYMALLOC(size) ((void)(size), NULL)
#define YYFREE(pointer) ((void)(pointer))

#define YYLLOC_DEFAULT(Current, Rhs, N) ((Current) = ast_loc_join((Rhs), (N)))

#define ARENA           (&p->c->arena)
#define ITEM(loc, ...)  ast_item(ARENA, (loc), (struct ast_item){__VA_ARGS__})
#define ELEM(loc, ...)  ast_elem(ARENA, (loc), (struct ast_elem){__VA_ARGS__})
#define REQ(loc, ...)   ast_req(ARENA, (loc), (struct ast_req){__VA_ARGS__})
#define SCOPE(loc, ...) ast_scope(ARENA, (loc), (struct ast_scope){__VA_ARGS__})

/* Ends an error production. Without yyerrok the next error would go unreported, but at the end of
 * the file yyerrok would keep the parser from giving up. */
#define RESUME(list)                                                                               \
    do {                                                                                           \
        enum resume how = parser_resume(p, &(list));                                               \
        if (how != RESUME_END) {                                                                   \
            yyerrok;                                                                               \
        }                                                                                          \
        if (how == RESUME_BEHIND) {                                                                \
            yyclearin;                                                                             \
        }                                                                                          \
    } while (0)

static void dsl_yyerror(const struct ast_loc *loc, struct parser *p, const char *text);
}

%token YYEOF 0 "the end of the file"
%token <word> WORD "a word" STRING "a string" LONGSTR "a long string"
%token <word> PORT "a port" ADDR6 "an address"
%token ARROW "->" LBRACE "{" RBRACE "}" COMMA "," AMP "&" EQ "=" NOT "!"
%token BAD "characters that form no word"
%token <word>
    NPC "npc" INCLUDE "include" IMPORT "import" LET "let" RULES "rules" USE "use"
    NAMESPACE "namespace" NAMESPACES "namespaces" POLICY "policy" CLUSTER "cluster" TIER "tier"
    ORDER "order" PRIORITY "priority" FOR "for" ALL "all" PODS "pods" NODES "nodes" CIDR "cidr"
    DOMAIN "domain" ANYWHERE "anywhere" THIS "this" IN "in" INGRESS "ingress" EGRESS "egress"
    NOTIN "notin" EXISTS "exists" EXCEPT "except" ALLOW "allow" DENY "deny" PASS "pass" FROM "from"
    TO "to" ON "on" PORTS "ports" AS "as" DEFAULT "default" DESC "desc" LABEL "label"
    ANNOTATION "annotation" FLOWS "flows" WORKLOAD "workload" NODE "node" ADDR "addr" PORTKW "port"
    TEST "test" EXPECT "expect" RAW "raw"

%type <word> opt_as name key val anyword keyword
%type <list> items nsitems stmts ruleset flows expects props
%type <item> item nsitem decl stmt rule flow expect prop
%type <elem> target peer noun vitem port addr dir nameelem valelem
%type <set> names namelist peers peerlist set vals val1 opt_except addrs addrlist ports portlist
%type <set> vlist dirs ends opt_on value
%type <selector> selector
%type <scope> scope opt_scope nsphrase
%type <req> req
%type <action> verb
%type <sides> opt_dir

%start file
%%
file
  : items  { p->file->items = $1; }
  ;
items
  : %empty      { $$ = parser_list(p); }
  | items item  { $$ = ast_list_add($1, $2); }
  ;
item
  : NPC WORD                { $$ = ITEM(@$, .kind = ITEM_VERSION, .value = $2); }
  | INCLUDE STRING          { $$ = ITEM(@$, .kind = ITEM_INCLUDE, .value = $2); }
  | IMPORT STRING           { $$ = ITEM(@$, .kind = ITEM_IMPORT, .value = $2); }
  | TIER name ORDER WORD    { $$ = ITEM(@$, .kind = ITEM_TIER, .name = $2, .value = $4); }
  | NODE name "{" props "}"
      { $$ = ITEM(@$, .kind = ITEM_NODE, .name = $2, .body = ast_body($4, @3, @5)); }
  | NAMESPACE names "{" nsitems "}"
      { $$ = ITEM(@$, .kind = ITEM_NAMESPACE, .left = $2, .body = ast_body($4, @3, @5)); }
  | CLUSTER POLICY name IN TIER name PRIORITY WORD FOR target "{" stmts "}"
      { $$ = ITEM(@$, .kind = ITEM_CLUSTER, .name = $3, .tier = $6, .value = $8, .target = $10,
                  .body = ast_body($12, @11, @13)); }
  | decl
  | error  { $$ = NULL; RESUME($<list>0); }
  ;
nsitems
  : %empty          { $$ = parser_list(p); }
  | nsitems nsitem  { $$ = ast_list_add($1, $2); }
  ;
nsitem
  : decl
  | LABEL key "=" val  { $$ = ITEM(@$, .kind = ITEM_LABEL, .name = $2, .value = $4); }
  | error              { $$ = NULL; RESUME($<list>0); }
  ;
decl
  : LET WORD "=" value opt_on
      { $$ = ITEM(@$, .kind = ITEM_LET, .name = $2, .left = $4, .on = $5); }
  | RULES WORD "{" ruleset "}"
      { $$ = ITEM(@$, .kind = ITEM_RULES, .name = $2, .body = ast_body($4, @3, @5)); }
  | POLICY name FOR target "{" stmts "}"
      { $$ = ITEM(@$, .kind = ITEM_POLICY, .name = $2, .target = $4,
                  .body = ast_body($6, @5, @7)); }
  | FLOWS name opt_dir "{" flows "}"
      { $$ = ITEM(@$, .kind = ITEM_FLOWS, .name = $2, .sides = $3,
                  .body = ast_body($5, @4, @6)); }
  | WORKLOAD name "{" props "}"
      { $$ = ITEM(@$, .kind = ITEM_WORKLOAD, .name = $2, .body = ast_body($4, @3, @5)); }
  | TEST STRING "{" expects "}"
      { $$ = ITEM(@$, .kind = ITEM_TEST, .name = $2, .body = ast_body($4, @3, @5)); }
  | RAW WORD LONGSTR  { $$ = ITEM(@$, .kind = ITEM_RAW, .name = $2, .value = $3); }
  ;

/* ---- policy bodies ---- */
target
  : ALL PODS  { $$ = ELEM(@$, .kind = ELEM_ALL_PODS); }
  | peer
  ;
stmts
  : %empty      { $$ = parser_list(p); }
  | stmts stmt  { $$ = ast_list_add($1, $2); }
  ;
stmt
  : DESC STRING              { $$ = ITEM(@$, .kind = ITEM_DESC, .value = $2); }
  | LABEL key "=" val        { $$ = ITEM(@$, .kind = ITEM_LABEL, .name = $2, .value = $4); }
  | ANNOTATION key "=" val   { $$ = ITEM(@$, .kind = ITEM_ANNOTATION, .name = $2, .value = $4); }
  | DEFAULT DENY dirs        { $$ = ITEM(@$, .kind = ITEM_DEFAULT_DENY, .left = $3); }
  | DEFAULT ALLOW dirs       { $$ = ITEM(@$, .kind = ITEM_DEFAULT_ALLOW, .left = $3); }
  | RAW WORD LONGSTR         { $$ = ITEM(@$, .kind = ITEM_RAW, .name = $2, .value = $3); }
  | rule
  | error                    { $$ = NULL; RESUME($<list>0); }
  ;
ruleset
  : %empty         { $$ = parser_list(p); }
  | ruleset rule   { $$ = ast_list_add($1, $2); }
  | ruleset error  { $$ = $1; RESUME($1); }
  ;
rule
  : verb FROM peers opt_on opt_as
      { $$ = ITEM(@$, .kind = ITEM_RULE, .action = $1, .direction = DIR_INGRESS, .left = $3,
                  .on = $4, .value = $5); }
  | verb TO peers opt_on opt_as
      { $$ = ITEM(@$, .kind = ITEM_RULE, .action = $1, .direction = DIR_EGRESS, .left = $3,
                  .on = $4, .value = $5); }
  | USE WORD  { $$ = ITEM(@$, .kind = ITEM_USE, .name = $2); }
  ;
verb
  : ALLOW  { $$ = ACT_ALLOW; }
  | DENY   { $$ = ACT_DENY; }
  | PASS   { $$ = ACT_PASS; }
  ;
dirs
  : dir  { $$ = ast_set_new(ARENA, $1); }
  | "{" dir "," dir opt_comma "}"
      { $$ = ast_set_brace(ast_set_add(ast_set_new(ARENA, $2), $4), @$); }
  ;
dir
  : INGRESS  { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  | EGRESS   { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  ;
opt_dir
  : %empty   { $$ = SIDES_BOTH; }
  | INGRESS  { $$ = SIDES_INGRESS; }
  | EGRESS   { $$ = SIDES_EGRESS; }
  ;
opt_on
  : %empty    { $$ = NULL; }
  | ON ports  { $$ = $2; }
  ;
opt_as
  : %empty     { $$ = (struct ast_word){0}; }
  | AS STRING  { $$ = $2; }
  ;

/* ---- peers: braces with commas are always OR; '&' and 'in' are always AND ---- */
peers
  : peer                        { $$ = ast_set_new(ARENA, $1); }
  | "{" peerlist opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
peerlist
  : peer               { $$ = ast_set_new(ARENA, $1); }
  | peerlist "," peer  { $$ = ast_set_add($1, $3); }
  ;
peer
  : noun
  | WORD  { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  ;
noun
  : PODS selector opt_scope  { $$ = ELEM(@$, .kind = ELEM_PODS, .labels = $2, .scope = $3); }
  | ALL PODS scope           { $$ = ELEM(@$, .kind = ELEM_ALL_PODS, .scope = $3); }
  | nsphrase                 { $$ = ELEM(@$, .kind = ELEM_NAMESPACES, .scope = $1); }
  | NODES selector           { $$ = ELEM(@$, .kind = ELEM_NODES, .labels = $2); }
  | ALL NODES                { $$ = ELEM(@$, .kind = ELEM_ALL_NODES); }
  | CIDR addr opt_except
      { $$ = ELEM(@$, .kind = ELEM_CIDR, .word = $2->word, .except = $3); }
  | DOMAIN STRING            { $$ = ELEM(@$, .kind = ELEM_DOMAIN, .word = $2); }
  | ANYWHERE                 { $$ = ELEM(@$, .kind = ELEM_ANYWHERE); }
  ;
scope
  : IN THIS NAMESPACE  { $$ = SCOPE(@$, .kind = SCOPE_THIS); }
  | IN nsphrase        { $$ = $2; }
  ;
opt_scope
  : %empty  { $$ = NULL; }
  | scope
  ;
nsphrase
  : NAMESPACE names      { $$ = SCOPE(@$, .kind = SCOPE_NAMES, .names = $2); }
  | NAMESPACES selector  { $$ = SCOPE(@$, .kind = SCOPE_LABELS, .labels = $2); }
  | ALL NAMESPACES       { $$ = SCOPE(@$, .kind = SCOPE_ALL); }
  ;
selector
  : req               { $$ = ast_selector_new(ARENA, $1); }
  | selector "&" req  { $$ = ast_selector_add($1, $3); }
  ;
req
  : key "=" val1     { $$ = REQ(@$, .op = SEL_EQ, .key = $1, .values = $3); }
  | key IN set       { $$ = REQ(@$, .op = SEL_IN, .key = $1, .values = $3); }
  | key NOTIN set    { $$ = REQ(@$, .op = SEL_NOTIN, .key = $1, .values = $3); }
  | key EXISTS       { $$ = REQ(@$, .op = SEL_EXISTS, .key = $1); }
  | key "!" EXISTS   { $$ = REQ(@$, .op = SEL_ABSENT, .key = $1); }
  ;
set
  : "{" vals opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
vals
  : valelem           { $$ = ast_set_new(ARENA, $1); }
  | vals "," valelem  { $$ = ast_set_add($1, $3); }
  ;
opt_except
  : %empty                             { $$ = NULL; }
  | EXCEPT "{" addrlist opt_comma "}"
      { $$ = ast_set_brace($3, ast_loc_join(&@1, 4)); } /* from the brace on */
  ;
addrs
  : addr                        { $$ = ast_set_new(ARENA, $1); }
  | "{" addrlist opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
addrlist
  : addr               { $$ = ast_set_new(ARENA, $1); }
  | addrlist "," addr  { $$ = ast_set_add($1, $3); }
  ;
addr
  : WORD   { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  | ADDR6  { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  ;
opt_comma
  : %empty
  | ","
  ;

/* ---- ports ---- */
ports
  : ALL PORTS  { $$ = ast_set_new(ARENA, ELEM(@$, .kind = ELEM_ALL_PORTS)); }
  | port       { $$ = ast_set_new(ARENA, $1); }
  | "{" portlist opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
portlist
  : port               { $$ = ast_set_new(ARENA, $1); }
  | portlist "," port  { $$ = ast_set_add($1, $3); }
  ;
port
  : PORT    { $$ = ELEM(@$, .kind = ELEM_PORT, .word = $1); }
  | STRING  { $$ = ELEM(@$, .kind = ELEM_QUOTED_PORT, .word = $1); }
  | WORD    { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  ;

/* ---- let ---- */
value
  : vitem                    { $$ = ast_set_new(ARENA, $1); }
  | "{" vlist opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
vlist
  : vitem            { $$ = ast_set_new(ARENA, $1); }
  | vlist "," vitem  { $$ = ast_set_add($1, $3); }
  ;
vitem
  : noun
  | PORT    { $$ = ELEM(@$, .kind = ELEM_PORT, .word = $1); }
  | STRING  { $$ = ELEM(@$, .kind = ELEM_QUOTED_PORT, .word = $1); }
  | WORD    { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); }
  ;

/* ---- flows and tests ---- */
flows
  : %empty      { $$ = parser_list(p); }
  | flows flow  { $$ = ast_list_add($1, $2); }
  ;
flow
  : peers ARROW peers opt_on opt_as
      { $$ = ITEM(@$, .kind = ITEM_FLOW, .left = $1, .right = $3, .on = $4, .value = $5); }
  | error  { $$ = NULL; RESUME($<list>0); }
  ;
expects
  : %empty          { $$ = parser_list(p); }
  | expects expect  { $$ = ast_list_add($1, $2); }
  ;
expect
  : EXPECT ALLOW ends ARROW ends opt_on
      { $$ = ITEM(@$, .kind = ITEM_EXPECT, .action = ACT_ALLOW, .left = $3, .right = $5,
                  .on = $6); }
  | EXPECT DENY ends ARROW ends opt_on
      { $$ = ITEM(@$, .kind = ITEM_EXPECT, .action = ACT_DENY, .left = $3, .right = $5,
                  .on = $6); }
  | error  { $$ = NULL; RESUME($<list>0); }
  ;
ends
  : peers
  | WORKLOAD name
      { $$ = ast_set_new(ARENA, ELEM(@$, .kind = ELEM_WORKLOAD, .word = $2)); }
  ;

/* ---- inventory ---- */
props
  : %empty      { $$ = parser_list(p); }
  | props prop  { $$ = ast_list_add($1, $2); }
  ;
prop
  : ADDR addrs            { $$ = ITEM(@$, .kind = ITEM_ADDR, .left = $2); }
  | LABEL key "=" val     { $$ = ITEM(@$, .kind = ITEM_LABEL, .name = $2, .value = $4); }
  | PORTKW name "=" PORT  { $$ = ITEM(@$, .kind = ITEM_PORT, .name = $2, .value = $4); }
  | error                 { $$ = NULL; RESUME($<list>0); }
  ;

/* ---- words: every keyword is also a legal name, label key and label value ---- */
names
  : nameelem                    { $$ = ast_set_new(ARENA, $1); }
  | "{" namelist opt_comma "}"  { $$ = ast_set_brace($2, @$); }
  ;
namelist
  : nameelem               { $$ = ast_set_new(ARENA, $1); }
  | namelist "," nameelem  { $$ = ast_set_add($1, $3); }
  ;
nameelem : name     { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); } ;
valelem  : val      { $$ = ELEM(@$, .kind = ELEM_WORD, .word = $1); } ;
val1     : valelem  { $$ = ast_set_new(ARENA, $1); } ;
name : anyword ;
key  : anyword ;
val  : anyword ;
anyword
  : WORD
  | STRING
  | LONGSTR
  | keyword
  ;
keyword
  : NPC | INCLUDE | IMPORT | LET | RULES | USE | NAMESPACE | NAMESPACES | POLICY | CLUSTER
  | TIER | ORDER | PRIORITY | FOR | ALL | PODS | NODES | CIDR | DOMAIN | ANYWHERE | THIS
  | IN | INGRESS | EGRESS | NOTIN | EXISTS | EXCEPT | ALLOW | DENY | PASS | FROM | TO | ON | PORTS
  | AS | DEFAULT | DESC | LABEL | ANNOTATION | FLOWS | WORKLOAD | NODE | ADDR | PORTKW | TEST
  | EXPECT | RAW
  ;
%%
static void dsl_yyerror(const struct ast_loc *loc, struct parser *p, const char *text)
{
    (void)loc;
    (void)text; /* only ever "memory exhausted": syntax errors go the other way */
    parser_exhausted(p);
}

/* Hands the names of tokens to the driver, which makes the message. */
static int yyreport_syntax_error(const yypcontext_t *context, struct parser *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++) {
        names[i] = yysymbol_name(kinds[i]);
    }
    yysymbol_kind_t found = yypcontext_token(context);
    parser_syntax_error(p, found == YYSYMBOL_YYEMPTY ? "" : yysymbol_name(found), names,
                        n < 0 ? 0 : (size_t)n);
    return 0;
}

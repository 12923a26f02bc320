# Scanner and parser of the npc language, generated into the build directory. Generated code is not
# ours to style: it is compiled with milder warnings than the rest.
set(grammar_dir ${PROJECT_BINARY_DIR}/grammar)
file(MAKE_DIRECTORY ${grammar_dir})

bison_target(npc_dsl_parser ${PROJECT_SOURCE_DIR}/frontend/dsl.y ${grammar_dir}/dsl.tab.c
             DEFINES_FILE ${grammar_dir}/dsl.tab.h
             COMPILE_FLAGS "-Wall -Wcounterexamples -Werror")
flex_target(npc_dsl_scanner ${PROJECT_SOURCE_DIR}/frontend/dsl.l ${grammar_dir}/dsl.lex.c
            DEFINES_FILE ${grammar_dir}/dsl.lex.h)
add_flex_bison_dependency(npc_dsl_scanner npc_dsl_parser)

add_library(npc_grammar OBJECT ${BISON_npc_dsl_parser_OUTPUTS} ${FLEX_npc_dsl_scanner_OUTPUTS})
target_include_directories(npc_grammar PUBLIC ${grammar_dir})
target_link_libraries(npc_grammar PUBLIC npc_flags)
target_compile_options(npc_grammar PRIVATE -Wall -Wno-unused-function $<$<BOOL:${NPC_WERROR}>:-Werror>)

# The driver (frontend/dsl_parse.c) includes the generated headers.
add_dependencies(npc_frontend npc_grammar)
target_include_directories(npc_frontend PRIVATE ${grammar_dir})

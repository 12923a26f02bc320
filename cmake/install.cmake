# What is installed: libnpc.a, its header and pkg-config file, the program, man pages, completions.

# The library is one object: all objects linked together, then every symbol but the npc_* functions
# of npc.h (NPC_API) made local, so that a program that links it can meet no other name of ours.
set(whole ${CMAKE_CURRENT_BINARY_DIR}/npc_whole.o)
set(parts)
foreach(part ${NPC_OBJECTS})
  list(APPEND parts $<TARGET_OBJECTS:${part}>)
endforeach()
add_custom_command(
  OUTPUT ${whole}
  COMMAND ${CMAKE_LINKER} -r -o ${whole} ${parts}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${whole}
  DEPENDS ${parts}
  COMMAND_EXPAND_LISTS VERBATIM
  COMMENT "Linking npc_whole.o")
add_library(npc STATIC ${whole})
add_dependencies(npc ${NPC_OBJECTS}) # make builds target by target, and knows no other's files
set_source_files_properties(${whole} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
set_target_properties(npc PROPERTIES LINKER_LANGUAGE C)
target_include_directories(npc PUBLIC ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(npc PUBLIC PkgConfig::YAML PkgConfig::JANSSON PkgConfig::YAJL PkgConfig::MD)

# The program sees the public header, apply/apply.h and its own folder, nothing else. apply has a
# copy of base to itself: that of the library is hidden in it.
file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/cli/*.c)
add_executable(npc_program ${cli_sources} $<TARGET_OBJECTS:npc_apply> $<TARGET_OBJECTS:npc_base>)
set_target_properties(npc_program PROPERTIES OUTPUT_NAME npc)
target_link_libraries(npc_program PRIVATE npc npc_flags npc_warnings npc_more_warnings)

file(RELATIVE_PATH NPC_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/npc.pc.in npc.pc @ONLY)
install(TARGETS npc npc_program)
install(FILES include/npc/npc.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/npc)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/npc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# The unit names the program where it is installed, which only the installation knows.
install(CODE "set(NPC_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  configure_file(\"${PROJECT_SOURCE_DIR}/cmake/npc.service.in\"
                 \"${CMAKE_CURRENT_BINARY_DIR}/npc.service\" @ONLY)")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/npc.service DESTINATION lib/systemd/system)
install(FILES docs/npc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/npc-language.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES completions/npc.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME npc)
install(FILES completions/_npc DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES completions/npc.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

# What makes a fault of ours harder to use, and the warnings that only some compilers have. Each flag
# is tried first, so that another compiler or processor builds without what it lacks.
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckLinkerFlag)
include(CheckPIESupported)

# npc_compile_flags(TARGET FLAG...): those that the compiler knows.
function(npc_compile_flags target)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "NPC_HAS${flag}" known)
    check_c_compiler_flag("-Werror ${flag}" ${known})
    if(${known})
      target_compile_options(${target} INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

# npc_link_flags(TARGET FLAG...): those that the linker knows.
function(npc_link_flags target)
  foreach(flag ${ARGN})
    string(MAKE_C_IDENTIFIER "NPC_HAS${flag}" known)
    check_linker_flag(C ${flag} ${known})
    if(${known})
      target_link_options(${target} INTERFACE ${flag})
    endif()
  endforeach()
endfunction()

# Level 3 also checks sizes that are known at run time only; a C library without it warns.
function(npc_fortify target)
  set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
  check_c_source_compiles("#include <string.h>\nint main(void) { return 0; }" NPC_HAS_FORTIFY_3)
  set(level 2)
  if(NPC_HAS_FORTIFY_3)
    set(level 3)
  endif()
  # It needs an optimizing compiler.
  target_compile_options(${target} INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=${level}>)
endfunction()

# tests/hardening.sh reads from the program that all this is in it. Not here: -ftrivial-auto-var-init,
# which would hide from valgrind and MemorySanitizer what they are run for.
function(npc_harden target)
  npc_compile_flags(${target} -fstack-protector-strong -fstack-clash-protection -fcf-protection=full)
  npc_link_flags(${target} -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,--as-needed)
  npc_fortify(${target})
endfunction()

# Beyond the warnings that gcc and clang share. The stack: tests run with 256 KiB of it, and the
# largest frames are buffers of 16 KiB for reading. The sanitizers' frames are larger.
function(npc_warn_more target)
  npc_compile_flags(${target} -Wconversion -Wno-sign-conversion -Wold-style-definition -Wdouble-promotion
    -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init -Wtrampolines -Walloc-zero)
  if(NOT NPC_SANITIZE)
    npc_compile_flags(${target} -Wstack-usage=20480)
  endif()
endfunction()

# Makes C of the page of reports: cmake -DSOURCE=DIRECTORY -DOUTPUT=FILE.c -P report_page.cmake
#
# The page is report.html with the style sheet and the scripts of the same folder in it, and the
# hashes that its Content-Security-Policy allows. It is split where the data goes.

# base64 of a SHA-256 of text, which CMake gives in hexadecimal.
function(sha256_base64 text out)
  string(SHA256 hex "${text}")
  string(APPEND hex "00") # 33 bytes: a whole number of groups of three
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  set(result "")
  foreach(at RANGE 0 60 6)
    string(SUBSTRING "${hex}" ${at} 6 group)
    foreach(shift 18 12 6 0)
      math(EXPR digit "(0x${group} >> ${shift}) & 63")
      string(SUBSTRING "${alphabet}" ${digit} 1 digit)
      string(APPEND result "${digit}")
    endforeach()
  endforeach()
  string(REGEX REPLACE ".$" "=" result "${result}")
  set(${out} "${result}" PARENT_SCOPE)
endfunction()

# A C array of bytes, with a NUL that is not counted.
function(c_array name text out)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)" "\\1\n"
         bytes "${bytes}")
  string(LENGTH "${hex}" size)
  math(EXPR size "${size} / 2")
  set(${out} "const unsigned char ${name}[] = {\n${bytes}0};\nconst size_t ${name}_size = ${size};\n" PARENT_SCOPE)
endfunction()

file(READ ${SOURCE}/report.html page)
file(READ ${SOURCE}/report.css style)
set(script "")
foreach(part ${PARTS})
  file(READ ${SOURCE}/${part}.js text)
  string(APPEND script "${text}\n")
endforeach()
sha256_base64("${style}" style_hash)
sha256_base64("${script}" script_hash)
string(REPLACE "@STYLE_HASH@" "${style_hash}" page "${page}")
string(REPLACE "@SCRIPT_HASH@" "${script_hash}" page "${page}")
string(REPLACE "@STYLE@" "${style}" page "${page}")
string(REPLACE "@SCRIPT@" "${script}" page "${page}")

string(FIND "${page}" "@DATA@" at)
string(SUBSTRING "${page}" 0 ${at} head)
math(EXPR at "${at} + 6")
string(SUBSTRING "${page}" ${at} -1 tail)
c_array(report_page_head "${head}" head)
c_array(report_page_tail "${tail}" tail)
file(WRITE ${OUTPUT} "/* Generated from analysis/report. */\n#include \"analysis/report_page.h\"\n\n${head}\n${tail}")

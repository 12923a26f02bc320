# The page of reports (npc list -o html), generated into the build directory as C.
set(report_source ${PROJECT_SOURCE_DIR}/analysis/report)
set(report_page ${PROJECT_BINARY_DIR}/report_page.c)
# The scripts in the order in which they stand in the page.
set(report_parts dom model project layout route graph window matrix table panel main)
list(TRANSFORM report_parts PREPEND ${report_source}/ OUTPUT_VARIABLE report_scripts)
list(TRANSFORM report_scripts APPEND .js)

add_custom_command(
  OUTPUT ${report_page}
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${report_source} "-DPARTS=${report_parts}" -DOUTPUT=${report_page}
          -P ${PROJECT_SOURCE_DIR}/cmake/report_page.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/cmake/report_page.cmake ${report_source}/report.html ${report_source}/report.css
          ${report_scripts}
  VERBATIM)
target_sources(npc_analysis PRIVATE ${report_page})

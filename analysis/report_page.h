/* The page of a report, made of analysis/report/ by cmake/report_page.cmake: what stands before the
 * data, and what after it. */
#ifndef NPC_ANALYSIS_REPORT_PAGE_H
#define NPC_ANALYSIS_REPORT_PAGE_H

#include <stddef.h>

extern const unsigned char report_page_head[], report_page_tail[];
extern const size_t report_page_head_size, report_page_tail_size;

#endif

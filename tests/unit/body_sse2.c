/*
 * The body scanner as a processor without AVX2 runs it, under names of its own, for test_smtp_body.
 */
#define smtp_body_begin                 sse2_body_begin
#define smtp_body_scan                  sse2_body_scan
#define smtp_body_chunk_end             sse2_body_chunk_end
#define smtp_body_event_name            sse2_body_event_name
#define __builtin_cpu_supports(feature) 0

#include "smtp/body.c"

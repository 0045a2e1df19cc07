/*
 * The body scanner as a processor without vectors runs it, under names of its own, for
 * test_smtp_body.
 */
#include "base/span.h"

#define smtp_body_begin      plain_body_begin
#define smtp_body_scan       plain_body_scan
#define smtp_body_chunk_end  plain_body_chunk_end
#define smtp_body_event_name plain_body_event_name
#undef __x86_64__

#include "smtp/body.c"

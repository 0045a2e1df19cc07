/*
 * The limits and timeouts of a policy, by name (RFC 5321 section 4.5.3).
 */
#include "policy/policy.h"

#include <assert.h>

/* A line of a command or a reply is looked at whole, so its limit is also what a session may hold
 * in memory: hence a maximum, and no "no limit". */
enum { LINE_MAX_OCTETS = 32768, REPLY_LINE_MAX = 4096, DAY = 24 * 60 * 60 * 1000 };

#define LIMIT(field)   .offset = offsetof(struct policy_limits, field)
#define TIMEOUT(field) .offset = offsetof(struct policy_timeouts, field)

const struct policy_number_info policy_limit_infos[] = {
    {.name = "command-line",
     LIMIT(command_line),
     .octets = true,
     .about = "octets of a command line with its CRLF; what the offered extensions need is added",
     .min = 64,
     .max = LINE_MAX_OCTETS,
     .standard = 512},
    {.name = "auth-line",
     LIMIT(auth_line),
     .octets = true,
     .about = "octets of an AUTH command or of a line of its exchange, with CRLF",
     .min = 64,
     .max = LINE_MAX_OCTETS,
     .standard = 12288},
    {.name = "text-line",
     LIMIT(text_line),
     .octets = true,
     .none = true,
     .about = "octets of a line of a message without CRLF; `framing … long-line` says what happens",
     .min = 78,
     .max = UINT32_MAX,
     .standard = 998},
    {.name = "reply-line",
     LIMIT(reply_line),
     .octets = true,
     .about = "octets of a line of a server's reply with its CRLF; a longer one is cut",
     .min = 64,
     .max = REPLY_LINE_MAX,
     .standard = 512},
    {.name = "reply-lines",
     LIMIT(reply_lines),
     .about = "lines of one reply",
     .min = 1,
     .max = 10000,
     .standard = 100},
    {.name = "pipeline",
     LIMIT(pipeline),
     .about = "commands whose replies are outstanding; a client that has sent more has to wait",
     .min = 1,
     .max = 10000,
     .standard = 100},
    {.name = "recipients",
     LIMIT(recipients),
     .none = true,
     .about = "RCPT commands of one transaction",
     .min = 1,
     .max = UINT32_MAX,
     .standard = 1000},
    {.name = "errors",
     LIMIT(errors),
     .none = true,
     .about = "commands of one session that the gateway refuses; the last of them ends it",
     .min = 1,
     .max = UINT32_MAX,
     .standard = 20},
    {.name = "message-size",
     LIMIT(message_size),
     .octets = true,
     .none = true,
     .wide = true,
     .about = "octets of one message",
     .min = 1,
     .max = (uint64_t)1 << 50,
     .standard = 0},
    {.name = NULL},
};

const struct policy_number_info policy_timeout_infos[] = {
    {.name = "connect",
     TIMEOUT(connect),
     .about = "for one server of the backend to accept the connection",
     .min = 1,
     .max = DAY,
     .standard = 10000},
    {.name = "greeting",
     TIMEOUT(greeting),
     .about = "for the server's greeting",
     .min = 1,
     .max = DAY,
     .standard = 60000},
    {.name = "command",
     TIMEOUT(command),
     .about = "for the client's next command",
     .min = 1,
     .max = DAY,
     .standard = 300000},
    {.name = "reply",
     TIMEOUT(reply),
     .about = "for the server's reply to a command",
     .min = 1,
     .max = DAY,
     .standard = 300000},
    {.name = "data-block",
     TIMEOUT(data_block),
     .about = "for the client's next piece of a message",
     .min = 1,
     .max = DAY,
     .standard = 180000},
    {.name = "data-end",
     TIMEOUT(data_end),
     .about = "for the server's reply to the end of a message",
     .min = 1,
     .max = DAY,
     .standard = 600000},
    {.name = NULL},
};

uint64_t policy_number_get(const struct policy_number_info *info, const void *base)
{
    const char *at = (const char *)base + info->offset;
    uint64_t wide;
    uint32_t narrow;

    if (info->wide) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}

void policy_number_set(const struct policy_number_info *info, void *base, uint64_t value)
{
    char *at = (char *)base + info->offset;

    if (info->wide) {
        memcpy(at, &value, sizeof(value));
        return;
    }
    assert(value <= UINT32_MAX);
    uint32_t narrow = (uint32_t)value;
    memcpy(at, &narrow, sizeof(narrow));
}

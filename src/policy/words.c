/*
 * The words of a policy's switches: one table each, in the order of its enum.
 */
#include "policy/policy.h"

const char *const policy_banner_words[] = {
    [POLICY_BANNER_PASS] = "pass",         [POLICY_BANNER_HIDE] = "hide",
    [POLICY_BANNER_HOST] = "host",         [POLICY_BANNER_MASK] = "mask",
    [POLICY_BANNER_MASK_ALL] = "mask-all", [POLICY_BANNER_TEXT] = "text",
    [POLICY_BANNER_TEXT + 1] = NULL,
};

const char *const policy_ehlo_words[] = {
    [POLICY_EHLO_PASS] = "pass",
    [POLICY_EHLO_REFUSE] = "refuse",
    [POLICY_EHLO_AS_HELO] = "as-helo",
    [POLICY_EHLO_AS_HELO + 1] = NULL,
};

const char *const policy_keyword_words[] = {
    [POLICY_KEYWORD_ALLOW] = "allow",
    [POLICY_KEYWORD_HIDE] = "hide",
    [POLICY_KEYWORD_MASK] = "mask",
    [POLICY_KEYWORD_MASK + 1] = NULL,
};

const char *const policy_command_words[] = {
    [POLICY_COMMAND_ALLOW] = "allow", [POLICY_COMMAND_REFUSE] = "refuse",
    [POLICY_COMMAND_MASK] = "mask",   [POLICY_COMMAND_NOOP] = "noop",
    [POLICY_COMMAND_DROP] = "drop",   [POLICY_COMMAND_DROP + 1] = NULL,
};

const char *const policy_starttls_words[] = {
    [POLICY_STARTTLS_PASS] = "pass",
    [POLICY_STARTTLS_HIDE] = "hide",
    [POLICY_STARTTLS_REQUIRE] = "require",
    [POLICY_STARTTLS_REQUIRE + 1] = NULL,
};

const char *const policy_framing_words[] = {
    [POLICY_FRAMING_REFUSE] = "refuse", [POLICY_FRAMING_FIX] = "fix",
    [POLICY_FRAMING_LOG] = "log",       [POLICY_FRAMING_PASS] = "pass",
    [POLICY_FRAMING_PASS + 1] = NULL,
};

const char *const policy_check_words[] = {"sequence", "pipelining", "parameters", "syntax", NULL};
_Static_assert(POLICY_CHECK_SYNTAX == 1 << 3, "policy_check_words has a word for each bit");

const char *const policy_forward_words[] = {"canonical", "verbatim", NULL};

const char *const policy_event_words[] = {"bare-cr", "bare-lf", "nul", "long-line", NULL};

enum smtp_body_event policy_event(unsigned i)
{
    static const enum smtp_body_event events[] = {SMTP_BODY_BARE_CR, SMTP_BODY_BARE_LF,
                                                  SMTP_BODY_NUL, SMTP_BODY_LONG_LINE};
    _Static_assert(sizeof(events) / sizeof(events[0]) + 1 ==
                       sizeof(policy_event_words) / sizeof(policy_event_words[0]),
                   "an event for each word");
    return events[i];
}

void policy_set_framing(struct policy *policy, enum smtp_body_event event,
                        enum policy_framing framing)
{
    policy->framing[event] = (uint8_t)framing;
    if (event == SMTP_BODY_BARE_LF) {
        policy->framing[SMTP_BODY_LONE_DOT] = (uint8_t)framing;
    }
}

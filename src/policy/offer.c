/*
 * What a policy leaves of an EHLO reply and of the commands, all of its switches taken together
 * (design section 1: what is hidden is refused too, and what is offered works).
 *
 * Each verdict is made from the tables, never from the other verdict, so the two cannot chase each
 * other.
 */
#include "policy/policy.h"

/* Is some verb that the keyword announces refused? Then it cannot be offered. A verb that is masked
 * or made NOOP still gets an answer from the server: there the devices offer what they break. */
static bool verb_refused(const struct policy *policy, enum smtp_keyword keyword)
{
    for (unsigned verb = SMTP_VERB_FIRST; verb < SMTP_VERB_WORDS; verb++) {
        bool refused = policy->command[verb] == POLICY_COMMAND_REFUSE ||
                       policy->command[verb] == POLICY_COMMAND_DROP;
        if (refused && smtp_verb_info((enum smtp_verb)verb)->keyword == keyword) {
            return true;
        }
    }
    return false;
}

enum policy_keyword policy_keyword_verdict(const struct policy *policy, enum smtp_keyword keyword)
{
    enum policy_keyword verdict = (enum policy_keyword)policy->keyword[keyword];

    if (verdict != POLICY_KEYWORD_ALLOW || keyword == SMTP_KEYWORD_UNKNOWN) {
        return verdict;
    }
    if (keyword == SMTP_KEYWORD_STARTTLS && policy->starttls == POLICY_STARTTLS_HIDE) {
        return policy->keyword[SMTP_KEYWORD_UNKNOWN] == POLICY_KEYWORD_MASK ? POLICY_KEYWORD_MASK
                                                                            : POLICY_KEYWORD_HIDE;
    }
    if (verb_refused(policy, keyword)) {
        return POLICY_KEYWORD_HIDE;
    }
    /* BINARYMIME cannot be had without CHUNKING (RFC 3030 section 3). The devices that mask leave
     * it standing, which is one of the things that give them away. */
    if (keyword == SMTP_KEYWORD_BINARYMIME &&
        policy_keyword_verdict(policy, SMTP_KEYWORD_CHUNKING) == POLICY_KEYWORD_HIDE) {
        return POLICY_KEYWORD_HIDE;
    }
    return POLICY_KEYWORD_ALLOW;
}

enum policy_command policy_command_verdict(const struct policy *policy, enum smtp_verb verb)
{
    enum policy_command verdict = (enum policy_command)policy->command[verb];
    enum smtp_keyword keyword = (enum smtp_keyword)smtp_verb_info(verb)->keyword;
    bool hidden =
        (verb == SMTP_VERB_STARTTLS && policy->starttls == POLICY_STARTTLS_HIDE) ||
        (keyword != SMTP_KEYWORD_UNKNOWN && policy->keyword[keyword] == POLICY_KEYWORD_HIDE);

    if (verdict != POLICY_COMMAND_ALLOW || !hidden) {
        return verdict;
    }
    verdict = (enum policy_command)policy->command[SMTP_VERB_UNKNOWN];
    return verdict == POLICY_COMMAND_ALLOW ? POLICY_COMMAND_REFUSE : verdict;
}

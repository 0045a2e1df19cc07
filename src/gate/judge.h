/*
 * Rules at work on a session: the facts are gathered as far as they are known, the policy's rules
 * are asked, and what the first of them says that is not `log` is the verdict.
 *
 * A session whose policy has no rules has no judge, and pays nothing.
 */
#ifndef GATE_JUDGE_H
#define GATE_JUDGE_H

#include "gate/gate.h"
#include "policy/rule.h"
#include "smtp/command.h"

struct judge;

/* NULL with *ok_r true where the policy has no rules, with false when memory is out. */
struct judge *judge_new(const struct policy *policy, const struct gate_facts *facts, bool *ok_r);
void judge_free(struct judge **judge);

/* Whoever asks gets the rule whose effect applies, or NULL: nothing speaks against it. A rule that
 * says `delay` has been taken note of before this returns: see judge_waits(). */
const struct policy_rule *judge_connection(struct gate *g, struct gate_out *out);

/* Every stage that the command belongs to. `sequence`: it is certainly out of sequence. */
const struct policy_rule *judge_command(struct gate *g, struct gate_out *out,
                                        const struct smtp_command *command, size_t line,
                                        bool sequence);

/* `bytes`: the whole reply; the text of its first line is what counts. `arg`: what the command
 * named, may be NULL. */
const struct policy_rule *judge_greeting(struct gate *g, struct gate_out *out, struct span bytes);
const struct policy_rule *judge_offer(struct gate *g, struct gate_out *out, struct span text);
/* What a rule has taken out of the EHLO reply is not offered: its command is refused. */
void judge_hid(struct gate *g, smtp_keyword_set hidden);
bool judge_hides(const struct gate *g, enum smtp_keyword keyword);
const struct policy_rule *judge_reply(struct gate *g, struct gate_out *out, enum smtp_verb verb,
                                      const char *arg, unsigned code, struct span bytes);

/* Is the client kept waiting by a rule? Until when (UINT64_MAX: not at all)? Has that come? */
bool judge_waits(const struct gate *g);
uint64_t judge_until(const struct gate *g);
void judge_wait_over(struct gate *g);

/* What is known of the session changes: a command was passed on (false when memory is out), the
 * server has answered it. */
bool judge_passed(struct gate *g, const struct smtp_command *command);
void judge_answered(struct gate *g, enum smtp_verb as, unsigned reply_class);

/* Octets of the client were taken. */
void judge_took(struct gate *g, size_t octets);

/* A message's octets, in order. Returns how many were looked at: fewer than `bytes` has when a rule
 * has given its verdict on the message (*rule_r): nothing of the message may be passed on beyond
 * them. SIZE_MAX when memory is out. */
bool judge_message_wanted(const struct gate *g);
bool judge_message_begin(struct gate *g, bool chunked);
size_t judge_message_feed(struct gate *g, struct gate_out *out, struct span bytes,
                          const struct policy_rule **rule_r);
/* The message is complete. False when memory is out. */
bool judge_message_end(struct gate *g, struct gate_out *out, const struct policy_rule **rule_r);
void judge_message_framing(struct gate *g, enum smtp_body_event event);

/* The reply that a rule gives, or the standard one of its action, without CRLF. */
const char *judge_text(const struct policy_rule *rule);

#endif

/*
 * config: the errors of rules and lists, each as the text that has it and the very words that are
 * said about it.
 */
#include "config/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define REST                                                                                       \
    "backend b { server 127.0.0.1:25 }; listener l { listen 127.0.0.1:0; backend b }; "            \
    "list ours { x }\n"
#define IN_POLICY(statements) REST "policy p {\n" statements "\n}\n"

struct bad {
    const char *text;
    const char *errors;
};

static void check_table(const struct bad *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *errors = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&errors, &len);
        assert_non_null(out);
        assert_null(config_parse("f", span_str(table[i].text), out));
        assert_int_equal(fclose(out), 0);
        assert_string_equal(errors, table[i].errors);
        free(errors);
    }
}

#define CHECK_TABLE(table) check_table(table, sizeof(table) / sizeof(table[0]))

static const struct bad conditions[] = {
    {IN_POLICY("when rcpt.count ~ \"x\" reject"),
     "f:3:17: rcpt.count is a number: = != < <= > >= apply\n"},
    {IN_POLICY("when rcpt.count in ours reject"),
     "f:3:6: rcpt.count is a number: = != < <= > >= apply\n"},
    {IN_POLICY("when mail.size !~ \"x\" log"),
     "f:3:16: mail.size is a size: = != < <= > >= apply\n"},
    {IN_POLICY("when rcpt.cuont > 3 reject"), "f:3:6: there is no field \"rcpt.cuont\"; `ehlogate "
                                              "fields` lists them; did you mean \"rcpt.count\"?\n"},
    {IN_POLICY("when header.subject = x log"),
     "f:3:6: there is no field \"header.subject\"; `ehlogate fields` lists them; did you mean "
     "\"header.count\"?\n"},
    {IN_POLICY("when rcpt.count reject"), "f:3:6: rcpt.count is a number and no condition by "
                                          "itself: = != < <= > >= apply, as in rcpt.count > 100\n"},
    {IN_POLICY("when header(\"Subject\") log"),
     "f:3:6: header is a text and no condition by itself: = != ~ !~ in apply, as in "
     "header(\"Subject\") ~ \"viagra\"i\n"},
    {IN_POLICY("when tls = yes drop"),
     "f:3:10: tls is a flag: it stands alone, as \"tls\" or \"not tls\"\n"},
    {IN_POLICY("when tls in ours log"),
     "f:3:6: tls is a flag: it stands alone, as \"tls\" or \"not tls\"\n"},
    {IN_POLICY("when mail.from > 3 drop"), "f:3:16: mail.from is a text: = != ~ !~ in apply\n"},
    {IN_POLICY("when header(\"To\") < 3 drop"), "f:3:19: header is a text: = != ~ !~ in apply\n"},
    {IN_POLICY("when client.address ~ \"1\" drop"),
     "f:3:21: client.address is an address: = != in apply\n"},
    {IN_POLICY("when client.address = 10.0.0.300 drop"),
     "f:3:23: client.address is an address: expected an address or network, as in 192.0.2.1, "
     "192.0.2.0/24 or 2001:db8::/32, got \"10.0.0.300\"\n"},
    {IN_POLICY("when client.address = mx.example.net drop"),
     "f:3:23: client.address is an address: expected an address or network, as in 192.0.2.1, "
     "192.0.2.0/24 or 2001:db8::/32, got \"mx.example.net\"\n"},
    {IN_POLICY("when mail.from ~ \"(\" drop"),
     "f:3:18: mail.from: this pattern is not valid: missing closing parenthesis at octet 2\n"},
    {IN_POLICY("when mail.from ~ \"a{2,1}\" drop"),
     "f:3:18: mail.from: this pattern is not valid: numbers out of order in {} quantifier at octet "
     "6\n"},
    {IN_POLICY("when mail.from ~ \"(*UTF)x\" drop"),
     "f:3:18: mail.from: this pattern is not valid: using UTF is disabled by the application at "
     "octet 7\n"},
    {IN_POLICY("when mail.from ~ x drop"),
     "f:3:18: mail.from: expected a pattern in quotes behind ~, got \"x\"\n"},
    {IN_POLICY("when mail.from = \"x\"i drop"),
     "f:3:18: mail.from: the i behind a string goes with ~ and !~; = folds letters anyway\n"},
    {IN_POLICY("when helo ~ \"x\"q log"), "f:3:13: \"q\" stands right behind a string; expected a "
                                          "blank, or the i of a pattern that does not tell case\n"},
    {IN_POLICY("when rcpt.count > 5M log"),
     "f:3:19: rcpt.count is a number: expected a number of at most 64 bits, got \"5M\"\n"},
    {IN_POLICY("when rcpt.count > -1 log"),
     "f:3:19: rcpt.count is a number: expected a number of at most 64 bits, got \"-1\"\n"},
    {IN_POLICY("when session.errors > \"5\" log"),
     "f:3:23: session.errors is a number: expected a number of at most 64 bits, got the string "
     "\"5\"\n"},
    {IN_POLICY("when command.length > 10Q log"),
     "f:3:23: command.length is a size: expected a number, as in 512, 64K, 10M or 1G, of at most "
     "64 bits, got \"10Q\"\n"},
    {IN_POLICY("when message.size > 99999999999999999999 log"),
     "f:3:21: message.size is a size: expected a number, as in 512, 64K, 10M or 1G, of at most 64 "
     "bits, got \"99999999999999999999\"\n"},
    {IN_POLICY("when message.size > 17179869184G log"),
     "f:3:21: message.size is a size: expected a number, as in 512, 64K, 10M or 1G, of at most 64 "
     "bits, got \"17179869184G\"\n"},
    {IN_POLICY("when client.address in alll log"),
     "f:3:24: there is no list \"alll\"; expected list alll { \342\200\246 }\n"},
    {IN_POLICY("when header ~ \"x\" log"),
     "f:3:6: header needs the name of a header field, as in header(\"Subject\") ~ \"viagra\"i\n"},
    {IN_POLICY("when header(\"a b\") ~ \"x\" log"),
     "f:3:13: \"a b\" is no name of a header field: expected printable ASCII without blank and "
     "colon\n"},
    {IN_POLICY("when header(\"\") ~ \"x\" log"),
     "f:3:13: \"\" is no name of a header field: expected printable ASCII without blank and "
     "colon\n"},
    {IN_POLICY("when tls(\"x\") log"),
     "f:3:10: tls takes nothing in parentheses; only header(\"NAME\") does\n"},
};

static void conditions_are_checked(void **state)
{
    CHECK_TABLE(conditions);
}

static const struct bad actions[] = {
    {IN_POLICY("when rcpt.count > 3 rejct \"550 x\""),
     "f:3:21: when: unknown word \"rejct\"; expected allow, reject, tempfail, close, drop, reset, "
     "mask, noop, hide, delay, limit or log; did you mean \"reject\"?\n"},
    {IN_POLICY("when rcpt.count > 3 hide"),
     "f:3:21: hide makes no sense at stage rcpt, where this rule is asked: only a line of the EHLO "
     "reply can be hidden; it goes with stage offer\n"},
    {IN_POLICY("when tls hide"),
     "f:3:10: hide makes no sense at stage command, where this rule is asked: only a line of the "
     "EHLO reply can be hidden; it goes with stage offer\n"},
    {IN_POLICY("when client.port = 3 mask"),
     "f:3:22: mask makes no sense at stage connect, where this rule is asked: only a command, the "
     "greeting and a line of the EHLO reply can be masked; it goes with stage command, helo, auth, "
     "mail, rcpt, data, greeting or offer\n"},
    {IN_POLICY("when client.port = 3 noop"),
     "f:3:22: noop makes no sense at stage connect, where this rule is asked: only a command can "
     "be made a NOOP; it goes with stage command, helo, auth, mail, rcpt or data\n"},
    {IN_POLICY("when header(\"X\") = y mask"),
     "f:3:22: mask makes no sense at stage header, where this rule is asked: only a command, the "
     "greeting and a line of the EHLO reply can be masked; it goes with stage command, helo, auth, "
     "mail, rcpt, data, greeting or offer\n"},
    {IN_POLICY("when header(\"X\") = y delay 5s"),
     "f:3:22: delay makes no sense at stage header, where this rule is asked: only a connection or "
     "a command can be kept waiting; it goes with stage connect, command, helo, auth, mail, rcpt "
     "or data\n"},
    {IN_POLICY("when reply.code = 550 reject"),
     "f:3:23: reject makes no sense at stage reply, where this rule is asked: the server has "
     "answered already: its greeting and EHLO lines can be masked, or the session closed; it goes "
     "with stage connect, command, helo, auth, mail, rcpt, data, header, part or message\n"},
    {IN_POLICY("when reply.code = 550 limit 5 per 5s"),
     "f:3:23: limit makes no sense at stage reply, where this rule is asked: only what a client "
     "does can be limited, and what the server says is not its doing; it goes with stage connect, "
     "command, helo, auth, mail, rcpt, data, header, part or message\n"},
    {IN_POLICY("when offer.keyword = X close"),
     "f:3:24: close makes no sense at stage offer, where this rule is asked: a line of the EHLO "
     "reply is shown, hidden or masked, and the reply goes on; it goes with stage connect, "
     "command, helo, auth, mail, rcpt, data, header, part, message, greeting or reply\n"},
    {IN_POLICY("when offer.keyword = X reset"),
     "f:3:24: reset makes no sense at stage offer, where this rule is asked: a line of the EHLO "
     "reply is shown, hidden or masked, and the reply goes on; it goes with stage connect, "
     "command, helo, auth, mail, rcpt, data, header, part, message, greeting or reply\n"},
    {IN_POLICY("when greeting = x hide"),
     "f:3:19: hide makes no sense at stage greeting, where this rule is asked: only a line of the "
     "EHLO reply can be hidden; it goes with stage offer\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"250 ok\""),
     "f:3:28: reject answers with a 4yz or 5yz reply, not with 250\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"ok\""),
     "f:3:28: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"55x ok\""),
     "f:3:28: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"550ok\""),
     "f:3:28: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"599 x\""),
     "f:3:28: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"\""),
     "f:3:28: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"550 4.7.1 ok\""),
     "f:3:28: the enhanced code 4.7.1 and the code 550 are not of one class\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"421 4.7.1 bye\""),
     "f:3:28: 421 tells that the session ends: use \"close\" for that\n"},
    {IN_POLICY("when rcpt.count > 3 tempfail \"550 5.7.1 ok\""),
     "f:3:30: tempfail answers with a 4yz reply, not with 550\n"},
    {IN_POLICY("when rcpt.count > 3 reject \"550 caf\303\251\""),
     "f:3:28: a reply is printable ASCII (RFC 5321 section 4.2), this one has the byte 0xC3\n"},
    {IN_POLICY("when rcpt.count > 3 limit 5 per 5s \"550 x\""),
     "f:3:36: limit answers with a 4yz reply, not with 550\n"},
    {IN_POLICY("when rcpt.count > 3 reject 5"),
     "f:3:28: reject: expected the text of a reply, or nothing, got \"5\"\n"},
    {IN_POLICY("when rcpt.count > 3 drop \"550 x\""),
     "f:3:26: drop: it stands alone, got \"550 x\"\n"},
    {IN_POLICY("when rcpt.count > 3 drop 5"), "f:3:26: drop: it stands alone, got \"5\"\n"},
    {IN_POLICY("when rcpt.count > 3 delay"), "f:3:21: delay: expected a time, as in delay 5s\n"},
    {IN_POLICY("when rcpt.count > 3 delay 5"),
     "f:3:27: delay: \"5\" has no unit; expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("when rcpt.count > 3 delay 10m"),
     "f:3:27: delay: 10m is out of range; expected 1ms to 5m\n"},
    {IN_POLICY("when rcpt.count > 3 delay 5 per 5s"),
     "f:3:33: delay: expected a time, as in delay 5s, got \"5s\"\n"},
    {IN_POLICY("when rcpt.count > 3 delay 5s \"450 x\""),
     "f:3:30: delay: expected a time, as in delay 5s, got \"450 x\"\n"},
    {IN_POLICY("when rcpt.count > 3 limit"),
     "f:3:21: limit: expected a number and a time, as in limit 10 per 60s\n"},
    {IN_POLICY("when rcpt.count > 3 limit 5"),
     "f:3:21: limit: expected a number and a time, as in limit 10 per 60s\n"},
    {IN_POLICY("when rcpt.count > 3 limit 0 per 5"),
     "f:3:27: limit: 0 is out of range; expected 1 to 1000000\nf:3:33: limit: \"5\" has no unit; "
     "expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("when rcpt.count > 3 log \"x\""),
     "f:3:25: expected the end of the statement, an action or \"as\", got the string \"x\"\n"},
    {IN_POLICY("when rcpt.count > 3 log log"),
     "f:3:25: expected the end of the statement, an action or \"as\", got \"log\"\n"},
    {IN_POLICY("when greeting ~ \"x\" and mail.from = \"\" log"),
     "f:3:1: greeting (stage greeting) and mail.from (stage mail) are never known together\n"},
    {IN_POLICY("when rcpt.to = \"x\" and message.size > 5 log"),
     "f:3:1: rcpt.to (stage rcpt) and message.size (stage message) are never known together\n"},
    {IN_POLICY("when mime.type = \"x\" or body.nul log"),
     "f:3:1: mime.type (stage part) and body.nul (stage message) are never known together\n"},
    {IN_POLICY("when (offer ~ \"x\" or helo = y) and mail.from = z log"),
     "f:3:1: offer (stage offer) and mail.from (stage mail) are never known together\n"},
    {IN_POLICY("when verb = QUIT and helo = \"x\" reject"),
     "f:3:1: this rule is asked at stage helo, where the verb is never \"QUIT\"\n"},
    {IN_POLICY("when verb = MAIL and rcpt.count > 5 reject"),
     "f:3:1: this rule is asked at stage rcpt, where the verb is never \"MAIL\"\n"},
    {IN_POLICY("when (rcpt.count > 3 reject"),
     "f:3:22: expected \")\", \"and\" or \"or\", got \"reject\"\n"},
    {IN_POLICY("when rcpt.count > 3) reject"),
     "f:3:20: expected an action, \"and\" or \"or\", got \")\"\n"},
    {IN_POLICY("when not not tls log"), "f:3:10: expected \"(\" or a field, got \"not\"\n"},
    {IN_POLICY("when tls xor auth log"), "f:3:19: expected the end of the statement, a string in "
                                         "quotes, \"as\" or \"per\", got \"log\"\n"},
    {IN_POLICY("when"), "f:3:5: expected \"(\", a field or \"not\", got the end of the line\n"},
    {IN_POLICY("when tls"), "f:3:9: expected \"(\", an action, an operator, \"and\", \"or\", "
                            "\"not\" or \"in\", got the end of the line\n"},
    {IN_POLICY("when tls and"), "f:4:1: expected \"(\", a field or \"not\", got \"}\"\n"},
    {IN_POLICY("when and tls log"), "f:3:6: expected \"(\", a field or \"not\", got \"and\"\n"},
    {IN_POLICY("when tls and or auth log"),
     "f:3:14: expected \"(\", a field or \"not\", got \"or\"\n"},
    {IN_POLICY("when rcpt.count = log"),
     "f:3:19: rcpt.count is a number: expected a number of at most 64 bits, got \"log\"\nf:3:22: "
     "expected an action, \"and\" or \"or\", got the end of the line\n"},
    {IN_POLICY("when = 3 log"), "f:3:6: expected \"(\", a field or \"not\", got \"=\"\n"},
    {IN_POLICY("when rcpt.count in log"),
     "f:3:6: rcpt.count is a number: = != < <= > >= apply\nf:3:23: expected an action, \"and\" or "
     "\"or\", got the end of the line\nf:3:20: there is no list \"log\"; expected list log { "
     "\342\200\246 }\n"},
    {IN_POLICY("when tls log in"),
     "f:3:14: expected the end of the statement, an action or \"as\", got \"in\"\n"},
    {IN_POLICY("when tls log as"),
     "f:3:16: expected a word or a string in quotes, got the end of the line\n"},
    {IN_POLICY("when tls log as \"\""),
     "f:3:17: a rule's name has 1 to 63 octets, this one has 0\n"},
    {IN_POLICY("when \"tls\" log"),
     "f:3:6: expected \"(\", a field or \"not\", got the string \"tls\"\n"},
    {IN_POLICY("when rcpt.count > 3, 4 log"),
     "f:3:20: expected an action, \"and\" or \"or\", got \",\"\n"},
    {IN_POLICY("when tls log { x }"),
     "f:3:14: expected the end of the statement, an action or \"as\", got \"{\"\n"},
};

static void actions_are_checked(void **state)
{
    CHECK_TABLE(actions);
}

static const struct bad many[] = {
    {IN_POLICY("when rcpt.cuont > 1 log\nwhen tls = x log\nwhen (tls log\nwhen auth log log\nbaner "
               "hide\nwhen tls reject \"xyz\""),
     "f:3:6: there is no field \"rcpt.cuont\"; `ehlogate fields` lists them; did you mean "
     "\"rcpt.count\"?\nf:4:10: tls is a flag: it stands alone, as \"tls\" or \"not tls\"\nf:5:11: "
     "expected \"(\", \")\", an operator, \"and\", \"or\", \"not\" or \"in\", got \"log\"\nf:6:15: "
     "expected the end of the statement, an action or \"as\", got \"log\"\nf:7:1: unknown "
     "statement \"baner\" in a policy block; expected one of profile, banner, ehlo, starttls, "
     "command, keyword, framing, enforce, relax, forward, limit, timeout, when; did you mean "
     "\"banner\"?\nf:8:17: expected a reply with its code, as in \"550 5.7.1 Refused\"\n"},
    {IN_POLICY("when tls and\nbanner hide"),
     "f:4:1: expected \"(\", a field or \"not\", got \"banner\"\n"},
    {IN_POLICY("when (tls and\n auth\nwhen esmtp log\nwhen rcpt.count ~ \"x\" log"),
     "f:5:1: expected \"(\", \")\", an operator, \"and\", \"or\", \"not\" or \"in\", got "
     "\"when\"\nf:6:17: rcpt.count is a number: = != < <= > >= apply\n"},
    {IN_POLICY("when tls log as a\nwhen tls log as a"),
     "f:4:17: rule \"a\" stands twice; the first is in line 3\n"},
    {IN_POLICY("when rcpt.nope = 1 and tls = 2 rejct"),
     "f:3:6: there is no field \"rcpt.nope\"; `ehlogate fields` lists them; did you mean "
     "\"rcpt.route\"?\nf:3:28: tls is a flag: it stands alone, as \"tls\" or \"not tls\"\nf:3:32: "
     "when: unknown word \"rejct\"; expected allow, reject, tempfail, close, drop, reset, mask, "
     "noop, hide, delay, limit or log; did you mean \"reject\"?\n"},
    {IN_POLICY("banner hide\nwhen tls log\nprofile rfc821"),
     "f:5:1: \"profile\" has to be the first statement of its policy: it would undo the ones "
     "before it\n"},
};

static void errors_stay_with_their_rule(void **state)
{
    CHECK_TABLE(many);
}

static const struct bad lists[] = {
    {REST "list a { 10.0.0.256, x, 1:2:3 }\n",
     "f:2:10: list a: \"10.0.0.256\": not an address or network, as in 192.0.2.1, 192.0.2.0/24 or "
     "2001:db8::/32\nf:2:25: list a: \"1:2:3\": not an address or network, as in 192.0.2.1, "
     "192.0.2.0/24 or 2001:db8::/32\n"},
    {REST "list a { x y\n @ }\n", "f:2:12: expected the end of the statement or \",\", got "
                                  "\"y\"\nf:3:2: list a: \"@\": a domain is missing\n"},
    {REST "list a { a@, \".\", \"x y\", \"\" }\n",
     "f:2:10: list a: \"a@\": a domain is missing\nf:2:14: list a: \".\": a domain is "
     "missing\nf:2:19: list a: \"x y\": more than one word\nf:2:26: list a: \"\": an empty "
     "entry\n"},
    {REST "list a {\n file x y\n}\n", "f:3:9: expected the end of the statement, got \"y\"\n"},
    {REST "list a { x }\nlist a { y }\n",
     "f:3:1: list \"a\" is defined twice; the first is at f:2:1\n"},
    {REST "list { x }\n", "f:2:1: a list needs a name: expected list NAME {\n"},
    {REST "list a\n\n", "f:2:7: expected \"{\" and the statements of the list\n"},
    {REST "list a { 1.2.3.4/33, 2001:db8::/129, 01.2.3.4, 1.2.3.4/ }\n",
     "f:2:10: list a: \"1.2.3.4/33\": not an address or network, as in 192.0.2.1, 192.0.2.0/24 or "
     "2001:db8::/32\nf:2:22: list a: \"2001:db8::/129\": not an address or network, as in "
     "192.0.2.1, 192.0.2.0/24 or 2001:db8::/32\nf:2:38: list a: \"01.2.3.4\": not an address or "
     "network, as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32\nf:2:48: list a: \"1.2.3.4/\": not "
     "an address or network, as in 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32\n"},
    {REST "list a { x\n", "f:2:8: the list block that begins here is not closed: expected \"}\" "
                          "before the end of the file\n"},
    {REST "list a { , x }\n", "f:2:10: expected the end of the statement, \"}\", a word, a string "
                              "in quotes or \"file\", got \",\"\n"},
    {REST "list a { a = b }\n", "f:2:12: expected the end of the statement or \",\", got \"=\"\n"},
    {REST "list a { file \"/x\" }\n",
     "f:2:15: list: there is no file to which this would be relative\n"},
};

static void lists_are_checked(void **state)
{
    CHECK_TABLE(lists);
}

/* What cannot stand in a table: how deep, how long. */
static void check_generated(const char *text, const char *expected)
{
    struct bad bad = {text, expected};

    check_table(&bad, 1);
}

static void errors_have_no_control_characters(void **state)
{
    check_generated(REST "list a { \"x\ty\" }\n", "f:2:10: list a: \"x?y\": more than one word\n");
    check_generated(IN_POLICY("when rcpt.count > \"1\t2\" log"),
                    "f:3:19: rcpt.count is a number: expected a number of at most 64 bits, got the "
                    "string \"1?2\"\n");
    check_generated(REST "workers \"\t\"\n", "f:2:9: expected a word, got the string \"?\"\n");
}

static void deep_expressions_are_refused(void **state)
{
    char parens[64], text[1024];

    memset(parens, '(', 51);
    parens[51] = '\0';
    snprintf(text, sizeof(text), IN_POLICY("when %s tls"), parens);
    check_generated(text, "f:3:56: more than 50 parentheses within one another\n");
}

static void long_replies_are_refused(void **state)
{
    char text[2048];

    snprintf(text, sizeof(text), IN_POLICY("when tls reject \"550 %0500d\""), 0);
    check_generated(text, "f:3:17: a reply has at most 500 octets, this one has 504\n");
    snprintf(text, sizeof(text), IN_POLICY("when tls log as \"%064d\""), 0);
    check_generated(text, "f:3:17: a rule's name has 1 to 63 octets, this one has 64\n");
    snprintf(text, sizeof(text), REST "list a { \"%0512d\" }\n", 0);
    char expected[1024];
    snprintf(expected, sizeof(expected),
             "f:2:10: list a: \"%0512d\": an entry longer than 511 octets\n", 0);
    check_generated(text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_are_checked),
        cmocka_unit_test(actions_are_checked),
        cmocka_unit_test(errors_stay_with_their_rule),
        cmocka_unit_test(lists_are_checked),
        cmocka_unit_test(errors_have_no_control_characters),
        cmocka_unit_test(deep_expressions_are_refused),
        cmocka_unit_test(long_replies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

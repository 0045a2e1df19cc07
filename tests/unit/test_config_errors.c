/*
 * config: the errors. Each stands in a table as the file that has it and the very text that is
 * said about it. Includes, files and options are in test_config_files.c.
 */
#include "config/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* What makes a file complete, on one line before or behind the one under test. */
#define REST                  "backend b { server 127.0.0.1:25 }; listener l { listen 127.0.0.1:0; backend b }\n"
#define IN_POLICY(statements) REST "policy p {\n" statements "\n}\n"
#define IN_LISTENER(statements)                                                                    \
    "backend b { server 127.0.0.1:25 }; listener l { listen 127.0.0.1:0; backend b\n" statements   \
    "\n}\n"

/* What is said about a text that is not valid. The caller frees it. */
static char *errors_of(struct span text)
{
    char *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&errors, &len);

    assert_non_null(out);
    struct config *config = config_parse("f", text, out);
    assert_int_equal(fclose(out), 0);
    assert_null(config);
    return errors;
}

struct bad {
    const char *text;
    const char *errors;
};

static void check_table(const struct bad *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *errors = errors_of(span_str(table[i].text));
        assert_string_equal(errors, table[i].errors);
        free(errors);
    }
}

#define CHECK_TABLE(table) check_table(table, sizeof(table) / sizeof(table[0]))

static const struct bad unknown_words[] = {
    {REST "hostnme x\n",
     "f:2:1: unknown statement \"hostnme\"; expected one of include, hostname, user, group, "
     "workers, sessions, drain, log, backend, listener, policy, list; did you mean "
     "\"hostname\"?\n"},
    {REST "werkers 2\n",
     "f:2:1: unknown statement \"werkers\"; expected one of include, hostname, user, group, "
     "workers, sessions, drain, log, backend, listener, policy, list; did you mean \"workers\"?\n"},
    {REST "backnd x {\n"
          "  server 127.0.0.1:25\n"
          "}\n",
     "f:2:1: unknown statement \"backnd\"; expected one of include, hostname, user, group, "
     "workers, sessions, drain, log, backend, listener, policy, list; did you mean \"backend\"?\n"},
    {REST "zzz\n", "f:2:1: unknown statement \"zzz\"; expected one of include, hostname, user, "
                   "group, workers, sessions, drain, log, backend, listener, policy, list\n"},
    {IN_POLICY("baner hide"),
     "f:3:1: unknown statement \"baner\" in a policy block; expected one of profile, banner, ehlo, "
     "starttls, command, keyword, framing, enforce, relax, forward, limit, timeout, when; did you "
     "mean "
     "\"banner\"?\n"},
    {IN_LISTENER("liten 127.0.0.1:25"),
     "f:2:1: unknown statement \"liten\" in a listener block; expected one of backend, policy, "
     "listen; did you mean \"listen\"?\n"},
    {"backend b { sever 127.0.0.1:25 }\n", "f:1:13: unknown statement \"sever\" in a backend "
                                           "block; expected server; did you mean \"server\"?\n"},
    {REST "listen 127.0.0.1:25\n",
     "f:2:1: \"listen\" stands in a listener block, not outside of one\n"},
    {REST "banner hide\n", "f:2:1: \"banner\" stands in a policy block, not outside of one\n"},
    {REST "server 127.0.0.1:25\n",
     "f:2:1: \"server\" stands in a backend block, not outside of one\n"},
    {IN_POLICY("server 127.0.0.1:25"),
     "f:3:1: \"server\" stands in a backend block, not in a policy block\n"},
    {IN_LISTENER("workers 3"),
     "f:2:1: \"workers\" stands outside of all blocks, not in a listener block\n"},
    {IN_POLICY("listen 127.0.0.1:0"),
     "f:3:1: \"listen\" stands in a listener block, not in a policy block\n"},
    {IN_POLICY("profile esmpt"),
     "f:3:9: unknown profile \"esmpt\"; `ehlogate profiles` lists them; did you mean \"esmtp\"?\n"},
    {IN_POLICY("banner hyde"), "f:3:8: banner: unknown word \"hyde\"; expected pass, hide, host, "
                               "mask, mask-all or text; did you mean \"hide\"?\n"},
    {IN_POLICY("ehlo refuze"), "f:3:6: ehlo: unknown word \"refuze\"; expected pass, refuse or "
                               "as-helo; did you mean \"refuse\"?\n"},
    {IN_POLICY("starttls hid"), "f:3:10: starttls: unknown word \"hid\"; expected pass, hide or "
                                "require; did you mean \"hide\"?\n"},
    {IN_POLICY("framing refuze nul"), "f:3:9: framing: unknown word \"refuze\"; expected refuse, "
                                      "fix, log or pass; did you mean \"refuse\"?\n"},
    {IN_POLICY("framing log bare-fl"),
     "f:3:13: framing: unknown word \"bare-fl\"; expected bare-cr, bare-lf, nul or long-line; did "
     "you mean \"bare-cr\"?\n"},
    {IN_POLICY("enforce sequense"),
     "f:3:9: enforce: unknown word \"sequense\"; expected sequence, pipelining, parameters or "
     "syntax; did you mean \"sequence\"?\n"},
    {IN_POLICY("relax parameter"),
     "f:3:7: relax: unknown word \"parameter\"; expected sequence, pipelining, parameters or "
     "syntax; did you mean \"parameters\"?\n"},
    {IN_POLICY("forward canonic"), "f:3:9: forward: unknown word \"canonic\"; expected canonical "
                                   "or verbatim; did you mean \"canonical\"?\n"},
    {IN_POLICY("command refuse VRFI"), "f:3:16: unknown command \"VRFI\"; \"others\" stands for "
                                       "the ones that are not known; did you mean \"VRFY\"?\n"},
    {IN_POLICY("command refuse FOO"), "f:3:16: unknown command \"FOO\"; \"others\" stands for the "
                                      "ones that are not known; did you mean \"NOOP\"?\n"},
    {IN_POLICY("command refus VRFY"),
     "f:3:9: command: unknown word \"refus\"; expected also, allow, refuse, mask, noop or drop; "
     "did you mean \"refuse\"?\n"},
    {IN_POLICY("keyword hide STARTTSL"),
     "f:3:14: unknown keyword \"STARTTSL\"; \"others\" stands for the ones that are not known; did "
     "you mean \"STARTTLS\"?\n"},
    {IN_POLICY("keyword hidden SIZE"), "f:3:9: keyword: unknown word \"hidden\"; expected also, "
                                       "allow, hide or mask; did you mean \"hide\"?\n"},
    {IN_POLICY("keyword hide SIZE, CHUNKNG, DSN, ZZZZZZ"),
     "f:3:20: unknown keyword \"CHUNKNG\"; \"others\" stands for the ones that are not known; did "
     "you mean \"CHUNKING\"?\n"
     "f:3:34: unknown keyword \"ZZZZZZ\"; \"others\" stands for the ones that are not known\n"},
    {IN_POLICY("command allow other"), "f:3:15: unknown command \"other\"; \"others\" stands for "
                                       "the ones that are not known; did you mean \"others\"?\n"},
    {IN_POLICY("limit recipent 10"),
     "f:3:7: limit: unknown word \"recipent\"; expected command-line, auth-line, text-line, "
     "reply-line, reply-lines, pipeline, recipients, errors or message-size; did you mean "
     "\"recipients\"?\n"},
    {IN_POLICY("timeout comand 10s"),
     "f:3:9: timeout: unknown word \"comand\"; expected connect, greeting, command, reply, "
     "data-block or data-end; did you mean \"command\"?\n"},
    {REST "log formt text\n",
     "f:2:5: log: unknown word \"formt\"; expected format or file; did you mean \"format\"?\n"},
    {REST "log format xml\n", "f:2:12: log format: unknown word \"xml\"; expected text or json\n"},
    {IN_POLICY("timeout command 30sec"),
     "f:3:17: timeout command: unknown unit \"sec\"; expected a time, as in 500ms, 30s, 5m or 1h; "
     "did you mean \"s\"?\n"},
    {IN_POLICY("timeout command 30x"),
     "f:3:17: timeout command: unknown unit \"x\"; expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("limit message-size 10MB"),
     "f:3:20: limit message-size: unknown unit \"MB\"; expected a size, as in 512, 64K, 10M or 1G; "
     "did you mean \"M\"?\n"},
    {IN_POLICY("limit message-size 10T"), "f:3:20: limit message-size: unknown unit \"T\"; "
                                          "expected a size, as in 512, 64K, 10M or 1G\n"},
    {IN_LISTENER("policy esmt"), "f:2:8: there is no policy and no profile \"esmt\"; expected "
                                 "policy esmt { \342\200\246 }; did you mean \"esmtp\"?\n"},
    {"backend mail { server 127.0.0.1:25 }\n"
     "listener l { listen 127.0.0.1:0; backend mial }\n",
     "f:2:42: there is no backend \"mial\"; expected backend mial { \342\200\246 }; did you mean "
     "\"mail\"?\n"},
    {"backend mail { server 127.0.0.1:25 }\n"
     "policy edge { }\n"
     "listener l { listen 127.0.0.1:0; backend mail; policy egde }\n",
     "f:3:55: there is no policy and no profile \"egde\"; expected policy egde { \342\200\246 }; "
     "did you mean \"edge\"?\n"},
    {"listener l { listen 127.0.0.1:0; backend none }\n",
     "f:1:42: there is no backend \"none\"; expected backend none { \342\200\246 }\n"},
};

static void unknown_words_name_the_nearest(void **state)
{
    CHECK_TABLE(unknown_words);
}

static const struct bad numbers[] = {
    {REST "workers many\n",
     "f:2:9: workers: \"many\" is not a number; expected a number, as in 100\n"},
    {REST "workers 0\n", "f:2:9: workers: 0 is out of range; expected 1 to 1024\n"},
    {REST "workers 1025\n", "f:2:9: workers: 1025 is out of range; expected 1 to 1024\n"},
    {REST "workers 2M\n",
     "f:2:9: workers: \"2M\" is not a whole number; expected a number, as in 100\n"},
    {REST "workers -1\n", "f:2:9: workers: \"-1\" is not a number; expected a number, as in 100\n"},
    {REST "sessions 0\n", "f:2:10: sessions: 0 is out of range; expected 1 to 1000000\n"},
    {REST "sessions 99999999999999999999999\n",
     "f:2:10: sessions: 99999999999999999999999 is out of range; expected 1 to 1000000\n"},
    {REST "drain 30\n",
     "f:2:7: drain: \"30\" has no unit; expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {REST "drain 1500ms\n", "f:2:7: drain: 1500ms is not a whole number of seconds\n"},
    {REST "drain 25h\n", "f:2:7: drain: 25h is out of range; expected 0s to 24h\n"},
    {REST "drain soon\n",
     "f:2:7: drain: \"soon\" is not a number; expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("limit command-line 63"),
     "f:3:20: limit command-line: 63 is out of range; expected 64 to 32K\n"},
    {IN_POLICY("limit command-line 64K"),
     "f:3:20: limit command-line: 64K is out of range; expected 64 to 32K\n"},
    {IN_POLICY("limit reply-lines 0"),
     "f:3:19: limit reply-lines: 0 is out of range; expected 1 to 10000\n"},
    {IN_POLICY("limit pipeline 10001"),
     "f:3:16: limit pipeline: 10001 is out of range; expected 1 to 10000\n"},
    {IN_POLICY("limit recipients 5G"),
     "f:3:18: limit recipients: \"5G\" is not a whole number; expected a number, as in 100\n"},
    {IN_POLICY("limit recipients 4294967296"),
     "f:3:18: limit recipients: 4294967296 is out of range; expected 1 to 4294967295, or 0 for no "
     "limit\n"},
    {IN_POLICY("limit errors 20K"),
     "f:3:14: limit errors: \"20K\" is not a whole number; expected a number, as in 100\n"},
    {IN_POLICY("limit message-size 99999999999G"),
     "f:3:20: limit message-size: 99999999999G is out of range; expected 1 to 1048576G, or 0 for "
     "no limit\n"},
    {IN_POLICY("limit message-size 18446744073709551615G"),
     "f:3:20: limit message-size: 18446744073709551615G is out of range; expected 1 to 1048576G, "
     "or 0 for no limit\n"},
    {IN_POLICY("limit text-line 77"),
     "f:3:17: limit text-line: 77 is out of range; expected 78 to 4294967295, or 0 for no limit\n"},
    {IN_POLICY("limit message-size 1.5M"), "f:3:20: limit message-size: \"1.5M\" is not a whole "
                                           "number; expected a size, as in 512, 64K, 10M or 1G\n"},
    {IN_POLICY("timeout command 0s"),
     "f:3:17: timeout command: 0s is out of range; expected 1ms to 24h\n"},
    {IN_POLICY("timeout command 25h"),
     "f:3:17: timeout command: 25h is out of range; expected 1ms to 24h\n"},
    {IN_POLICY("timeout command 30"),
     "f:3:17: timeout command: \"30\" has no unit; expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("timeout command fast"), "f:3:17: timeout command: \"fast\" is not a number; "
                                        "expected a time, as in 500ms, 30s, 5m or 1h\n"},
    {IN_POLICY("timeout reply 0ms"),
     "f:3:15: timeout reply: 0ms is out of range; expected 1ms to 24h\n"},
};

static void numbers_are_checked(void **state)
{
    CHECK_TABLE(numbers);
}

static const struct bad twice[] = {
    {REST "hostname a\n"
          "hostname b\n",
     "f:3:1: \"hostname\" stands twice; the first is at f:2:1\n"},
    {REST "user root\n"
          "user root\n",
     "f:3:1: \"user\" stands twice; the first is at f:2:1\n"},
    {REST "group root; group root\n", "f:2:13: \"group\" stands twice; the first is at f:2:1\n"},
    {REST "workers 1\n"
          "workers 1\n",
     "f:3:1: \"workers\" stands twice; the first is at f:2:1\n"},
    {REST "sessions 1\n"
          "sessions 1\n",
     "f:3:1: \"sessions\" stands twice; the first is at f:2:1\n"},
    {REST "drain 1s\n"
          "drain 1s\n",
     "f:3:1: \"drain\" stands twice; the first is at f:2:1\n"},
    {REST "log format text\n"
          "log file x\n"
          "log format text\n",
     "f:4:1: \"log format\" stands twice; the first is at f:2:1\n"},
    {REST "log file x\n"
          "log file y\n",
     "f:3:1: \"log file\" stands twice; the first is at f:2:1\n"},
    {IN_POLICY("profile esmtp\n"
               "profile esmtp"),
     "f:4:1: \"profile\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("banner hide\n"
               "banner pass"),
     "f:4:1: \"banner\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("ehlo pass\n"
               "ehlo refuse"),
     "f:4:1: \"ehlo\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("starttls pass\n"
               "starttls hide"),
     "f:4:1: \"starttls\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("forward canonical\n"
               "forward verbatim"),
     "f:4:1: \"forward\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("limit errors 1\n"
               "limit recipients 1\n"
               "limit errors 2"),
     "f:5:1: \"limit errors\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("timeout command 1s\n"
               "timeout reply 1s\n"
               "timeout command 2s"),
     "f:5:1: \"timeout command\" stands twice; the first is at f:3:1\n"},
    {IN_POLICY("keyword hide SIZE, DSN, size"), "f:3:25: \"size\" stands twice in this list\n"},
    {IN_POLICY("command refuse VRFY, others, others"),
     "f:3:30: \"others\" stands twice in this list\n"},
    {IN_LISTENER("backend b"), "f:2:1: \"backend\" stands twice; the first is at f:1:69\n"},
    {IN_LISTENER("policy esmtp\n"
                 "policy esmtp"),
     "f:3:1: \"policy\" stands twice; the first is at f:2:1\n"},
    {REST "backend b { server 127.0.0.1:26 }\n",
     "f:2:1: backend \"b\" is defined twice; the first is at f:1:1\n"},
    {REST "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:2:1: listener \"l\" is defined twice; the first is at f:1:36\n"},
    {REST "policy p { }\n"
          "policy p { }\n",
     "f:3:1: policy \"p\" is defined twice; the first is at f:2:1\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { listen 127.0.0.1:2525, 127.0.0.1:2525; backend b }\n",
     "f:2:37: \"127.0.0.1:2525\" is listened on twice; the first is \"127.0.0.1:2525\" at "
     "f:2:21\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { listen 127.0.0.1:2525; backend b }\n"
     "listener m { listen [::1]:2525, 127.0.0.1:2525; backend b }\n",
     "f:3:33: \"127.0.0.1:2525\" is listened on twice; the first is \"127.0.0.1:2525\" at "
     "f:2:21\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { listen unix:/tmp/x; backend b }\n"
     "listener m { listen unix:/tmp/x; backend b }\n",
     "f:3:21: \"unix:/tmp/x\" is listened on twice; the first is \"unix:/tmp/x\" at f:2:21\n"},
};

static void what_stands_twice_is_told(void **state)
{
    CHECK_TABLE(twice);
}

static const struct bad references[] = {
    {"", "f:1:1: there is no listener: expected listener NAME { listen ADDR; backend NAME }\n"},
    {"backend b { server 127.0.0.1:25 }\n",
     "f:1:1: there is no listener: expected listener NAME { listen ADDR; backend NAME }\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { backend b }\n",
     "f:2:1: listener \"l\" listens nowhere: expected listen ADDR in its block\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { listen 127.0.0.1:0 }\n",
     "f:2:1: listener \"l\" has no backend: expected backend NAME in its block\n"},
    {"backend b { }\n"
     "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:1:1: backend \"b\" has no server: expected server ADDR in its block\n"},
    {"listener l { }\n",
     "f:1:1: listener \"l\" listens nowhere: expected listen ADDR in its block\n"
     "f:1:1: listener \"l\" has no backend: expected backend NAME in its block\n"},
    {REST "listener { listen 127.0.0.1:0; backend b }\n",
     "f:2:1: a listener needs a name: expected listener NAME {\n"},
    {REST "backend { server 127.0.0.1:25 }\n",
     "f:2:1: a backend needs a name: expected backend NAME {\n"},
    {REST "policy { banner hide }\n", "f:2:1: a policy needs a name: expected policy NAME {\n"},
    {REST "policy \"\" { }\n", "f:2:8: a policy's name has 1 to 63 octets, this one has 0\n"},
    {IN_POLICY("banner text"),
     "f:3:8: banner: the text is missing; expected banner text \"\342\200\246\"\n"},
    {IN_POLICY("command"),
     "f:3:8: expected also, allow, refuse, mask, noop or drop, got the end of the line\n"},
    {IN_POLICY("command refuse"), "f:3:15: expected a word, got the end of the line\n"},
    {IN_POLICY("keyword hide"), "f:3:13: expected a word, got the end of the line\n"},
    {IN_POLICY("framing log"), "f:3:12: expected a word, got the end of the line\n"},
    {IN_POLICY("enforce"),
     "f:3:8: expected sequence, pipelining, parameters or syntax, got the end of the line\n"},
    {IN_POLICY("limit"), "f:3:6: expected a word, got the end of the line\n"},
    {IN_POLICY("limit errors"), "f:3:13: expected a word, got the end of the line\n"},
    {IN_POLICY("timeout"), "f:3:8: expected a word, got the end of the line\n"},
    {IN_POLICY("ehlo"), "f:3:5: expected pass, refuse or as-helo, got the end of the line\n"},
    {IN_POLICY("starttls"), "f:3:9: expected pass, hide or require, got the end of the line\n"},
    {IN_POLICY("forward"), "f:3:8: expected canonical or verbatim, got the end of the line\n"},
    {IN_POLICY("profile"),
     "f:3:8: expected a word or a string in quotes, got the end of the line\n"},
    {IN_POLICY("banner"),
     "f:3:7: expected pass, hide, host, mask, mask-all or text, got the end of the line\n"},
    {REST "log\n", "f:2:4: expected a word, got the end of the line\n"},
    {REST "log format\n",
     "f:2:11: expected a word or a string in quotes, got the end of the line\n"},
    {REST "hostname\n", "f:2:9: expected a word or a string in quotes, got the end of the line\n"},
    {REST "include\n", "f:2:8: expected a word or a string in quotes, got the end of the line\n"},
    {REST "workers\n", "f:2:8: expected a word, got the end of the line\n"},
    {IN_LISTENER("listen"),
     "f:2:7: expected a word or a string in quotes, got the end of the line\n"},
    {IN_LISTENER("policy"),
     "f:2:7: expected a word or a string in quotes, got the end of the line\n"},
    {"backend b { server }\n"
     "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:1:20: expected a word or a string in quotes, got \"}\"\n"},
};

static void what_is_missing_is_told(void **state)
{
    CHECK_TABLE(references);
}

static const struct bad values[] = {
    {REST "hostname \"two words\"\n",
     "f:2:10: hostname: \"two words\" is not a host name; expected letters, digits, \"-\" and "
     "\".\", at most 255 octets\n"},
    {REST "hostname \"\"\n", "f:2:10: hostname: \"\" is not a host name; expected letters, digits, "
                             "\"-\" and \".\", at most 255 octets\n"},
    {REST "user no-such-user\n", "f:2:6: user: this machine has no user \"no-such-user\"\n"},
    {REST "group no-such-group\n", "f:2:7: group: this machine has no group \"no-such-group\"\n"},
    {IN_LISTENER("listen 127.0.0.1"),
     "f:2:8: \"127.0.0.1\" is not an address: a port is missing: host:port\n"},
    {IN_LISTENER("listen 127.0.0.1:65536"),
     "f:2:8: \"127.0.0.1:65536\" is not an address: the port must be a number of at most 65535\n"},
    {IN_LISTENER("listen :25:"), "f:2:8: \":25:\" is not an address: an IPv6 address must stand in "
                                 "brackets: [2001:db8::1]:25\n"},
    {IN_LISTENER("listen \"\""), "f:2:8: \"\" is not an address: a port is missing: host:port\n"},
    {"backend b { server \"unix:\" }\n"
     "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:1:20: \"unix:\" is not an address: the path of a unix socket must begin with /\n"},
    {IN_POLICY("banner text \"\""), "f:3:13: banner: a text has 1 to 400 octets, this one has 0\n"},
    {IN_POLICY("banner text \"220 mx ESMTP\""),
     "f:3:13: banner: the code 220 is put before the text; leave it out here\n"},
    {IN_POLICY("banner text \"caf\303\251\""), "f:3:13: banner: the text has the byte 0xC3; "
                                               "expected printable ASCII (RFC 5321 section 4.2)\n"},
    {IN_POLICY("banner text \"tab\there\""), "f:3:13: banner: the text has the byte 0x09; expected "
                                             "printable ASCII (RFC 5321 section 4.2)\n"},
    {IN_POLICY("banner hide \"x\""),
     "f:3:13: banner: only \"text\" has a text; expected nothing more\n"},
    {IN_POLICY("starttls terminate"),
     "f:3:10: starttls: \"terminate\" needs TLS on the listener, which this version does not have "
     "yet; expected pass, hide or require\n"},
    {IN_POLICY("framing fix long-line"), "f:3:9: framing: a long line cannot be fixed without "
                                         "changing the message; expected refuse, log or pass\n"},
    {IN_POLICY("framing fix all"), "f:3:9: framing: a long line cannot be fixed without changing "
                                   "the message; expected refuse, log or pass\n"},
    {IN_POLICY("banner hide\n"
               "profile rfc821"),
     "f:4:1: \"profile\" has to be the first statement of its policy: it would undo the ones "
     "before it\n"},
    {IN_POLICY("keyword hide all, SIZE"),
     "f:3:14: keyword: \"all\" stands for everything; expected no other word beside it\n"},
    {IN_POLICY("command allow all, others"),
     "f:3:15: command: \"all\" stands for everything; expected no other word beside it\n"},
    {REST "include \"x\"\n", "f:2:9: include: there is no file to which this would be relative\n"},
};

static void values_are_checked(void **state)
{
    CHECK_TABLE(values);
}

static const struct bad syntax[] = {
    {REST "hostname a b\n", "f:2:12: expected the end of the statement, got \"b\"\n"},
    {REST "hostname a, b\n", "f:2:11: expected the end of the statement, got \",\"\n"},
    {REST "workers \"2\"\n", "f:2:9: expected a word, got the string \"2\"\n"},
    {REST "\"hostname\" a\n", "f:2:1: expected a statement, got the string \"hostname\"\n"},
    {REST ", hostname a\n", "f:2:1: expected a statement, got \",\"\n"},
    {REST "= 3\n", "f:2:1: expected a statement, got \"=\"\n"},
    {REST "hostname = a\n", "f:2:10: expected a word or a string in quotes, got \"=\"\n"},
    {IN_POLICY("keyword hide SIZE DSN"),
     "f:3:19: expected the end of the statement or \",\", got \"DSN\"\n"},
    {IN_POLICY("keyword hide SIZE,"), "f:4:1: expected a word, got \"}\"\n"},
    {IN_POLICY("keyword hide , SIZE"), "f:3:14: expected a word, got \",\"\n"},
    {IN_POLICY("keyword hide SIZE,\n"
               "\n"
               "  DSN,\n"
               " banner hide"),
     "f:6:9: expected the end of the statement or \",\", got \"hide\"\n"},
    {IN_POLICY("keyword hide \"SIZE\""), "f:3:14: expected a word, got the string \"SIZE\"\n"},
    {IN_POLICY("banner hide pass"),
     "f:3:13: expected the end of the statement or a string in quotes, got \"pass\"\n"},
    {IN_POLICY("banner text mx"),
     "f:3:13: expected the end of the statement or a string in quotes, got \"mx\"\n"},
    {IN_POLICY("limit errors > 5"), "f:3:14: expected a word, got \">\"\n"},
    {IN_POLICY("limit (errors\n"
               ") 5"),
     "f:3:7: expected a word, got \"(\"\n"},
    {IN_POLICY("banner hide {\n"
               "  x\n"
               "}"),
     "f:3:13: expected the end of the statement or a string in quotes, got \"{\"\n"},
    {REST "hostname x {\n"
          "  y\n"
          "}\n",
     "f:2:12: expected the end of the statement, got \"{\"\n"},
    {REST "{ x\n"
          "}\n",
     "f:2:1: this \"{\" opens no block; it has to stand on the line of the block's name\n"},
    {REST "policy q\n"
          "{\n"
          "  banner hide\n"
          "}\n",
     "f:2:9: expected \"{\" and the statements of the policy\n"
     "f:3:1: this \"{\" opens no block; it has to stand on the line of the block's name\n"},
    {REST "policy q r {\n"
          "  banner hyde\n"
          "}\n",
     "f:2:10: expected \"{\" behind the policy's name, got \"r\"\n"
     "f:3:10: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all or text; "
     "did you mean \"hide\"?\n"},
    {REST "policy , {\n"
          "  banner hyde\n"
          "}\n",
     "f:2:8: expected the end of the statement, \"{\", a word or a string in quotes, got \",\"\n"
     "f:3:10: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all or text; "
     "did you mean \"hide\"?\n"},
    {REST "policy q = {\n"
          "  banner hyde\n"
          "}\n",
     "f:2:10: expected the end of the statement, \"{\", a word or a string in quotes, got \"=\"\n"
     "f:3:10: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all or text; "
     "did you mean \"hide\"?\n"},
    {REST "}\n", "f:2:1: this \"}\" closes nothing\n"},
    {REST "policy q { banner hide } }\n", "f:2:26: this \"}\" closes nothing\n"},
    {REST "policy q { banner hide\n", "f:2:10: the policy block that begins here is not closed: "
                                      "expected \"}\" before the end of the file\n"},
    {REST "policy q {\n"
          "  banner hide\n"
          "listener m { listen 127.0.0.1:0 }\n",
     "f:4:1: a listener block cannot stand in a policy block; is a \"}\" missing? The policy block "
     "of line 2 is still open\n"
     "f:2:10: the policy block that begins here is not closed: expected \"}\" before the end of "
     "the file\n"},
    {REST "policy q {\n"
          "backend c { server 127.0.0.1:25 }\n",
     "f:3:1: a backend block cannot stand in a policy block; is a \"}\" missing? The policy block "
     "of line 2 is still open\n"
     "f:2:10: the policy block that begins here is not closed: expected \"}\" before the end of "
     "the file\n"},
    {"backend b { server 127.0.0.1:25 }\n"
     "listener l { listen 127.0.0.1:0\n"
     "backend b {\n"
     " server 127.0.0.1:25\n"
     "}\n",
     "f:3:11: expected the end of the statement, got \"{\"; is a \"}\" missing? The listener block "
     "of line 2 is still open\n"
     "f:2:12: the listener block that begins here is not closed: expected \"}\" before the end of "
     "the file\n"},
    {REST "zzz {\n"
          "  a\n"
          "  { b\n",
     "f:2:1: unknown statement \"zzz\"; expected one of include, hostname, user, group, workers, "
     "sessions, drain, log, backend, listener, policy, list\n"
     "f:2:5: this \"{\" is not closed: expected \"}\" before the end of the file\n"},
    {REST "log file \"abc\n",
     "f:2:10: this string is not closed: expected \" before the end of the line\n"},
    {REST "log file \"abc",
     "f:2:10: this string is not closed: expected \" before the end of the line\n"},
    {REST "log file \"abc\\\n",
     "f:2:10: this string is not closed: expected \" before the end of the line\n"},
    {REST "hostname caf\303\251\n",
     "f:2:13: the byte 0xC3 may stand in strings and comments only\n"},
    {REST "hostname a\001b\n", "f:2:11: the byte 0x01 may stand in strings and comments only\n"},
    {REST "log file \"a\033[m\"\n", "f:2:10: this string has a control character\n"},
    {REST "log file \"\177\"\n", "f:2:10: this string has a control character\n"},
    {"backend b { server 127.0.0.1:25, 127.0.0.1:26 }\n"
     "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:1:32: expected the end of the statement, got \",\"\n"},
    {IN_LISTENER("listen 127.0.0.1:0 127.0.0.1:0"),
     "f:2:20: expected the end of the statement or \",\", got \"127.0.0.1:0\"\n"},
    {IN_LISTENER("backend"),
     "f:2:8: expected a word or a string in quotes, got the end of the line\n"},
    {"listener l {", "f:1:12: the listener block that begins here is not closed: expected \"}\" "
                     "before the end of the file\n"},
    {"listener", "f:1:1: a listener needs a name: expected listener NAME {\n"
                 "f:1:9: expected \"{\" and the statements of the listener\n"},
    {"policy", "f:1:1: a policy needs a name: expected policy NAME {\n"
               "f:1:7: expected \"{\" and the statements of the policy\n"},
    {"hostname", "f:1:9: expected a word or a string in quotes, got the end of the file\n"},
    {REST "hostname "
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
     "f:2:10: this word is longer than 255 octets\n"},
    {REST "policy xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx { }\n",
     "f:2:8: a policy's name has 1 to 63 octets, this one has 64\n"},
    {REST "hostname "
          "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
          "yyyyyyyyyyyyyy\" z\n",
     "f:2:113: expected the end of the statement, got \"z\"\n"},
    {REST "hostname z "
          "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
          "yyyyyyyyyyyyyy\"\n",
     "f:2:12: expected the end of the statement, got the string "
     "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\342\200\246\"\n"},
};

static void syntax_errors_say_what_was_expected(void **state)
{
    CHECK_TABLE(syntax);
}

static const struct bad later[] = {
    {IN_LISTENER("tls { certificate \"mx.pem\"\n"
                 "  key \"mx.key\" }"),
     "f:2:1: \"tls\" is not in this version of ehlogate\n"},
    {"backend b {\n"
     "  server 127.0.0.1:25\n"
     "  tls opportunistic\n"
     "  identity xclient\n"
     "}\n"
     "listener l { listen 127.0.0.1:0; backend b }\n",
     "f:3:3: \"tls\" is not in this version of ehlogate\n"
     "f:4:3: \"identity\" is not in this version of ehlogate\n"},
    {REST "tls { x }\n", "f:2:1: \"tls\" is not in this version of ehlogate\n"},
};

static void later_constructs_are_no_syntax_errors(void **state)
{
    CHECK_TABLE(later);
}

static const struct bad many[] = {
    {"hostnme a\n"
     "workers 0\n"
     "backend b {\n"
     "  server 127.0.0.1:25\n"
     "  sever x\n"
     "}\n"
     "listener l {\n"
     "  listen 127.0.0.1:0\n"
     "  backend c\n"
     "}\n"
     "policy p {\n"
     "  banner hyde\n"
     "  keyword hide A B\n"
     "  limit errors x\n"
     "}\n",
     "f:1:1: unknown statement \"hostnme\"; expected one of include, hostname, user, group, "
     "workers, sessions, drain, log, backend, listener, policy, list; did you mean \"hostname\"?\n"
     "f:2:9: workers: 0 is out of range; expected 1 to 1024\n"
     "f:5:3: unknown statement \"sever\" in a backend block; expected server; did you mean "
     "\"server\"?\n"
     "f:12:10: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all or text; "
     "did you mean \"hide\"?\n"
     "f:13:18: expected the end of the statement or \",\", got \"B\"\n"
     "f:14:16: limit errors: \"x\" is not a number; expected a number, as in 100\n"
     "f:9:11: there is no backend \"c\"; expected backend c { \342\200\246 }\n"},
    {IN_POLICY("banner hyde; ehlo x; limit errors\n"
               "forward q"),
     "f:3:8: banner: unknown word \"hyde\"; expected pass, hide, host, mask, mask-all or text; did "
     "you mean \"hide\"?\n"
     "f:3:19: ehlo: unknown word \"x\"; expected pass, refuse or as-helo\n"
     "f:3:34: expected a word, got the end of the line\n"
     "f:4:9: forward: unknown word \"q\"; expected canonical or verbatim\n"},
};

static void one_run_shows_all_errors(void **state)
{
    CHECK_TABLE(many);
}

/* ---- what no string literal can say ---- */

static void long_words_are_refused(void **state)
{
    char text[8192];
    int len = snprintf(text, sizeof(text), REST "hostname %0256d\nlog file \"%04096d\"\n", 0, 0);
    char *errors = errors_of(span_of(text, (size_t)len));

    assert_string_equal(errors, "f:2:10: this word is longer than 255 octets\n"
                                "f:3:10: this string is longer than 4095 octets\n");
    free(errors);
}

static void a_nul_is_told(void **state)
{
    char *errors = errors_of(SPAN(REST "# a comment\nhostname a\0b\n"));

    assert_string_equal(errors, "f:3:11: the byte 0x00: this is not a text file\n");
    free(errors);
}

static void errors_come_to_an_end(void **state)
{
    char text[4096];
    size_t len = 0;
    unsigned lines = 0;

    for (unsigned i = 0; i < 500; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "x\n");
    }
    char *errors = errors_of(span_of(text, len));
    for (const char *c = errors; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, CONFIG_ERRORS_MAX + 1);
    assert_non_null(strstr(errors, "f: too many errors; more are not shown\n"));
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_words_name_the_nearest),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(what_stands_twice_is_told),
        cmocka_unit_test(what_is_missing_is_told),
        cmocka_unit_test(values_are_checked),
        cmocka_unit_test(syntax_errors_say_what_was_expected),
        cmocka_unit_test(later_constructs_are_no_syntax_errors),
        cmocka_unit_test(one_run_shows_all_errors),
        cmocka_unit_test(long_words_are_refused),
        cmocka_unit_test(a_nul_is_told),
        cmocka_unit_test(errors_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

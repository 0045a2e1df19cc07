/*
 * asa: what an ASA's configuration becomes. Each criterion, action and parameter stands in a table
 * with the statements it is made into; whole configurations are in tests/asa/, each NAME.cfg with
 * the NAME.conf that it gives. Everything that comes out is read back by the configuration's own
 * parser. Regular expressions are in test_asa_regex.c.
 */
#include "asa/private.h"
#include "base/mem.h"
#include "config/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct import {
    enum asa_result result;
    char *out, *errors; /* owned */
};

static struct import import(const char *name, struct span text)
{
    struct import i = {.result = ASA_WHOLE};
    size_t out_len = 0, errors_len = 0;
    FILE *out = open_memstream(&i.out, &out_len);
    FILE *errors = open_memstream(&i.errors, &errors_len);

    assert_non_null(out);
    assert_non_null(errors);
    i.result = asa_import(name, text, out, errors);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(errors), 0);
    return i;
}

static void import_free(struct import *i)
{
    free(i->out);
    free(i->errors);
}

/* The text is a valid configuration. */
static void assert_valid(const char *text)
{
    char *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&errors, &len);

    assert_non_null(out);
    struct config *config = config_parse("out", span_str(text), out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(errors, "");
    assert_non_null(config);
    config_free(&config);
    free(errors);
}

/* The statements of the last policy behind its `profile`, one a line, without comments. */
static void statements_of(const char *conf, char *text_r, size_t size)
{
    const char *begin = strstr(conf, "    profile asa-esmtp\n");
    size_t used = 0;

    assert_non_null(begin);
    struct span rest = span_from(span_str(begin), strlen("    profile asa-esmtp\n"));
    text_r[0] = '\0';
    while (rest.len > 0 && rest.ptr[0] != '}') {
        struct span line = span_head(rest, span_find(rest, '\n'));
        rest = span_from(rest, line.len + 1);
        line = span_trim(line);
        if (line.len > 0 && line.ptr[0] != '#') {
            int n = snprintf(text_r + used, size - used, "%.*s\n", SPAN_ARG(line));
            used += (size_t)n;
        }
    }
    assert_true(used < size);
}

/* What every map below begins with, and what that becomes. */
#define REGEXES                                                                                    \
    "regex one \"@one\\.example\"\n"                                                               \
    "regex two \"^two@\"\n"                                                                        \
    "regex type \"[Aa]pplication/zip\"\n"                                                          \
    "class-map type regex match-any both\n"                                                        \
    " match regex one\n"                                                                           \
    " match regex two\n"
#define MAP                                                                                        \
    REGEXES "policy-map type inspect esmtp m\n"                                                    \
            " parameters\n"                                                                        \
            "  mask-banner\n"                                                                      \
            "  no allow-tls\n"                                                                     \
            " match ehlo-reply-parameter others\n"                                                 \
            "  mask\n"
#define BASE "banner mask-all\nstarttls hide\n"
#define LINE "limit command-line 2K\n"

struct sample {
    const char *asa;
    const char *statements;
};

static void check_samples(const struct sample *samples, size_t count, const char *before,
                          const char *base)
{
    char text[4096], got[4096], expected[4096];

    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "%s%s", before, samples[i].asa);
        snprintf(expected, sizeof(expected), "%s%s", base, samples[i].statements);
        struct import result = import("f", span_str(text));
        assert_string_equal(result.errors, "");
        assert_int_equal(result.result, ASA_WHOLE);
        statements_of(result.out, got, sizeof(got));
        assert_string_equal(got, expected);
        assert_valid(result.out);
        import_free(&result);
    }
}

#define CHECK(samples, before, base)                                                               \
    check_samples(samples, sizeof(samples) / sizeof(samples[0]), before, base)

static void test_criteria(void **state)
{
    static const struct sample samples[] = {
        {" match body length gt 1000\n  log\n", "when body.length > 1000 log\n"},
        {" match not body length gt 1000\n  log\n", "when body.length <= 1000 log\n"},
        {" match body line length gt 998\n  log\n", "when body.line.length > 998 log\n"},
        {" match cmd line length gt 512\n  reset\n", LINE "when command.length > 512 reset\n"},
        {" match cmd line length gt 2048\n  log\n",
         "limit command-line 4K\nwhen command.length > 2048 log\n"},
        {" match cmd line length gt 99999\n  log\n",
         "limit command-line 32K\nwhen command.length > 99999 log\n"},
        {" match cmd RCPT count gt 100\n  reset\n", "when rcpt.count > 100 reset\n"},
        {" match cmd rcpt count gt 1000\n  reset\n",
         "limit recipients 0\nwhen rcpt.count > 1000 reset\n"},
        {" match cmd verb VRFY\n  reset\n", "when verb = \"VRFY\" reset\n"},
        {" match cmd verb vrfy noop vrfy\n  log\n",
         "when verb = \"VRFY\" or verb = \"NOOP\" log\n"},
        {" match not cmd verb vrfy noop\n  log\n",
         "when verb != \"VRFY\" and verb != \"NOOP\" log\n"},
        {" match cmd verb others\n  reset\n", "when command.unknown reset\n"},
        {" match not cmd verb mail others\n  reset\n",
         "when verb != \"MAIL\" and not command.unknown reset\n"},
        {" match ehlo-reply-parameter size binaryname ecode\n  log\n",
         "when offer.keyword = \"SIZE\" or offer.keyword = \"BINARYMIME\" or offer.keyword = "
         "\"ENHANCEDSTATUSCODES\" log\n"},
        {" match not ehlo-reply-parameter size dsn\n  log\n",
         "when offer.keyword != \"SIZE\" and offer.keyword != \"DSN\" log\n"},
        {" match header length gt 16384\n  drop-connection\n", "when header.length > 16384 drop\n"},
        {" match header line length gt 998\n  drop-connection\n",
         "when header.line.length > 998 drop\n"},
        {" match header to-fields count gt 50\n  drop-connection\n",
         "when header.to.count > 50 drop\n"},
        {" match invalid-recipients count gt 10\n  drop-connection\n",
         "when rcpt.rejected > 10 drop\n"},
        {" match mime encoding binary 8bit\n  drop-connection\n",
         "when mime.encoding = \"binary\" or mime.encoding = \"8bit\" drop\n"},
        {" match not mime encoding 7bit base64\n  drop-connection\n",
         "when mime.encoding != \"7bit\" and mime.encoding != \"base64\" drop\n"},
        {" match mime encoding others\n  log\n",
         "when mime.encoding != \"7bit\" and mime.encoding != \"8bit\" and mime.encoding != "
         "\"base64\" and mime.encoding != \"binary\" and mime.encoding != \"quoted-printable\" "
         "log\n"},
        {" match not mime encoding 7bit others\n  log\n",
         "when mime.encoding != \"7bit\" and (mime.encoding = \"7bit\" or mime.encoding = \"8bit\" "
         "or mime.encoding = \"base64\" or mime.encoding = \"binary\" or mime.encoding = "
         "\"quoted-printable\") log\n"},
        {" match MIME filename length gt 255\n  drop-connection\n",
         "when attachment.length > 255 drop\n"},
        {" match mime filetype regex type\n  drop-connection\n",
         "when mime.type ~ \"[Aa]pplication/zip\"i drop\n"},
        {" match mime filetype regex class both\n  log\n",
         "when mime.type ~ \"@one\\\\.example\"i or mime.type ~ \"^two@\"i log\n"},
        {" match sender-address length gt 320\n  drop-connection\n",
         "when mail.length > 320 drop\n"},
        {" match sender-address regex one\n  drop-connection\n",
         "when mail.from ~ \"@one\\\\.example\" drop\n"},
        {" match not sender-address regex one\n  drop-connection\n",
         "when mail.from !~ \"@one\\\\.example\" drop\n"},
        {" match sender-address regex class both\n  drop-connection\n",
         "when mail.from ~ \"@one\\\\.example\" or mail.from ~ \"^two@\" drop\n"},
        {" match not sender-address regex class both\n  drop-connection\n",
         "when mail.from !~ \"@one\\\\.example\" and mail.from !~ \"^two@\" drop\n"},
    };

    (void)state;
    CHECK(samples, MAP, BASE);
}

static void test_actions(void **state)
{
    static const struct sample samples[] = {
        {" match body length gt 1\n  drop-connection\n", "when body.length > 1 drop\n"},
        {" match body length gt 1\n  drop-connection log\n", "when body.length > 1 drop\n"},
        {" match body length gt 1\n  drop\n", "when body.length > 1 drop\n"},
        {" match body length gt 1\n  drop-connection send-protocol-error log\n",
         "when body.length > 1 close\n"},
        {" match body length gt 1\n  reset log\n", "when body.length > 1 reset\n"},
        {" match body length gt 1\n  reset\n  log\n", "when body.length > 1 reset\n"},
        {" match body length gt 1\n  log\n", "when body.length > 1 log\n"},
        {" match body length gt 1\n  rate-limit 20 log\n",
         "when body.length > 1 limit 20 per 1s\n"},
        {" match body length gt 1\n", ""},
        {" match cmd verb VRFY ETRN\n  mask log\n", "command mask VRFY, ETRN\n"},
        {" match cmd verb VRFY others\n  drop-connection\n", "command drop VRFY, others\n"},
        {" match cmd verb others\n  mask\n", "command mask others\n"},
        {" match not cmd verb MAIL\n  mask\n", "when verb != \"MAIL\" mask\n"},
        {" match not cmd verb MAIL\n  drop-connection\n", "when verb != \"MAIL\" drop\n"},
        {" match ehlo-reply-parameter auth\n  mask log\n", "keyword mask AUTH\n"},
        {" match ehlo-reply-parameter others size\n  mask\n", "keyword mask SIZE\n"},
        {" match not ehlo-reply-parameter size auth others\n  mask\n",
         "keyword mask 8BITMIME, BINARYMIME, CHECKPOINT, DSN, ENHANCEDSTATUSCODES, ETRN, "
         "PIPELINING, VRFY\n"},
    };

    (void)state;
    CHECK(samples, MAP, BASE);
}

static void test_parameters(void **state)
{
#define PARAMETERS "policy-map type inspect esmtp m\n match ehlo-reply-parameter others\n  mask\n"
#define TLS        "starttls pass\nkeyword also STARTTLS\ncommand also STARTTLS\n"
    static const struct sample samples[] = {
        {PARAMETERS, "banner pass\nstarttls hide\n"},
        {PARAMETERS " parameters\n  mask-banner\n", "banner mask-all\nstarttls hide\n"},
        {PARAMETERS " parameters\n  no mask-banner\n", "banner pass\nstarttls hide\n"},
        {PARAMETERS " parameters\n  allow-tls\n", "banner pass\n" TLS},
        {PARAMETERS " parameters\n  allow-tls action log\n", "banner pass\n" TLS},
        {"ASA Version 9.4(1)\n" PARAMETERS, "banner pass\n" TLS},
        {"ASA Version 9.16(2)7\n" PARAMETERS, "banner pass\n" TLS},
        {"ASA Version 9.16(2)\n" PARAMETERS " parameters\n  no allow-tls\n",
         "banner pass\nstarttls hide\n"},
        {"ASA Version 9.3(1)\n" PARAMETERS, "banner pass\nstarttls hide\n"},
        {"PIX Version 7.2(4)\n" PARAMETERS, "banner pass\nstarttls hide\n"},
        {PARAMETERS " parameters\n  mail-relay a.example action drop-connection log\n",
         "banner pass\nstarttls hide\nwhen mail.domain != \"a.example\" and rcpt.domain != "
         "\"a.example\" drop\n"},
        {PARAMETERS " parameters\n  mail-relay a.example log\n",
         "banner pass\nstarttls hide\nwhen mail.domain != \"a.example\" and rcpt.domain != "
         "\"a.example\" log\n"},
        {PARAMETERS " parameters\n  mail-relay a.example log\n  no mail-relay\n",
         "banner pass\nstarttls hide\n"},
        {PARAMETERS " parameters\n  special-character action drop-connection\n",
         "banner pass\nstarttls hide\nwhen mail.special drop\nwhen rcpt.special drop\n"},
        {PARAMETERS " parameters\n  special-character action log\n",
         "banner pass\nstarttls hide\nwhen mail.special log\nwhen rcpt.special log\n"},
        {"policy-map type inspect esmtp m\n", "banner pass\nkeyword also all\nstarttls hide\n"},
        {"policy-map type inspect esmtp m\n match not ehlo-reply-parameter size\n  mask\n",
         "banner pass\nstarttls hide\nkeyword mask 8BITMIME, AUTH, BINARYMIME, CHECKPOINT, DSN, "
         "ENHANCEDSTATUSCODES, ETRN, PIPELINING, VRFY\n"},
        {"policy-map type inspect esmtp m\n match ehlo-reply-parameter others\n  log\n",
         "banner pass\nkeyword also all\nstarttls hide\nwhen offer.keyword != \"8BITMIME\" and "
         "offer.keyword != \"AUTH\" and offer.keyword != \"BINARYMIME\" and offer.keyword != "
         "\"CHECKPOINT\" and offer.keyword != \"DSN\" and offer.keyword != \"ENHANCEDSTATUSCODES\" "
         "and offer.keyword != \"ETRN\" and offer.keyword != \"PIPELINING\" and offer.keyword != "
         "\"SIZE\" and offer.keyword != \"VRFY\" log\n"},
    };

    (void)state;
    CHECK(samples, "", "");
}

static void test_classes(void **state)
{
#define CLASS(how, matches)                                                                        \
    REGEXES "class-map type inspect esmtp " how "c\n" matches "policy-map type inspect esmtp m\n"  \
            " match ehlo-reply-parameter others\n"                                                 \
            "  mask\n"                                                                             \
            " class c\n"
    static const struct sample samples[] = {
        {CLASS("match-any ",
               " match body length gt 9\n match sender-address regex one\n") "  log\n",
         "when body.length > 9 log\nwhen mail.from ~ \"@one\\\\.example\" log\n"},
        {CLASS("match-all ",
               " match body length gt 9\n match not sender-address regex one\n") "  reset log\n",
         "when body.length > 9 and mail.from !~ \"@one\\\\.example\" reset\n"},
        /* match-all is what nothing means. */
        {CLASS("", " match body length gt 9\n match sender-address regex class both\n") "  log\n",
         "when body.length > 9 and (mail.from ~ \"@one\\\\.example\" or mail.from ~ \"^two@\") "
         "log\n"},
        {CLASS("", " match cmd verb vrfy\n") "  mask\n", "command mask VRFY\n"},
        {CLASS("match-any ",
               " match cmd verb vrfy\n match ehlo-reply-parameter dsn\n") "  mask log\n",
         "command mask VRFY\nkeyword mask DSN\n"},
    };

    (void)state;
    CHECK(samples, "", "banner pass\nstarttls hide\n");
}

/* `limit` may stand once in a policy. */
static void test_limits_stand_once(void **state)
{
    struct import result = import("f", SPAN("policy-map type inspect esmtp m\n"
                                            " match cmd line length gt 512\n"
                                            "  log\n"
                                            " match cmd line length gt 5000\n"
                                            "  reset\n"));

    (void)state;
    assert_int_equal(result.result, ASA_WHOLE);
    assert_non_null(strstr(result.out, "limit command-line 8K\n"));
    assert_null(strstr(result.out, "limit command-line 2K\n"));
    assert_valid(result.out);
    import_free(&result);
}

/* ---- which policy the listener has ---- */

static void test_use(void **state)
{
#define TWO                                                                                        \
    "policy-map type inspect esmtp a\n parameters\n"                                               \
    "policy-map type inspect esmtp \"b c\"\n parameters\n"                                         \
    "policy-map global_policy\n class inspection_default\n"
    static const struct sample samples[] = {
        {TWO "  inspect esmtp a\n", "\n    policy  a\n"},
        {TWO "  inspect dns\n  set connection x\n  inspect esmtp a\n", "\n    policy  a\n"},
        {TWO "  no inspect esmtp a\n  inspect esmtp _default_esmtp_map\n",
         "\n    policy  _default_esmtp_map\n"},
        {TWO "  inspect esmtp\n", "\n    policy  _default_esmtp_map\n"},
        {TWO, "\n    policy  a\n"},
        {"policy-map global_policy\n class inspection_default\n  no inspect esmtp\n",
         "\n    policy  observe\n"},
        {"fixup protocol smtp 25\n", "\n    policy  pix-mailguard\n"},
        {"PIX Version 5.2(6)\nfixup protocol smtp 25\n", "\n    policy  pix-mailguard\n"},
        {"PIX Version 5.0(3)\nfixup protocol smtp\n", "\n    policy  pix-mailguard-4.4\n"},
        {"PIX Version 4.4(8)\nfixup protocol smtp 25\n", "\n    policy  pix-mailguard-4.4\n"},
        {"no fixup protocol smtp 25\n", "\n    policy  observe\n"},
        {"no fixup protocol smtp 25\nfixup protocol smtp 2525\n", "\n    policy  pix-mailguard\n"},
        {"mailhost 192.0.2.1 10.0.0.1\n", "server 10.0.0.1:25  "},
        {"mailhost 192.0.2.1 10.0.0.1\n", "\n    policy  pix-mailguard-4.4\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct import result = import("f", span_str(samples[i].asa));
        assert_string_equal(result.errors, "");
        assert_int_equal(result.result, ASA_WHOLE);
        assert_non_null(strstr(result.out, samples[i].statements));
        assert_valid(result.out);
        import_free(&result);
    }
}

/* The default map is the same text, whether the file has it or the device. */
static void test_default_map_is_built_in(void **state)
{
    char own[4096], builtin[4096];
    struct import a = import("f", SPAN("policy-map type inspect esmtp _default_esmtp_map\n"
                                       " description Default ESMTP policy-map\n"
                                       " parameters\n"
                                       "  mask-banner\n"
                                       "  no mail-relay\n"
                                       "  no special-character\n"
                                       "  no allow-tls\n"
                                       " match cmd line length gt 512 \n"
                                       "  drop-connection log\n"
                                       " match cmd RCPT count gt 100 \n"
                                       "  drop-connection log\n"
                                       " match body line length gt 998 \n"
                                       "  log\n"
                                       " match header line length gt 998 \n"
                                       "  drop-connection log\n"
                                       " match sender-address length gt 320 \n"
                                       "  drop-connection log\n"
                                       " match MIME filename length gt 255 \n"
                                       "  drop-connection log\n"
                                       " match ehlo-reply-parameter others \n"
                                       "  mask\n"
                                       "policy-map global_policy\n"
                                       " class inspection_default\n"
                                       "  inspect esmtp\n"));
    struct import b = import("f", SPAN("policy-map global_policy\r\n"
                                       " class inspection_default\r\n"
                                       "  inspect esmtp\r\n"));

    (void)state;
    assert_int_equal(a.result, ASA_WHOLE);
    assert_int_equal(b.result, ASA_WHOLE);
    statements_of(a.out, own, sizeof(own));
    statements_of(b.out, builtin, sizeof(builtin));
    assert_string_equal(own, builtin);
    assert_non_null(strstr(b.out, "# default map: match cmd line length gt 512; drop-connection "
                                  "log\n    when command.length > 512 drop\n"));
    import_free(&a);
    import_free(&b);
}

/* Typed without blanks in front, as in a console's log, and with `exit` and `end`. */
static void test_indentation_is_not_needed(void **state)
{
    char got[4096];
    struct import result = import("f", SPAN("regex one \"@one\"\n"
                                            "policy-map type inspect esmtp m\n"
                                            "match sender-address regex one\n"
                                            "log\n"
                                            "exit\n"
                                            "parameters\n"
                                            "mask-banner\n"
                                            "! a comment\n"
                                            "match body length gt 5\n"
                                            "reset\n"
                                            "end\n"
                                            "snmp-server community public\n"
                                            "log\n"));

    (void)state;
    assert_string_equal(result.errors, "");
    statements_of(result.out, got, sizeof(got));
    assert_string_equal(got, "banner mask-all\nkeyword also all\nstarttls hide\nwhen mail.from ~ "
                             "\"@one\" log\nwhen body.length > 5 reset\n");
    import_free(&result);
}

/* ---- errors ---- */

struct bad {
    const char *text;
    const char *errors;
};

static void test_errors(void **state)
{
#define ONE "policy-map type inspect esmtp m\n"
    static const struct bad bad[] = {
        {"", "f: nothing about SMTP: expected policy-map type inspect esmtp, inspect esmtp or "
             "fixup protocol smtp\n"},
        {"hostname a\n class x\n", "f: nothing about SMTP: expected policy-map type inspect esmtp, "
                                   "inspect esmtp or fixup protocol smtp\n"},
        {"policy-map type inspect esmpt m\n",
         "f:1:25: unknown type \"esmpt\"; did you mean \"esmtp\"?\n"},
        {"class-map type inspect estmp m\n",
         "f:1:24: unknown type \"estmp\"; did you mean \"esmtp\"?\n"},
        {"policy-map global_policy\n class inspection_default\n  inspect esmpt\n",
         "f:3:11: unknown inspection \"esmpt\"; did you mean \"esmtp\"?\n"},
        {"fixup protocol smpt 25\n", "f:1:16: unknown protocol \"smpt\"; did you mean \"smtp\"?\n"},
        {ONE " matsch body length gt 1\n",
         "f:2:2: policy-map type inspect esmtp: unknown word \"matsch\"; expected one of "
         "description, match, class, parameters; did you mean \"match\"?\n"},
        {ONE "mach body length gt 1\n",
         "f:2:1: policy-map type inspect esmtp: unknown word \"mach\"; expected one of "
         "description, match, class, parameters; did you mean \"match\"?\n"},
        {ONE " match bdy length gt 1\n",
         "f:2:8: match: unknown word \"bdy\"; expected one of body, cmd, ehlo-reply-parameter, "
         "header, invalid-recipients, mime, sender-address; did you mean \"body\"?\n"},
        {ONE " match body lenght gt 1\n", "f:2:13: match: unknown word \"lenght\"; expected one of "
                                          "length, line; did you mean \"length\"?\n"},
        {ONE " match header line length lt 1\n",
         "f:2:27: match: unknown word \"lt\"; expected gt; did you mean \"gt\"?\n"},
        {ONE " match not\n", "f:2:11: match: expected one of body, cmd, ehlo-reply-parameter, "
                             "header, invalid-recipients, mime, sender-address\n"},
        {ONE " match body length gt many\n  log\n",
         "f:2:23: expected a number up to 4294967295, got \"many\"\n"},
        {ONE " match body length gt\n", "f:2:22: expected a number up to 4294967295\n"},
        {ONE " match body length gt 4294967296\n",
         "f:2:23: expected a number up to 4294967295, got \"4294967296\"\n"},
        {ONE " match body length gt 1 2\n", "f:2:25: expected the end of the line, got \"2\"\n"},
        {ONE " match cmd verb EXPM\n",
         "f:2:17: cmd verb: unknown verb \"EXPM\"; did you mean \"EXPN\"?\n"},
        {ONE " match cmd verb\n", "f:2:16: cmd verb: expected one word or more\n"},
        {ONE " match ehlo-reply-parameter sise\n",
         "f:2:29: ehlo-reply-parameter: unknown word \"sise\"; expected one of 8bitmime, auth, "
         "binaryname, checkpoint, dsn, ecode, etrn, others, pipelining, size, vrfy; did you mean "
         "\"size\"?\n"},
        {ONE " match mime encoding base46\n",
         "f:2:22: mime encoding: unknown word \"base46\"; expected one of 7bit, 8bit, base64, "
         "binary, others, quoted-printable; did you mean \"base64\"?\n"},
        {ONE " match body length gt 1\n  drop-conection log\n",
         "f:3:3: policy-map type inspect esmtp: unknown word \"drop-conection\"; expected one of "
         "drop-connection, drop, mask, reset, log, rate-limit, description, match, class, "
         "parameters; did you mean \"drop-connection\"?\n"},
        {ONE " match body length gt 1\n  reset lock\n",
         "f:3:9: action: unknown word \"lock\"; expected log\n"},
        {ONE " match body length gt 1\n  mask\n",
         "f:3:3: mask goes with cmd verb and ehlo-reply-parameter only\n"},
        {ONE " match body length gt 1\n  rate-limit 0\n",
         "f:3:14: rate-limit: expected a number from 1 to 4294967295\n"},
        {ONE " parameters\n  mask-baner\n",
         "f:3:3: parameters: unknown word \"mask-baner\"; expected one of mask-banner, mail-relay, "
         "special-character, allow-tls, description, match, class, parameters; did you mean "
         "\"mask-banner\"?\n"},
        {ONE " parameters\n  mail-relay\n", "f:3:13: expected a name of 1 to 128 octets\n"},
        {ONE " parameters\n  mail-relay a.example action deny\n",
         "f:3:31: action: unknown word \"deny\"; expected one of drop-connection, log\n"},
        {ONE " parameters\n  special-character\n",
         "f:3:20: action: expected one of drop-connection, log\n"},
        {"regex good \"a\"\n" ONE " match sender-address regex god\n",
         "f:3:29: there is no regex \"god\"; did you mean \"good\"?\n"},
        {"class-map type regex match-any cs\n match regex x\n" ONE
         " match sender-address regex class xs\n",
         "f:2:14: there is no regex \"x\"\n"
         "f:4:35: there is no class-map type regex \"xs\"; did you mean \"cs\"?\n"},
        {ONE " class cc\n  log\n", "f:2:8: there is no class-map type inspect esmtp \"cc\"\n"},
        {"class-map type regex match-all cs\n",
         "f:1:22: class-map type regex: expected match-any\n"},
        {"regex a \"b\n", "f:1:9: this string is not closed: expected \"\n"},
        {"regex a\n", "f:1:8: expected the regular expression of a\n"},
        {ONE "policy-map g\n class c\n  inspect esmtp n\n",
         "f:4:17: there is no policy-map type inspect esmtp \"n\"\n"},
        {ONE " no match body length gt 1\n",
         "f:2:5: \"no match\" changes a block: give the configuration as `show running-config` "
         "prints it\n"},
        {ONE " match b\x01"
             "dy length gt 1\n",
         "f:2:8: match: unknown word \"b?dy\"; expected one of body, cmd, ehlo-reply-parameter, "
         "header, invalid-recipients, mime, sender-address; did you mean \"body\"?\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct import result = import("f", span_str(bad[i].text));
        assert_string_equal(result.errors, bad[i].errors);
        assert_int_equal(result.result, ASA_ERRORS);
        assert_string_equal(result.out, "");
        import_free(&result);
    }
}

/* ---- what is not carried over ---- */

static void test_left(void **state)
{
#define PART "    #   NOT CARRIED OVER: "
    static const struct {
        const char *text, *errors, *comment;
    } left[] = {
        {ONE " match ehlo-reply-parameter auth\n  reset\n",
         "f:2:2: not carried over: reset makes no sense at stage offer, ",
         PART "reset makes no sense at stage offer, "},
        {"class-map type inspect esmtp match-all c\n match ehlo-reply-parameter auth\n match body "
         "length gt 1\n" ONE " class c\n  log\n",
         "f:2:2: not carried over: offer.keyword (stage offer) and body.length (stage message) are "
         "never known together",
         PART "offer.keyword (stage offer) and body.length"},
        {"class-map type inspect esmtp c\n" ONE " class c\n  log\n",
         "f:1:30: not carried over: class-map c has no match\n", PART "class-map c has no match\n"},
        {"regex r \"a(b\"\n" ONE " match sender-address regex r\n  reset\n",
         "f:1:11: not carried over: regex r (line 1, column 11): a \"(\" is not closed\n",
         PART "regex r (line 1, column 11): a \"(\" is not closed\n}\n"},
        /* The others of a class stay … */
        {"regex r \"*\"\nregex s \"b\"\nclass-map type regex match-any c\n match regex r\n match "
         "regex s\n" ONE " match sender-address regex class c\n  reset\n",
         "f:1:10: not carried over: regex r (line 1, column 10): there is nothing to repeat\n",
         "repeat\n    when mail.from ~ \"b\" reset\n"},
        /* … but not where the rule would then match more. */
        {"regex r \"*\"\nregex s \"b\"\nclass-map type regex match-any c\n match regex r\n match "
         "regex s\n" ONE " match not sender-address regex class c\n  reset\n",
         "f:1:10: not carried over: regex r (line 1, column 10): there is nothing to repeat\n",
         "there is nothing to repeat\n}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        struct import result = import("f", span_str(left[i].text));
        assert_non_null(strstr(result.errors, left[i].errors));
        assert_int_equal(result.result, ASA_PART);
        assert_non_null(strstr(result.out, left[i].comment));
        assert_valid(result.out);
        import_free(&result);
    }
}

/* ---- whole configurations ---- */

static char *file(const char *name, const char *extension, size_t *len_r)
{
    char path[512], *text = malloc(65536);

    snprintf(path, sizeof(path), "%s/%s.%s", ASA_SAMPLES, name, extension);
    FILE *in = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(in);
    *len_r = fread(text, 1, 65535, in);
    text[*len_r] = '\0';
    assert_int_equal(fclose(in), 0);
    return text;
}

static void test_samples(void **state)
{
    static const struct {
        const char *name, *errors;
        enum asa_result result;
    } samples[] = {
        {"default", "", ASA_WHOLE},
        {"strict",
         "strict.cfg:14:13: not carried over: regex glob (line 14, column 13): there is nothing to "
         "repeat\n",
         ASA_PART},
        {"pix", "", ASA_WHOLE},
        {"pix-off", "", ASA_WHOLE},
        {"mailhost", "", ASA_WHOLE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        char name[64];
        size_t len, expected_len;
        char *text = file(samples[i].name, "cfg", &len);
        char *expected = file(samples[i].name, "conf", &expected_len);
        snprintf(name, sizeof(name), "%s.cfg", samples[i].name);
        struct import result = import(name, span_of(text, len));
        assert_string_equal(result.out, expected);
        assert_string_equal(result.errors, samples[i].errors);
        assert_int_equal(result.result, samples[i].result);
        assert_valid(result.out);
        import_free(&result);
        free(expected);
        free(text);
    }
}

/* A file that was cut off after any line is read, or has errors; what comes out is valid. */
static void test_any_beginning(void **state)
{
    size_t len;
    char *text = file("strict", "cfg", &len);
    unsigned whole = 0;

    (void)state;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') {
            continue;
        }
        struct import result = import("f", span_of(text, i + 1));
        assert_int_equal(result.out[0] == '\0', result.result == ASA_ERRORS);
        if (result.out[0] != '\0') {
            assert_valid(result.out);
            whole++;
        }
        import_free(&result);
    }
    assert_true(whole > 50);
    free(text);
}

/* Memory that runs out at any request: said, and nothing lost or freed twice. */
static void test_no_memory(void **state)
{
    size_t len;
    char *text = file("strict", "cfg", &len);
    unsigned failed = 0;

    (void)state;
    mem_fail_at(0);
    struct import whole = import("f", span_of(text, len));
    size_t requests = mem_requests();
    assert_true(requests > 20);
    for (size_t n = 1; n <= requests; n++) {
        mem_fail_at(n);
        struct import result = import("f", span_of(text, len));
        mem_fail_at(0);
        failed += result.result == ASA_NO_MEMORY;
        /* Without memory for machine code a pattern is still one. */
        assert_true(result.result == ASA_NO_MEMORY || strcmp(result.out, whole.out) == 0);
        import_free(&result);
    }
    assert_true(failed > 20);
    import_free(&whole);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_criteria),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_limits_stand_once),
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_default_map_is_built_in),
        cmocka_unit_test(test_indentation_is_not_needed),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_left),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_any_beginning),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

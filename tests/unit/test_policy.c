/*
 * policy: the profiles switch by switch, the statements `command` and `keyword` on top of them, and
 * the printer's shapes. That what is printed reads back as the same policy is in test_config.c.
 */
#include "policy/edit.h"
#include "policy/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

static struct policy profile(const char *name)
{
    struct policy policy;
    const struct policy_profile *found = policy_profile_find(span_str(name));

    assert_non_null(found);
    policy_begin(&policy, found);
    return policy;
}

/* The names of all verbs with that treatment, in the table's order, joined by blanks. */
static const char *verbs(const struct policy *policy, enum policy_command action)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        if (policy->command[v] == action) {
            struct span name = smtp_verb_info((enum smtp_verb)v)->name;
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s",
                                     used > 0 ? " " : "", SPAN_ARG(name));
        }
    }
    return text;
}

static const char *keywords(const struct policy *policy, enum policy_keyword action)
{
    static char text[1024];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (policy->keyword[k] == action) {
            struct span name = smtp_keyword_info((enum smtp_keyword)k)->name;
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s",
                                     used > 0 ? " " : "", SPAN_ARG(name));
        }
    }
    return text;
}

#define SEVEN "HELO MAIL RCPT DATA RSET NOOP QUIT"
#define CHECKS                                                                                     \
    (POLICY_CHECK_SEQUENCE | POLICY_CHECK_PIPELINING | POLICY_CHECK_PARAMETERS |                   \
     POLICY_CHECK_SYNTAX)

static void profiles_are_found(void **state)
{
    assert_null(policy_profile_find(SPAN("esmt")));
    assert_null(policy_profile_find(SPAN("")));
    assert_null(policy_profile_find(SPAN("esmtp ")));
    assert_string_equal(policy_profiles[0].name, "esmtp"); /* the default */
    for (const struct policy_profile *p = policy_profiles; p->name != NULL; p++) {
        struct policy policy;
        memset(&policy, 0xff, sizeof(policy));
        policy_begin(&policy, p);
        assert_ptr_equal(policy_profile_find(span_str(p->name)), p);
        assert_string_equal(policy.profile, p->name);
        assert_null(policy.banner_text);
    }
}

static void esmtp_keeps_esmtp(void **state)
{
    struct policy p = profile("esmtp");

    assert_int_equal(p.banner, POLICY_BANNER_HIDE);
    assert_int_equal(p.ehlo, POLICY_EHLO_PASS);
    assert_int_equal(p.starttls, POLICY_STARTTLS_PASS);
    assert_int_equal(p.checks, CHECKS);
    assert_false(p.verbatim);
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW),
                        "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP AUTH STARTTLS");
    assert_string_equal(verbs(&p, POLICY_COMMAND_DROP), "GET POST CONNECT");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_REFUSE);
    assert_int_equal(p.command[SMTP_VERB_VRFY], POLICY_COMMAND_REFUSE);
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW),
                        "8BITMIME AUTH BINARYMIME CHUNKING CONNEG CONPERM DELIVERBY DSN "
                        "ENHANCEDSTATUSCODES FUTURERELEASE HELP LIMITS MT-PRIORITY MTRK "
                        "NO-SOLICITING PIPELINING REQUIRETLS RRVS SIZE SMTPUTF8 STARTTLS "
                        "SUBMITTER");
    assert_string_equal(keywords(&p, POLICY_KEYWORD_MASK), "");
    assert_int_equal(p.keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_HIDE);
}

/* Everything that `esmtp` allows by keyword can be had: no keyword of it announces a refused verb.
 */
static void esmtp_offers_what_works(void **state)
{
    struct policy p = profile("esmtp");

    for (unsigned v = SMTP_VERB_UNKNOWN; v < SMTP_VERB_WORDS; v++) {
        assert_int_equal(policy_command_verdict(&p, (enum smtp_verb)v), p.command[v]);
    }

    for (unsigned k = SMTP_KEYWORD_UNKNOWN; k < SMTP_KEYWORDS; k++) {
        assert_int_equal(policy_keyword_verdict(&p, (enum smtp_keyword)k), p.keyword[k]);
    }
}

static void observe_alters_nothing(void **state)
{
    struct policy p = profile("observe");

    assert_int_equal(p.banner, POLICY_BANNER_PASS);
    assert_int_equal(p.ehlo, POLICY_EHLO_PASS);
    assert_int_equal(p.starttls, POLICY_STARTTLS_PASS);
    assert_int_equal(p.checks, 0);
    assert_true(p.verbatim);
    for (unsigned v = 0; v < SMTP_VERB_WORDS; v++) {
        assert_int_equal(p.command[v], POLICY_COMMAND_ALLOW);
    }
    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        assert_int_equal(p.keyword[k], POLICY_KEYWORD_ALLOW);
        assert_int_equal(policy_keyword_verdict(&p, (enum smtp_keyword)k), POLICY_KEYWORD_ALLOW);
    }
    for (unsigned e = SMTP_BODY_BARE_CR; e <= SMTP_BODY_LONG_LINE; e++) {
        assert_int_equal(p.framing[e], POLICY_FRAMING_LOG);
    }
    assert_int_equal(p.limits.recipients, 0);
    assert_int_equal(p.limits.errors, 0);
    assert_int_equal(p.limits.message_size, 0);
}

static void rfc821_has_seven_commands(void **state)
{
    struct policy p = profile("rfc821");

    assert_int_equal(p.banner, POLICY_BANNER_HOST);
    assert_int_equal(p.ehlo, POLICY_EHLO_REFUSE);
    assert_int_equal(p.starttls, POLICY_STARTTLS_HIDE);
    assert_int_equal(p.checks, CHECKS);
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), SEVEN);
    for (unsigned v = 0; v < SMTP_VERB_WORDS; v++) {
        bool minimum = (smtp_verb_info((enum smtp_verb)v)->flags & SMTP_VERB_MINIMUM) != 0;
        assert_int_equal(p.command[v], minimum ? POLICY_COMMAND_ALLOW : POLICY_COMMAND_REFUSE);
    }
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW), "");
}

static void pix_makes_the_rest_noop(void **state)
{
    struct policy p, old;

    policy_begin(&p, policy_profile_find(SPAN("pix-mailguard")));
    policy_begin(&old, policy_profile_find(SPAN("pix-mailguard-4.4")));
    assert_int_equal(p.banner, POLICY_BANNER_MASK);
    assert_int_equal(old.banner, POLICY_BANNER_MASK_ALL);
    assert_int_equal(p.checks, 0);
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), SEVEN);
    for (unsigned v = 0; v < SMTP_VERB_WORDS; v++) {
        bool minimum = (smtp_verb_info((enum smtp_verb)v)->flags & SMTP_VERB_MINIMUM) != 0;
        assert_int_equal(p.command[v], minimum ? POLICY_COMMAND_ALLOW : POLICY_COMMAND_NOOP);
    }
    old.profile = p.profile;
    old.banner = p.banner;
    assert_memory_equal(&old, &p, sizeof(p)); /* the banner is all that differs */
}

/* `command mask others` on top gives the PIX that X-es. */
static void pix_can_mask_the_rest(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("pix-mailguard")));
    policy_edit_command(&edit, POLICY_COMMAND_MASK, false, (struct policy_words){.others = true});
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), SEVEN);
    assert_string_equal(verbs(&p, POLICY_COMMAND_NOOP), "");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_MASK);
    assert_int_equal(p.command[SMTP_VERB_EHLO], POLICY_COMMAND_MASK);
}

static void asa_has_fifteen_commands(void **state)
{
    struct policy p = profile("asa-esmtp");

    assert_int_equal(p.banner, POLICY_BANNER_MASK_ALL);
    assert_int_equal(p.starttls, POLICY_STARTTLS_HIDE);
    assert_int_equal(p.checks, 0);
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW),
                        "HELO EHLO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP AUTH ETRN SEND SOML "
                        "SAML");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_MASK);
    assert_int_equal(p.command[SMTP_VERB_STARTTLS], POLICY_COMMAND_MASK);
    assert_int_equal(p.command[SMTP_VERB_BDAT], POLICY_COMMAND_MASK);
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW),
                        "8BITMIME AUTH BINARYMIME DSN ENHANCEDSTATUSCODES ETRN PIPELINING SIZE");
    assert_string_equal(keywords(&p, POLICY_KEYWORD_HIDE), "");
    assert_int_equal(p.keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_MASK);
    /* The fingerprint: BINARYMIME in the clear, CHUNKING masked. */
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_BINARYMIME), POLICY_KEYWORD_ALLOW);
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_CHUNKING), POLICY_KEYWORD_MASK);
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_STARTTLS), POLICY_KEYWORD_MASK);
}

static void all_but_observe_refuse_smuggling(void **state)
{
    unsigned strict = 0;

    for (const struct policy_profile *profile = policy_profiles; profile->name != NULL; profile++) {
        struct policy p;
        policy_begin(&p, profile);
        bool observe = span_equal(span_str(profile->name), SPAN("observe"));
        enum policy_framing expected = observe ? POLICY_FRAMING_LOG : POLICY_FRAMING_REFUSE;
        assert_int_equal(p.framing[SMTP_BODY_BARE_CR], expected);
        assert_int_equal(p.framing[SMTP_BODY_BARE_LF], expected);
        assert_int_equal(p.framing[SMTP_BODY_LONE_DOT], expected);
        assert_int_equal(p.framing[SMTP_BODY_NUL], expected);
        assert_int_equal(p.framing[SMTP_BODY_LONG_LINE], POLICY_FRAMING_LOG);
        strict += !observe;
    }
    assert_int_equal(strict, 5);
}

static void limits_are_those_of_the_rfc(void **state)
{
    struct policy p = profile("esmtp");

    assert_int_equal(p.limits.command_line, 512);
    assert_int_equal(p.limits.auth_line, 12288);
    assert_int_equal(p.limits.text_line, 998);
    assert_int_equal(p.limits.reply_line, 512);
    assert_int_equal(p.limits.reply_lines, 100);
    assert_int_equal(p.limits.pipeline, 100);
    assert_int_equal(p.limits.recipients, 1000);
    assert_int_equal(p.limits.errors, 20);
    assert_int_equal(p.limits.message_size, 0);
    assert_int_equal(p.timeouts.connect, 10000);
    assert_int_equal(p.timeouts.greeting, 60000);
    assert_int_equal(p.timeouts.command, 300000);
    assert_int_equal(p.timeouts.reply, 300000);
    assert_int_equal(p.timeouts.data_block, 180000);
    assert_int_equal(p.timeouts.data_end, 600000);
}

/* Each row reads and writes its own field, and nothing beside it. */
static void numbers_have_their_fields(void **state)
{
    struct policy p = profile("esmtp");
    uint64_t next = 1000;

    for (const struct policy_number_info *i = policy_limit_infos; i->name != NULL; i++) {
        policy_number_set(i, &p.limits, next++);
    }
    next = 1000;
    for (const struct policy_number_info *i = policy_limit_infos; i->name != NULL; i++) {
        assert_int_equal(policy_number_get(i, &p.limits), next++);
        assert_true(i->min <= i->max);
        assert_true((i->standard == 0 && i->none) ||
                    (i->standard >= i->min && i->standard <= i->max));
        assert_true(i->wide || i->max <= UINT32_MAX);
    }
    assert_int_equal(next, 1009);
    for (const struct policy_number_info *i = policy_timeout_infos; i->name != NULL; i++) {
        policy_number_set(i, &p.timeouts, next++);
    }
    next = 1009;
    for (const struct policy_number_info *i = policy_timeout_infos; i->name != NULL; i++) {
        assert_int_equal(policy_number_get(i, &p.timeouts), next++);
        assert_true(i->standard >= i->min && i->standard <= i->max);
    }
    assert_int_equal(next, 1015);
    assert_int_equal(p.limits.message_size, 1008);
}

/* ---- statements ---- */

static struct policy_words list_of(uint64_t set)
{
    return (struct policy_words){.set = set};
}

static void allow_means_only_these(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("observe")));
    policy_edit_keyword(&edit, POLICY_KEYWORD_ALLOW, false,
                        list_of(smtp_keyword_bit(SMTP_KEYWORD_SIZE)));
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW), "SIZE");
    assert_int_equal(p.keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_HIDE);
    policy_edit_command(&edit, POLICY_COMMAND_ALLOW, false,
                        list_of((uint64_t)1 << SMTP_VERB_QUIT | (uint64_t)1 << SMTP_VERB_HELO));
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), "HELO QUIT");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_REFUSE);
    assert_int_equal(p.command[SMTP_VERB_GET], POLICY_COMMAND_REFUSE);
}

static void also_leaves_the_rest(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("rfc821")));
    policy_edit_command(&edit, POLICY_COMMAND_ALLOW, true, list_of((uint64_t)1 << SMTP_VERB_VRFY));
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), SEVEN " VRFY");
    policy_edit_keyword(&edit, POLICY_KEYWORD_ALLOW, true,
                        list_of(smtp_keyword_bit(SMTP_KEYWORD_DSN)));
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW), "DSN");
}

static void others_are_what_nothing_names(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("observe")));
    policy_edit_keyword(&edit, POLICY_KEYWORD_HIDE, false,
                        list_of(smtp_keyword_bit(SMTP_KEYWORD_CHUNKING)));
    policy_edit_keyword(&edit, POLICY_KEYWORD_ALLOW, true,
                        list_of(smtp_keyword_bit(SMTP_KEYWORD_SIZE)));
    policy_edit_keyword(&edit, POLICY_KEYWORD_MASK, false, (struct policy_words){.others = true});
    assert_string_equal(keywords(&p, POLICY_KEYWORD_ALLOW), "SIZE");
    assert_string_equal(keywords(&p, POLICY_KEYWORD_HIDE), "CHUNKING");
    assert_int_equal(p.keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_MASK);
    assert_int_equal(p.keyword[SMTP_KEYWORD_XUSR], POLICY_KEYWORD_MASK);
}

/* What the profile treats otherwise than unknown words, it names. */
static void others_spare_what_the_profile_names(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("esmtp")));
    policy_edit_command(&edit, POLICY_COMMAND_NOOP, false, (struct policy_words){.others = true});
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW),
                        "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT HELP AUTH STARTTLS");
    assert_string_equal(verbs(&p, POLICY_COMMAND_DROP), "GET POST CONNECT");
    assert_string_equal(verbs(&p, POLICY_COMMAND_REFUSE), "");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_NOOP);
}

/* A list with `others` speaks of everything: nothing is left to be refused. */
static void allow_others_refuses_nothing(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("asa-esmtp")));
    policy_edit_keyword(&edit, POLICY_KEYWORD_HIDE, false,
                        list_of(smtp_keyword_bit(SMTP_KEYWORD_SIZE)));
    policy_edit_keyword(&edit, POLICY_KEYWORD_ALLOW, false, (struct policy_words){.others = true});
    assert_string_equal(keywords(&p, POLICY_KEYWORD_HIDE), "SIZE");
    assert_string_equal(keywords(&p, POLICY_KEYWORD_MASK), "");
    assert_int_equal(p.keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_ALLOW);
}

static void all_begins_anew(void **state)
{
    struct policy p;
    struct policy_edit edit;

    policy_edit_begin(&edit, &p, policy_profile_find(SPAN("esmtp")));
    policy_edit_command(&edit, POLICY_COMMAND_REFUSE, false, (struct policy_words){.all = true});
    policy_edit_command(&edit, POLICY_COMMAND_ALLOW, true, list_of((uint64_t)1 << SMTP_VERB_QUIT));
    policy_edit_command(&edit, POLICY_COMMAND_MASK, false, (struct policy_words){.others = true});
    assert_string_equal(verbs(&p, POLICY_COMMAND_ALLOW), "QUIT");
    assert_string_equal(verbs(&p, POLICY_COMMAND_REFUSE), "");
    assert_int_equal(p.command[SMTP_VERB_HELO], POLICY_COMMAND_MASK);
    policy_edit_command(&edit, POLICY_COMMAND_ALLOW, false, (struct policy_words){.all = true});
    assert_string_equal(verbs(&p, POLICY_COMMAND_MASK), "");
    assert_int_equal(p.command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_ALLOW);
}

static void what_is_refused_is_not_offered(void **state)
{
    struct policy p = profile("esmtp");

    p.command[SMTP_VERB_AUTH] = POLICY_COMMAND_REFUSE;
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_AUTH), POLICY_KEYWORD_HIDE);
    p.command[SMTP_VERB_BDAT] = POLICY_COMMAND_DROP;
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_CHUNKING), POLICY_KEYWORD_HIDE);
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_BINARYMIME), POLICY_KEYWORD_HIDE);
    p.starttls = POLICY_STARTTLS_HIDE;
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_STARTTLS), POLICY_KEYWORD_HIDE);
    assert_int_equal(policy_command_verdict(&p, SMTP_VERB_STARTTLS), POLICY_COMMAND_REFUSE);
    p.keyword[SMTP_KEYWORD_HELP] = POLICY_KEYWORD_HIDE;
    assert_int_equal(policy_command_verdict(&p, SMTP_VERB_HELP), POLICY_COMMAND_REFUSE);
    p.command[SMTP_VERB_UNKNOWN] = POLICY_COMMAND_NOOP;
    assert_int_equal(policy_command_verdict(&p, SMTP_VERB_HELP), POLICY_COMMAND_NOOP);
    p.command[SMTP_VERB_UNKNOWN] = POLICY_COMMAND_ALLOW;
    assert_int_equal(policy_command_verdict(&p, SMTP_VERB_HELP), POLICY_COMMAND_REFUSE);
    assert_int_equal(policy_command_verdict(&p, SMTP_VERB_MAIL), POLICY_COMMAND_ALLOW);
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_SIZE), POLICY_KEYWORD_ALLOW);
    p.keyword[SMTP_KEYWORD_SIZE] = POLICY_KEYWORD_MASK;
    assert_int_equal(policy_keyword_verdict(&p, SMTP_KEYWORD_SIZE), POLICY_KEYWORD_MASK);
}

static void bare_lf_brings_the_lone_dot(void **state)
{
    struct policy p = profile("esmtp");

    policy_set_framing(&p, SMTP_BODY_BARE_LF, POLICY_FRAMING_FIX);
    assert_int_equal(p.framing[SMTP_BODY_BARE_LF], POLICY_FRAMING_FIX);
    assert_int_equal(p.framing[SMTP_BODY_LONE_DOT], POLICY_FRAMING_FIX);
    assert_int_equal(p.framing[SMTP_BODY_BARE_CR], POLICY_FRAMING_REFUSE);
    for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
        assert_string_equal(policy_event_words[i], smtp_body_event_name(policy_event(i)));
    }
}

/* ---- printing ---- */

static char *printed(const struct policy *policy)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    policy_print(policy, out, "  ");
    assert_int_equal(fclose(out), 0);
    return text;
}

static void printed_lines_are_short(void **state)
{
    unsigned lines = 0;

    for (const struct policy_profile *p = policy_profiles; p->name != NULL; p++) {
        struct policy policy;
        policy_begin(&policy, p);
        char *text = printed(&policy);
        for (char *line = text; *line != '\0';) {
            char *end = strchr(line, '\n');
            assert_non_null(end);
            assert_true(end - line <= 100);
            assert_memory_equal(line, "  ", 2);
            line = end + 1;
            lines++;
        }
        free(text);
    }
    assert_true(lines > 100);
}

static void printed_words_are_those_of_the_language(void **state)
{
    struct policy p = profile("asa-esmtp");
    char *text;

    p.banner = POLICY_BANNER_TEXT;
    p.banner_text = "mx \"one\" \\ two";
    p.keyword[SMTP_KEYWORD_SIZE] = POLICY_KEYWORD_HIDE;
    p.limits.message_size = 10 << 20;
    p.limits.recipients = 2048;
    p.timeouts.command = 90 * 1000;
    p.timeouts.reply = 1500;
    p.timeouts.data_end = 2 * 60 * 60 * 1000;
    p.checks = POLICY_CHECK_SEQUENCE;
    policy_set_framing(&p, SMTP_BODY_NUL, POLICY_FRAMING_FIX);
    text = printed(&p);
    assert_non_null(strstr(text, "  banner   text \"mx \\\"one\\\" \\\\ two\"\n"));
    assert_non_null(strstr(text, "  keyword  allow 8BITMIME, AUTH, BINARYMIME, DSN, "
                                 "ENHANCEDSTATUSCODES, ETRN, PIPELINING\n"
                                 "  keyword  hide SIZE\n"
                                 "  keyword  mask others\n"));
    assert_non_null(strstr(text, "  framing  refuse bare-cr, bare-lf\n"
                                 "  framing  fix nul\n"
                                 "  framing  log long-line\n"
                                 "  enforce  sequence\n"
                                 "  relax    pipelining, parameters, syntax\n"
                                 "  forward  canonical\n"));
    assert_non_null(strstr(text, "  limit    recipients   2048\n"));
    assert_non_null(strstr(text, "  limit    message-size 10M\n"));
    assert_non_null(strstr(text, "  timeout  command      90s\n"));
    assert_non_null(strstr(text, "  timeout  reply        1500ms\n"));
    assert_non_null(strstr(text, "  timeout  data-end     2h\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_found),
        cmocka_unit_test(esmtp_keeps_esmtp),
        cmocka_unit_test(esmtp_offers_what_works),
        cmocka_unit_test(observe_alters_nothing),
        cmocka_unit_test(rfc821_has_seven_commands),
        cmocka_unit_test(pix_makes_the_rest_noop),
        cmocka_unit_test(pix_can_mask_the_rest),
        cmocka_unit_test(asa_has_fifteen_commands),
        cmocka_unit_test(all_but_observe_refuse_smuggling),
        cmocka_unit_test(limits_are_those_of_the_rfc),
        cmocka_unit_test(numbers_have_their_fields),
        cmocka_unit_test(allow_means_only_these),
        cmocka_unit_test(also_leaves_the_rest),
        cmocka_unit_test(others_are_what_nothing_names),
        cmocka_unit_test(others_spare_what_the_profile_names),
        cmocka_unit_test(allow_others_refuses_nothing),
        cmocka_unit_test(all_begins_anew),
        cmocka_unit_test(what_is_refused_is_not_offered),
        cmocka_unit_test(bare_lf_brings_the_lone_dot),
        cmocka_unit_test(printed_lines_are_short),
        cmocka_unit_test(printed_words_are_those_of_the_language),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

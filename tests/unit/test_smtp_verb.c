/*
 * smtp: the table of verbs, the phases and the table by which replies move a session.
 */
#include "smtp/keyword.h"
#include "smtp/phase.h"
#include "smtp/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_verb_is_found_by_its_name(void **state)
{
    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        const struct smtp_verb_info *info = smtp_verb_info((enum smtp_verb)v);
        unsigned char lower[32];
        assert_in_range(info->name.len, 3, sizeof(lower) - 1);
        for (size_t i = 0; i < info->name.len; i++) {
            lower[i] = ascii_lower(info->name.ptr[i]);
        }
        assert_int_equal(smtp_verb_find(info->name), v);
        assert_int_equal(smtp_verb_find(span_of(lower, info->name.len)), v);
        assert_int_equal(smtp_verb_nearest(info->name), v);
        lower[0] = '-';
        assert_int_equal(smtp_verb_find(span_of(lower, info->name.len)), SMTP_VERB_UNKNOWN);
        assert_true(strlen(info->rfc) > 0);
        assert_true(strlen(info->about) > 0);
    }
}

static void what_is_no_verb_is_not_found(void **state)
{
    static const struct span words[] = {{(const unsigned char *)"", 0},
                                        {(const unsigned char *)"MAI", 3},
                                        {(const unsigned char *)"MAILS", 5},
                                        {(const unsigned char *)"MAIL ", 5},
                                        {(const unsigned char *)"MA\0L", 4},
                                        {(const unsigned char *)"END-OF-MESSAGE", 14},
                                        {(const unsigned char *)"\xcd"
                                                                "AIL",
                                         4}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_int_equal(smtp_verb_find(words[i]), SMTP_VERB_UNKNOWN);
    }
}

static void a_near_verb_is_named(void **state)
{
    assert_int_equal(smtp_verb_nearest(SPAN("EHLLO")), SMTP_VERB_EHLO);
    assert_int_equal(smtp_verb_nearest(SPAN("starttl")), SMTP_VERB_STARTTLS);
    assert_int_equal(smtp_verb_nearest(SPAN("xlient")), SMTP_VERB_XCLIENT);
}

/* RFC 821 section 4.5.1 and RFC 2920 section 3.1. */
static void flags_say_what_the_rfcs_say(void **state)
{
    static const char *const minimum[] = {"HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT"};
    static const char *const last_of_group[] = {"EHLO", "DATA", "AUTH", "STARTTLS", "QUIT", "TURN"};
    unsigned count = 0;

    for (size_t i = 0; i < sizeof(minimum) / sizeof(minimum[0]); i++) {
        const struct smtp_verb_info *info = smtp_verb_info(smtp_verb_find(span_str(minimum[i])));
        assert_true((info->flags & SMTP_VERB_MINIMUM) != 0);
    }
    for (unsigned v = 0; v < SMTP_VERBS; v++) {
        count += (smtp_verb_info((enum smtp_verb)v)->flags & SMTP_VERB_MINIMUM) != 0;
    }
    assert_int_equal(count, 7);
    for (size_t i = 0; i < sizeof(last_of_group) / sizeof(last_of_group[0]); i++) {
        enum smtp_verb verb = smtp_verb_find(span_str(last_of_group[i]));
        assert_true((smtp_verb_info(verb)->flags & SMTP_VERB_SYNC) != 0);
    }
    assert_true((smtp_verb_info(SMTP_VERB_AUTH)->flags & SMTP_VERB_SECRET) != 0);
    assert_true((smtp_verb_info(SMTP_VERB_AUTH_RESPONSE)->flags & SMTP_VERB_SECRET) != 0);
    assert_true((smtp_verb_info(SMTP_VERB_RCPT)->flags & SMTP_VERB_SYNC) == 0);
    assert_true((smtp_verb_info(SMTP_VERB_GET)->flags & SMTP_VERB_FOREIGN) != 0);
}

/* A verb that a keyword announces has that keyword's name or is known to come with it. */
static void verbs_name_their_keywords(void **state)
{
    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        const struct smtp_verb_info *info = smtp_verb_info((enum smtp_verb)v);
        enum smtp_keyword same = smtp_keyword_find(info->name);
        if (same != SMTP_KEYWORD_UNKNOWN) {
            assert_int_equal(info->keyword, same);
        }
    }
    assert_int_equal(smtp_verb_info(SMTP_VERB_BDAT)->keyword, SMTP_KEYWORD_CHUNKING);
    assert_int_equal(smtp_verb_info(SMTP_VERB_XPROXYTO)->keyword, SMTP_KEYWORD_XPROXY);
    assert_int_equal(smtp_verb_info(SMTP_VERB_MAIL)->keyword, SMTP_KEYWORD_UNKNOWN);
}

static void phases_have_names(void **state)
{
    static const char *const names[] = {"CONNECT", "GREETED", "READY", "MAIL",    "RCPT",  "CHUNKS",
                                        "DATA",    "AUTH",    "TLS",   "REFUSED", "CLOSED"};

    for (unsigned p = 0; p < SMTP_PHASES; p++) {
        assert_string_equal(smtp_phase_name((enum smtp_phase)p), names[p]);
    }
}

/* Every transition there is. Letters stand for the phases from which it leads: Greeted, Ready,
 * Mail, Rcpt, Chunks, Data, Auth, reFused, cOnnect. */
static const struct {
    const char *from;
    enum smtp_verb verb;
    unsigned class;
    enum smtp_phase to;
} transitions[] = {
    {"O", SMTP_VERB_GREETING, 2, SMTP_PHASE_GREETED},
    {"O", SMTP_VERB_GREETING, 4, SMTP_PHASE_CLOSED},
    {"O", SMTP_VERB_GREETING, 5, SMTP_PHASE_REFUSED},
    {"GRMPC", SMTP_VERB_HELO, 2, SMTP_PHASE_READY},
    {"GRMPC", SMTP_VERB_EHLO, 2, SMTP_PHASE_READY},
    {"GRMPC", SMTP_VERB_LHLO, 2, SMTP_PHASE_READY},
    {"GRMPCF", SMTP_VERB_QUIT, 2, SMTP_PHASE_CLOSED},
    {"GRMPC", SMTP_VERB_MAIL, 2, SMTP_PHASE_MAIL},
    {"GRMPC", SMTP_VERB_SEND, 2, SMTP_PHASE_MAIL},
    {"GRMPC", SMTP_VERB_SOML, 2, SMTP_PHASE_MAIL},
    {"GRMPC", SMTP_VERB_SAML, 2, SMTP_PHASE_MAIL},
    {"RMPC", SMTP_VERB_RSET, 2, SMTP_PHASE_READY},
    {"GR", SMTP_VERB_STARTTLS, 2, SMTP_PHASE_TLS},
    {"GR", SMTP_VERB_X_ANONYMOUSTLS, 2, SMTP_PHASE_TLS},
    {"GR", SMTP_VERB_AUTH, 3, SMTP_PHASE_AUTH},
    {"GR", SMTP_VERB_X_EXPS, 3, SMTP_PHASE_AUTH},
    {"GR", SMTP_VERB_XCLIENT, 2, SMTP_PHASE_GREETED},
    {"M", SMTP_VERB_RCPT, 2, SMTP_PHASE_RCPT},
    {"GRMPC", SMTP_VERB_DATA, 3, SMTP_PHASE_DATA},
    {"PC", SMTP_VERB_BDAT, 2, SMTP_PHASE_CHUNKS},
    {"PC", SMTP_VERB_BURL, 2, SMTP_PHASE_CHUNKS},
    {"PC", SMTP_VERB_BDAT_LAST, 2, SMTP_PHASE_READY},
    {"PC", SMTP_VERB_BDAT_LAST, 4, SMTP_PHASE_READY},
    {"PC", SMTP_VERB_BDAT_LAST, 5, SMTP_PHASE_READY},
    {"D", SMTP_VERB_END_OF_DATA, 2, SMTP_PHASE_READY},
    {"D", SMTP_VERB_END_OF_DATA, 4, SMTP_PHASE_READY},
    {"D", SMTP_VERB_END_OF_DATA, 5, SMTP_PHASE_READY},
    {"A", SMTP_VERB_AUTH_RESPONSE, 2, SMTP_PHASE_READY},
    {"A", SMTP_VERB_AUTH_RESPONSE, 4, SMTP_PHASE_READY},
    {"A", SMTP_VERB_AUTH_RESPONSE, 5, SMTP_PHASE_READY},
};

static enum smtp_phase expected(enum smtp_phase phase, enum smtp_verb verb, unsigned class)
{
    const char letter = "OGRMPCDATFX"[phase];

    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
        if (transitions[i].verb == verb && transitions[i].class == class &&
            strchr(transitions[i].from, letter) != NULL) {
            return transitions[i].to;
        }
    }
    return phase;
}

static void replies_move_the_session_and_nothing_else_does(void **state)
{
    for (unsigned phase = 0; phase < SMTP_PHASES; phase++) {
        for (unsigned verb = 0; verb < SMTP_VERBS; verb++) {
            for (unsigned class = 0; class < 10; class ++) {
                assert_int_equal(
                    smtp_phase_after((enum smtp_phase)phase, (enum smtp_verb)verb, class),
                    expected((enum smtp_phase)phase, (enum smtp_verb)verb, class));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_is_found_by_its_name),
        cmocka_unit_test(what_is_no_verb_is_not_found),
        cmocka_unit_test(a_near_verb_is_named),
        cmocka_unit_test(flags_say_what_the_rfcs_say),
        cmocka_unit_test(verbs_name_their_keywords),
        cmocka_unit_test(phases_have_names),
        cmocka_unit_test(replies_move_the_session_and_nothing_else_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

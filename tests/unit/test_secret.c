/*
 * serve: no credentials in the log.
 */
#include "serve/secret.h"

#include <stdarg.h>
#include <stdio.h>

#include <setjmp.h>
#include <cmocka.h>

static void assert_same(struct span got, struct span expected)
{
    if (!span_equal(got, expected)) {
        print_error("\"%.*s\" is not \"%.*s\"\n", SPAN_ARG(got), SPAN_ARG(expected));
    }
    assert_true(span_equal(got, expected));
}

static void replies_of_servers_are_codes_where_they_may_repeat(void **state)
{
    static const struct {
        enum smtp_verb verb;
        bool by_server;
        struct span in, out;
    } vectors[] = {
        {SMTP_VERB_AUTH, true, SPAN("535 5.7.8 c2VjcmV0 is wrong"), SPAN("535 5.7.8")},
        {SMTP_VERB_AUTH, true, SPAN("504 c2VjcmV0 is no mechanism"), SPAN("504")},
        {SMTP_VERB_AUTH, true, SPAN("504-c2VjcmV0"), SPAN("504")},
        {SMTP_VERB_AUTH, true, SPAN("535"), SPAN("535")},
        {SMTP_VERB_AUTH, true, SPAN(""), SPAN("")},
        {SMTP_VERB_AUTH, true, SPAN("535 4.7.8 of another class"), SPAN("535")},
        {SMTP_VERB_AUTH_RESPONSE, true, SPAN("535 5.7.8 c2VjcmV0"), SPAN("535 5.7.8")},
        {SMTP_VERB_UNKNOWN, true, SPAN("500 5.5.1 Unknown: c2VjcmV0"), SPAN("500 5.5.1")},
        {SMTP_VERB_AUTH, false, SPAN("538 5.7.11 Encryption required"),
         SPAN("538 5.7.11 Encryption required")},
        {SMTP_VERB_RCPT, true, SPAN("550 5.1.1 User unknown"), SPAN("550 5.1.1 User unknown")},
    };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct gate_event event = {.kind = GATE_EVENT_REJECT,
                                         .verb = vectors[i].verb,
                                         .by_server = vectors[i].by_server,
                                         .reply = vectors[i].in};
        assert_same(secret_reply(&event), vectors[i].out);
    }
}

static void bytes_out_of_turn_end_at_auth(void **state)
{
    static const struct {
        enum smtp_verb verb;
        struct span in, out;
    } vectors[] = {
        {SMTP_VERB_EHLO, SPAN("MAIL FROM:<a@b>\r\n"), SPAN("MAIL FROM:<a@b>\r\n")},
        {SMTP_VERB_EHLO, SPAN("AUTH PLAIN c2VjcmV0\r\n"), SPAN("AUTH")},
        {SMTP_VERB_EHLO, SPAN("NOOP\r\nauth plain c2VjcmV0\r\n"), SPAN("NOOP\r\nauth")},
        {SMTP_VERB_AUTH, SPAN("c2VjcmV0\r\n"), SPAN("")},
        {SMTP_VERB_AUTH_RESPONSE, SPAN("c2VjcmV0\r\n"), SPAN("")},
        {SMTP_VERB_UNKNOWN, SPAN("c2VjcmV0\r\n"), SPAN("")},
    };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct gate_event event = {
            .kind = GATE_EVENT_PIPELINING, .verb = vectors[i].verb, .text = vectors[i].in};
        assert_same(secret_text(&event), vectors[i].out);
    }
}

static void other_texts_are_whole(void **state)
{
    const struct gate_event event = {
        .kind = GATE_EVENT_DARK, .verb = SMTP_VERB_AUTH, .text = SPAN("AUTH layer")};

    assert_same(secret_text(&event), SPAN("AUTH layer"));
}

static void words_that_are_no_verbs_are_left_out(void **state)
{
    static const struct {
        enum smtp_verb verb;
        struct span in;
        bool shown;
    } vectors[] = {
        {SMTP_VERB_UNKNOWN, SPAN("FOO"), true},
        {SMTP_VERB_UNKNOWN, SPAN("foo-bar"), true},
        {SMTP_VERB_UNKNOWN, SPAN("c2VjcmV0"), false},
        {SMTP_VERB_UNKNOWN, SPAN("QUJD="), false},
        {SMTP_VERB_UNKNOWN, SPAN("SEcret"), false},
        {SMTP_VERB_UNKNOWN, SPAN("ABCDEFGHIJKLMNOPQRSTU"), false},
        {SMTP_VERB_VRFY, SPAN("Vrfy"), true},
    };

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct gate_event event = {
            .kind = GATE_EVENT_REJECT, .verb = vectors[i].verb, .word = vectors[i].in};
        assert_same(secret_word(&event), vectors[i].shown ? vectors[i].in : SPAN(""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_of_servers_are_codes_where_they_may_repeat),
        cmocka_unit_test(bytes_out_of_turn_end_at_auth),
        cmocka_unit_test(other_texts_are_whole),
        cmocka_unit_test(words_that_are_no_verbs_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

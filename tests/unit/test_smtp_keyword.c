/*
 * smtp: EHLO keywords and the parameters of MAIL and RCPT.
 */
#include "smtp/keyword.h"

#include <stdarg.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

static void every_keyword_is_found_by_its_name(void **state)
{
    smtp_keyword_set all = 0;

    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        const struct smtp_keyword_info *info = smtp_keyword_info((enum smtp_keyword)k);
        unsigned char lower[32];
        assert_in_range(info->name.len, 3, sizeof(lower));
        for (size_t i = 0; i < info->name.len; i++) {
            lower[i] = ascii_lower(info->name.ptr[i]);
        }
        assert_int_equal(smtp_keyword_find(info->name), k);
        assert_int_equal(smtp_keyword_find(span_of(lower, info->name.len)), k);
        assert_int_equal(smtp_keyword_nearest(info->name), k);
        assert_int_equal(smtp_keyword_of_line(info->name), k);
        assert_true(strlen(info->rfc) > 0);
        assert_true(strlen(info->about) > 0);
        assert_true((all & smtp_keyword_bit((enum smtp_keyword)k)) == 0);
        all |= smtp_keyword_bit((enum smtp_keyword)k);
    }
    assert_int_equal(smtp_keyword_find(SPAN("")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_find(SPAN("SIZES")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_find(SPAN("X_PIPE_CONNECT")), SMTP_KEYWORD_PIPECONNECT);
    assert_int_equal(smtp_keyword_find(SPAN("pipe_connect")), SMTP_KEYWORD_PIPECONNECT);
}

static void a_line_names_its_keyword(void **state)
{
    assert_int_equal(smtp_keyword_of_line(SPAN("SIZE 1000")), SMTP_KEYWORD_SIZE);
    assert_int_equal(smtp_keyword_of_line(SPAN("size\t1000")), SMTP_KEYWORD_SIZE);
    assert_int_equal(smtp_keyword_of_line(SPAN("  AUTH PLAIN LOGIN")), SMTP_KEYWORD_AUTH);
    assert_int_equal(smtp_keyword_of_line(SPAN("AUTH=PLAIN LOGIN")), SMTP_KEYWORD_AUTH);
    assert_int_equal(smtp_keyword_of_line(SPAN("X-EXPS=LOGIN")), SMTP_KEYWORD_X_EXPS);
    assert_int_equal(smtp_keyword_of_line(SPAN("SIZE-1000")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_of_line(SPAN("=SIZE")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_of_line(SPAN("OK")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_of_line(SPAN("")), SMTP_KEYWORD_UNKNOWN);
    assert_int_equal(smtp_keyword_of_line(SPAN(" ")), SMTP_KEYWORD_UNKNOWN);
}

static void a_near_keyword_is_named(void **state)
{
    assert_int_equal(smtp_keyword_nearest(SPAN("CHUNKIN")), SMTP_KEYWORD_CHUNKING);
    assert_int_equal(smtp_keyword_nearest(SPAN("8bitmine")), SMTP_KEYWORD_8BITMIME);
}

/* RFC 5321 section 4.5.3.1.4 and each extension's own RFC. */
static void extensions_lengthen_lines(void **state)
{
    static const struct {
        enum smtp_keyword keyword;
        unsigned mail, rcpt;
    } added[] = {{SMTP_KEYWORD_SIZE, 26, 0},      {SMTP_KEYWORD_8BITMIME, 17, 0},
                 {SMTP_KEYWORD_DSN, 107, 500},    {SMTP_KEYWORD_AUTH, 500, 0},
                 {SMTP_KEYWORD_DELIVERBY, 17, 0}, {SMTP_KEYWORD_SMTPUTF8, 10, 0},
                 {SMTP_KEYWORD_MTRK, 40, 0},      {SMTP_KEYWORD_NO_SOLICITING, 1007, 0},
                 {SMTP_KEYWORD_PIPELINING, 0, 0}};

    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        assert_int_equal(smtp_keyword_info(added[i].keyword)->mail, added[i].mail);
        assert_int_equal(smtp_keyword_info(added[i].keyword)->rcpt, added[i].rcpt);
    }
}

struct param_vector {
    const char *in;
    int count;        /* of parameters before the end or the error */
    const char *last; /* "NAME|VALUE", "NAME" without "=", or the offending word */
    bool bad;
};

static const struct param_vector param_vectors[] = {
    {"", 0, "", false},
    {"   \t ", 0, "", false},
    {"SIZE=1000", 1, "SIZE|1000", false},
    {"SMTPUTF8", 1, "SMTPUTF8", false},
    {"SIZE=1 BODY=8BITMIME", 2, "BODY|8BITMIME", false},
    {" \tSIZE=1 \t RET=HDRS\t", 2, "RET|HDRS", false},
    {"AUTH=<>", 1, "AUTH|<>", false},
    {"ENVID=a=b==", 1, "ENVID|a=b==", false},
    {"X-a-1=x", 1, "X-a-1|x", false},
    {"8=8", 1, "8|8", false},
    {"ORCPT=utf-8;\xc3\xbc@example", 1, "ORCPT|utf-8;\xc3\xbc@example", false},
    {"=", 0, "=", true},
    {"=1", 0, "=1", true},
    {"SIZE=", 0, "SIZE=", true},
    {"-SIZE=1", 0, "-SIZE=1", true},
    {"SI_ZE=1", 0, "SI_ZE=1", true},
    {"S\xc3\xbc=1", 0, "S\xc3\xbc=1", true},
    {"<SIZE=1>", 0, "<SIZE=1>", true},
    {"SIZE=1 = RET=HDRS", 1, "=", true},
};

static void parameters_are_cut_one_by_one(void **state)
{
    for (size_t i = 0; i < sizeof(param_vectors) / sizeof(param_vectors[0]); i++) {
        const struct param_vector *v = &param_vectors[i];
        struct span rest = span_str(v->in);
        struct smtp_param param = {.name = SPAN(""), .value = span_of(NULL, 0)};
        struct smtp_param last = param;
        int more, count = 0;
        char shown[128];
        while ((more = smtp_param_next(&rest, &param)) > 0) {
            last = param;
            count++;
        }
        last = more < 0 ? param : last;
        bool value = more == 0 && last.value.ptr != NULL;
        snprintf(shown, sizeof(shown), "%.*s%s%.*s", SPAN_ARG(last.name), value ? "|" : "",
                 value ? (int)last.value.len : 0, value ? (const char *)last.value.ptr : "");
        assert_int_equal(count, v->count);
        assert_int_equal(more < 0, v->bad);
        assert_string_equal(shown, v->last);
    }
}

static void parameters_belong_to_keywords(void **state)
{
    static const struct {
        const char *param;
        enum smtp_keyword mail, rcpt;
    } params[] = {
        {"SIZE=1", SMTP_KEYWORD_SIZE, SMTP_KEYWORD_UNKNOWN},
        {"size=1", SMTP_KEYWORD_SIZE, SMTP_KEYWORD_UNKNOWN},
        {"BODY=8BITMIME", SMTP_KEYWORD_8BITMIME, SMTP_KEYWORD_UNKNOWN},
        {"BODY=7BIT", SMTP_KEYWORD_8BITMIME, SMTP_KEYWORD_UNKNOWN},
        {"BODY=binarymime", SMTP_KEYWORD_BINARYMIME, SMTP_KEYWORD_UNKNOWN},
        {"SMTPUTF8", SMTP_KEYWORD_SMTPUTF8, SMTP_KEYWORD_UNKNOWN},
        {"RET=FULL", SMTP_KEYWORD_DSN, SMTP_KEYWORD_UNKNOWN},
        {"ENVID=x", SMTP_KEYWORD_DSN, SMTP_KEYWORD_UNKNOWN},
        {"NOTIFY=NEVER", SMTP_KEYWORD_UNKNOWN, SMTP_KEYWORD_DSN},
        {"ORCPT=rfc822;a", SMTP_KEYWORD_UNKNOWN, SMTP_KEYWORD_DSN},
        {"AUTH=<>", SMTP_KEYWORD_AUTH, SMTP_KEYWORD_UNKNOWN},
        {"BY=120;R", SMTP_KEYWORD_DELIVERBY, SMTP_KEYWORD_UNKNOWN},
        {"HOLDFOR=1", SMTP_KEYWORD_FUTURERELEASE, SMTP_KEYWORD_UNKNOWN},
        {"HOLDUNTIL=x", SMTP_KEYWORD_FUTURERELEASE, SMTP_KEYWORD_UNKNOWN},
        {"MT-PRIORITY=3", SMTP_KEYWORD_MT_PRIORITY, SMTP_KEYWORD_UNKNOWN},
        {"REQUIRETLS", SMTP_KEYWORD_REQUIRETLS, SMTP_KEYWORD_UNKNOWN},
        {"RRVS=x", SMTP_KEYWORD_UNKNOWN, SMTP_KEYWORD_RRVS},
        {"XYZZY=1", SMTP_KEYWORD_UNKNOWN, SMTP_KEYWORD_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        struct span rest = span_str(params[i].param);
        struct smtp_param param;
        assert_int_equal(smtp_param_next(&rest, &param), 1);
        assert_int_equal(smtp_param_keyword(&param, false), params[i].mail);
        assert_int_equal(smtp_param_keyword(&param, true), params[i].rcpt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_keyword_is_found_by_its_name),
        cmocka_unit_test(a_line_names_its_keyword),
        cmocka_unit_test(a_near_keyword_is_named),
        cmocka_unit_test(extensions_lengthen_lines),
        cmocka_unit_test(parameters_are_cut_one_by_one),
        cmocka_unit_test(parameters_belong_to_keywords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

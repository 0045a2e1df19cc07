/*
 * config: what the language makes of valid files, policies that are printed and read back, and the
 * lack of memory at any point. Errors and includes are in test_config_errors.c.
 */
#include "base/mem.h"
#include "config/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* What stands behind a policy under test, so that the file is complete. */
#define REST "backend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"

/* Read a text that has to be valid; what is written of errors fails the test and is shown. */
static struct config *valid(const char *text)
{
    char *errors = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&errors, &len);

    assert_non_null(out);
    struct config *config = config_parse("test.conf", span_str(text), out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(errors, "");
    assert_non_null(config);
    free(errors);
    return config;
}

static const struct config_policy *policy_named(const struct config *config, const char *name)
{
    const struct config_policy *policy = config->policies;

    while (policy != NULL && !span_equal(span_str(policy->name), span_str(name))) {
        policy = policy->next;
    }
    assert_non_null(policy);
    return policy;
}

static void defaults_are_set(void **state)
{
    struct config *config = valid(REST);
    char hostname[256] = "";

    assert_int_equal(gethostname(hostname, sizeof(hostname) - 1), 0);
    assert_string_equal(config->hostname, hostname);
    assert_null(config->file);
    assert_null(config->user);
    assert_null(config->group);
    assert_null(config->log_file);
    assert_int_equal(config->log_format, LOG_TEXT);
    assert_in_range(config->workers, 1, 1024);
    assert_int_equal(config->sessions, 10000);
    assert_int_equal(config->drain, 30);
    assert_string_equal(config->listeners->policy->policy.profile, "esmtp");
    assert_string_equal(config->listeners->policy->name, "esmtp");
    config_free(&config);
    assert_null(config);
}

static void top_statements_are_read(void **state)
{
    struct config *config = valid("hostname mx.example.net\nuser root; group root\n"
                                  "workers 3\nsessions 77\ndrain 2m\nlog format json\n"
                                  "log file \"/var/log/with \\\"quotes\\\" \\\\ and # it\"\n" REST);

    assert_string_equal(config->hostname, "mx.example.net");
    assert_string_equal(config->user, "root");
    assert_string_equal(config->group, "root");
    assert_int_equal(config->workers, 3);
    assert_int_equal(config->sessions, 77);
    assert_int_equal(config->drain, 120);
    assert_int_equal(config->log_format, LOG_JSON);
    assert_string_equal(config->log_file, "/var/log/with \"quotes\" \\ and # it");
    config_free(&config);
}

static void blocks_come_in_any_order(void **state)
{
    struct config *config =
        valid("listener one { listen 127.0.0.1:2525, [::1]:2525,\n\n  # a comment\n"
              "  unix:/tmp/one.sock\n  listen 127.0.0.2:25 # and so on\n\n  backend two\n"
              "  policy edge }\n"
              "backend one { server 127.0.0.1:25; }\r\n"
              "backend two {\r\n  server 127.0.0.1:26\r\n  server unix:/tmp/s\r\n}\r\n"
              "listener other { listen 127.0.0.1:2526; backend \"one\"; policy rfc821 };\n"
              "policy edge { profile observe }");
    const struct config_listener *one = config->listeners;
    const struct config_listener *other = one->next;

    assert_null(other->next);
    assert_string_equal(one->name, "one");
    assert_int_equal(one->place.line, 1);
    assert_string_equal(one->addrs->text, "127.0.0.1:2525");
    assert_int_equal(net_addr_port(&one->addrs->addr), 2525);
    assert_string_equal(one->addrs->next->text, "[::1]:2525");
    assert_int_equal(one->addrs->next->addr.any.sa_family, AF_INET6);
    assert_int_equal(one->addrs->next->next->addr.any.sa_family, AF_UNIX);
    assert_string_equal(one->addrs->next->next->next->text, "127.0.0.2:25");
    assert_int_equal(one->addrs->next->next->next->place.line, 5);
    assert_int_equal(one->addrs->next->next->next->place.column, 10);
    assert_null(one->addrs->next->next->next->next);
    assert_string_equal(one->policy->name, "edge");
    assert_string_equal(one->policy->policy.profile, "observe");
    assert_string_equal(one->backend->name, "two");
    assert_int_equal(net_addr_port(&one->backend->servers->addrs[0]), 26);
    assert_int_equal(one->backend->servers->addr_count, 1);
    assert_string_equal(one->backend->servers->next->text, "unix:/tmp/s");
    assert_null(one->backend->servers->next->next);
    assert_string_equal(other->policy->policy.profile, "rfc821");
    assert_ptr_equal(other->backend, config->backends);
    config_free(&config);
}

/* Only the first word of a statement is a keyword. */
static void names_are_free(void **state)
{
    struct config *config = valid("backend backend { server 127.0.0.1:25 }\n"
                                  "policy limit { banner text \"policy {\" }\n"
                                  "listener listen { listen 127.0.0.1:0; backend backend\n"
                                  "policy limit }\n");

    assert_string_equal(config->listeners->name, "listen");
    assert_string_equal(config->listeners->policy->policy.banner_text, "policy {");
    config_free(&config);
}

/* A policy goes before the profile of its name, wherever it stands. */
static void a_policy_hides_a_profile(void **state)
{
    struct config *config = valid("listener l { listen 127.0.0.1:0; backend b; policy esmtp }\n"
                                  "listener m { listen 127.0.0.1:0; backend b }\n"
                                  "backend b { server 127.0.0.1:25 }\n"
                                  "policy esmtp { profile esmtp; banner pass }\n");

    assert_int_equal(config->listeners->policy->policy.banner, POLICY_BANNER_PASS);
    assert_ptr_equal(config->listeners->policy, config->listeners->next->policy);
    assert_null(config->policies->next);
    config_free(&config);
}

static void policy_statements_are_read(void **state)
{
    struct config *config = valid("policy p {\n"
                                  "  profile  esmtp\n"
                                  "  banner   mask-all\n"
                                  "  ehlo     as-helo\n"
                                  "  starttls require\n"
                                  "  keyword  hide CHUNKING,\n      binarymime\n"
                                  "  keyword  also XCLIENT\n"
                                  "  keyword  mask others\n"
                                  "  command  also VRFY, EXPN\n"
                                  "  command  drop others\n"
                                  "  framing  fix bare-lf, nul\n"
                                  "  framing  pass long-line\n"
                                  "  relax    all\n"
                                  "  enforce  syntax\n"
                                  "  forward  verbatim\n"
                                  "  limit    message-size 10M\n"
                                  "  limit    command-line 1k\n"
                                  "  limit    recipients 0\n"
                                  "  timeout  command 90s\n"
                                  "  timeout  reply 5m; timeout connect 250MS\n"
                                  "}\n" REST);
    const struct policy *p = &policy_named(config, "p")->policy;

    assert_int_equal(p->banner, POLICY_BANNER_MASK_ALL);
    assert_int_equal(p->ehlo, POLICY_EHLO_AS_HELO);
    assert_int_equal(p->starttls, POLICY_STARTTLS_REQUIRE);
    assert_int_equal(p->keyword[SMTP_KEYWORD_CHUNKING], POLICY_KEYWORD_HIDE);
    assert_int_equal(p->keyword[SMTP_KEYWORD_BINARYMIME], POLICY_KEYWORD_HIDE);
    assert_int_equal(p->keyword[SMTP_KEYWORD_XCLIENT], POLICY_KEYWORD_ALLOW);
    assert_int_equal(p->keyword[SMTP_KEYWORD_UNKNOWN], POLICY_KEYWORD_MASK);
    assert_int_equal(p->keyword[SMTP_KEYWORD_VRFY], POLICY_KEYWORD_MASK);
    assert_int_equal(p->keyword[SMTP_KEYWORD_SIZE], POLICY_KEYWORD_ALLOW);
    assert_int_equal(p->command[SMTP_VERB_EXPN], POLICY_COMMAND_ALLOW);
    assert_int_equal(p->command[SMTP_VERB_ETRN], POLICY_COMMAND_DROP);
    assert_int_equal(p->command[SMTP_VERB_UNKNOWN], POLICY_COMMAND_DROP);
    assert_int_equal(p->framing[SMTP_BODY_BARE_LF], POLICY_FRAMING_FIX);
    assert_int_equal(p->framing[SMTP_BODY_LONE_DOT], POLICY_FRAMING_FIX);
    assert_int_equal(p->framing[SMTP_BODY_NUL], POLICY_FRAMING_FIX);
    assert_int_equal(p->framing[SMTP_BODY_BARE_CR], POLICY_FRAMING_REFUSE);
    assert_int_equal(p->framing[SMTP_BODY_LONG_LINE], POLICY_FRAMING_PASS);
    assert_int_equal(p->checks, POLICY_CHECK_SYNTAX);
    assert_true(p->verbatim);
    assert_int_equal(p->limits.message_size, 10 << 20);
    assert_int_equal(p->limits.command_line, 1024);
    assert_int_equal(p->limits.recipients, 0);
    assert_int_equal(p->timeouts.command, 90000);
    assert_int_equal(p->timeouts.reply, 300000);
    assert_int_equal(p->timeouts.connect, 250);
    config_free(&config);
}

/* A byte order mark, as some editors put it, and no line end at the end. */
static void odd_beginnings_and_ends_are_fine(void **state)
{
    struct config *config = valid("\xEF\xBB\xBF" REST "log format json");
    assert_int_equal(config->log_format, LOG_JSON);
    config_free(&config);

    config = valid(REST "# no line end");
    config_free(&config);
    config = valid(";;\n ; " REST ";");
    config_free(&config);
}

/* ---- printed and read back ---- */

/* The policy, written on top of each profile, reads back as the same bytes. */
static void check_round_trip(const struct policy *policy)
{
    for (const struct policy_profile *base = policy_profiles; base->name != NULL; base++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        struct policy expected, got;

        assert_non_null(out);
        fprintf(out, "policy p {\n  profile %s\n", base->name);
        policy_print(policy, out, "  ");
        fputs("}\n" REST, out);
        assert_int_equal(fclose(out), 0);
        struct config *config = valid(text);
        memcpy(&expected, policy, sizeof(expected));
        memcpy(&got, &policy_named(config, "p")->policy, sizeof(got));
        assert_string_equal(got.profile, base->name);
        assert_string_equal(got.banner_text == NULL ? "" : got.banner_text,
                            expected.banner_text == NULL ? "" : expected.banner_text);
        got.profile = expected.profile = NULL;
        got.banner_text = expected.banner_text = NULL;
        got.rules = expected.rules = NULL;
        assert_memory_equal(&got, &expected, sizeof(got));
        config_free(&config);
        free(text);
    }
}

static void profiles_read_back(void **state)
{
    for (const struct policy_profile *profile = policy_profiles; profile->name != NULL; profile++) {
        struct policy policy;
        policy_begin(&policy, profile);
        check_round_trip(&policy);
    }
}

static uint32_t random_state;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

static void random_table(uint8_t *table, unsigned words, unsigned actions)
{
    /* Most words like the unknown ones, or all alike, or any: tables of each shape. */
    unsigned odd = random_below(3) * 50;

    table[0] = (uint8_t)random_below(actions);
    for (unsigned i = 1; i < words; i++) {
        table[i] = random_below(100) < odd ? (uint8_t)random_below(actions) : table[0];
    }
}

static void random_numbers(const struct policy_number_info *infos, void *base)
{
    static const uint64_t factors[] = {1, 1000, 1024, 60000, 1 << 20, 3600000, 1 << 30};

    for (const struct policy_number_info *i = infos; i->name != NULL; i++) {
        uint64_t value = random_below(4000) * factors[random_below(7)];
        value = value < i->min ? (i->none ? 0 : i->min) : value > i->max ? i->max : value;
        policy_number_set(i, base, value);
    }
}

static void random_policy(struct policy *p, char text[64])
{
    policy_begin(p, &policy_profiles[0]);
    p->banner = (uint8_t)random_below(6);
    p->ehlo = (uint8_t)random_below(3);
    p->starttls = (uint8_t)random_below(3);
    p->checks = (uint8_t)random_below(16);
    p->verbatim = random_below(2) == 1;
    random_table(p->command, SMTP_VERB_WORDS, 5);
    random_table(p->keyword, SMTP_KEYWORDS, 3);
    policy_set_framing(p, SMTP_BODY_BARE_CR, random_below(4));
    policy_set_framing(p, SMTP_BODY_BARE_LF, random_below(4));
    policy_set_framing(p, SMTP_BODY_NUL, random_below(4));
    policy_set_framing(p, SMTP_BODY_LONG_LINE, POLICY_FRAMING_LOG + random_below(2));
    random_numbers(policy_limit_infos, &p->limits);
    random_numbers(policy_timeout_infos, &p->timeouts);
    uint32_t len = 1 + random_below(62);
    for (uint32_t i = 0; i < len; i++) {
        text[i] = "\"\\ {}#;,ab~"[random_below(11)];
    }
    text[len] = '\0';
    p->banner_text = p->banner == POLICY_BANNER_TEXT ? text : NULL;
}

static void random_policies_read_back(void **state)
{
    for (random_state = 1; random_state <= 200 * 65537u; random_state += 65537u) {
        uint32_t seed = random_state;
        struct policy policy;
        char text[64];
        random_policy(&policy, text);
        check_round_trip(&policy);
        random_state = seed;
    }
}

/* ---- memory ---- */

#define EVERYTHING                                                                                 \
    "hostname mx\nlog file \"/tmp/x\"\n"                                                           \
    "policy p { profile rfc821; banner text \"t\"; keyword hide SIZE, DSN; limit errors 5 }\n"     \
    "listener one { listen 127.0.0.1:2525, [::1]:2525; backend b; policy p }\n"                    \
    "listener two { listen 127.0.0.1:2526; backend b; policy observe }\n"                          \
    "list known { 192.0.2.0/24, 2001:db8::/32, .example.net, word }\n"                             \
    "policy q { when client.address in known and (helo ~ \"x+\"i or helo ~ \"y\") drop as n\n"     \
    "when header(\"A\") = x or not header(\"B\") in known reject \"550 5.7.1 no\" }\n" REST

static void lack_of_memory_is_an_error(void **state)
{
    size_t n = 1;
    size_t failures = 0;

    for (bool failed = true; failed && n < 1000; n++) {
        char *errors = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&errors, &len);
        assert_non_null(out);
        mem_fail_at(n);
        struct config *config = config_parse("test.conf", SPAN(EVERYTHING), out);
        failed = mem_requests() >= n;
        mem_fail_at(0);
        assert_int_equal(fclose(out), 0);
        assert_int_equal(config == NULL, failed);
        assert_int_equal(strstr(errors, "out of memory") != NULL, failed);
        failures += failed;
        config_free(&config);
        free(errors);
    }
    assert_in_range(failures, 3, 900);
}

/* Enough blocks for the arena to need many of its own, each of which fails once. */
static void lack_of_memory_in_a_large_file(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    size_t failures = 0;

    assert_non_null(out);
    for (unsigned i = 0; i < 200; i++) {
        fprintf(out, "policy p%u { keyword hide SIZE, DSN, HELP\n limit errors 5\n", i);
        fprintf(out, "banner text \"this is %u\" }\nbackend b%u { server 127.0.0.1:%u }\n", i, i,
                i + 1);
    }
    fputs(REST, out);
    assert_int_equal(fclose(out), 0);
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    bool failed = true;
    for (size_t n = 1; failed && n < 10000; n++) {
        mem_fail_at(n);
        struct config *config = config_parse("test.conf", span_of(text, len), null);
        failed = mem_requests() >= n;
        mem_fail_at(0);
        assert_int_equal(config == NULL, failed);
        failures += failed;
        config_free(&config);
    }
    assert_in_range(failures, 20, 9000);
    assert_int_equal(fclose(null), 0);
    free(text);
}

/* ---- from options ---- */

static void options_make_a_configuration(void **state)
{
    const char *const listen[] = {"127.0.0.1:2525", "unix:/tmp/l.sock", NULL};
    const char *const backend[] = {"127.0.0.1:25", "127.0.0.1:26", NULL};
    struct config_quick quick = {.listen = listen,
                                 .backend = backend,
                                 .profile = "rfc821",
                                 .hostname = "gw.example.test",
                                 .workers = 2,
                                 .log_format = LOG_JSON};
    struct config *config = config_from_options(&quick, stderr);

    assert_non_null(config);
    assert_null(config->file);
    assert_string_equal(config->hostname, "gw.example.test");
    assert_int_equal(config->workers, 2);
    assert_int_equal(config->log_format, LOG_JSON);
    assert_string_equal(config->listeners->name, "default");
    assert_string_equal(config->listeners->addrs->next->text, "unix:/tmp/l.sock");
    assert_string_equal(config->listeners->policy->policy.profile, "rfc821");
    assert_string_equal(config->listeners->backend->servers->text, "127.0.0.1:25");
    assert_string_equal(config->listeners->backend->servers->next->text, "127.0.0.1:26");
    config_free(&config);

    quick = (struct config_quick){.listen = listen, .backend = backend};
    config = config_from_options(&quick, stderr);
    assert_non_null(config);
    assert_string_equal(config->listeners->policy->policy.profile, "esmtp");
    assert_in_range(config->workers, 1, 1024);
    config_free(&config);
}

static void options_survive_the_lack_of_memory(void **state)
{
    const char *const listen[] = {"127.0.0.1:2525", NULL};
    const char *const backend[] = {"127.0.0.1:25", NULL};
    const struct config_quick quick = {.listen = listen, .backend = backend, .hostname = "gw"};
    FILE *null = fopen("/dev/null", "w");
    bool failed = true;
    size_t failures = 0;

    assert_non_null(null);
    for (size_t n = 1; failed && n < 1000; n++) {
        mem_fail_at(n);
        struct config *config = config_from_options(&quick, null);
        failed = mem_requests() >= n;
        mem_fail_at(0);
        assert_int_equal(config == NULL, failed);
        failures += failed;
        config_free(&config);
    }
    assert_in_range(failures, 2, 100);
    assert_int_equal(fclose(null), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_set),
        cmocka_unit_test(top_statements_are_read),
        cmocka_unit_test(blocks_come_in_any_order),
        cmocka_unit_test(names_are_free),
        cmocka_unit_test(a_policy_hides_a_profile),
        cmocka_unit_test(policy_statements_are_read),
        cmocka_unit_test(odd_beginnings_and_ends_are_fine),
        cmocka_unit_test(profiles_read_back),
        cmocka_unit_test(random_policies_read_back),
        cmocka_unit_test(lack_of_memory_is_an_error),
        cmocka_unit_test(lack_of_memory_in_a_large_file),
        cmocka_unit_test(options_make_a_configuration),
        cmocka_unit_test(options_survive_the_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

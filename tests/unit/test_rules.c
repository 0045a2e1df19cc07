/*
 * policy: the catalogue of fields, expressions over it, and which rules apply when. Rules are read
 * as the configuration has them; its errors are in test_rule_errors.c, lists in test_lists.c.
 */
#include "base/mem.h"
#include "config/parse.h"
#include "policy/expr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define REST                                                                                       \
    "\n}\nbackend b { server 127.0.0.1:25 }\nlistener l { listen 127.0.0.1:0; backend b }\n"       \
    "list blocked { 192.0.2.0/24, 2001:db8::/32, spam.example, .evil.example }\n"                  \
    "list ours { example.net }\nlist dangerous { exe, scr }\n"

/* A configuration whose policy has these rules. */
static struct config *read_rules(const char *rules)
{
    char *text = NULL, *errors = NULL;
    size_t len = 0, errors_len = 0;
    FILE *out = open_memstream(&text, &len);
    FILE *told = open_memstream(&errors, &errors_len);

    assert_non_null(out);
    assert_non_null(told);
    fprintf(out, "policy p {\n%s" REST, rules);
    assert_int_equal(fclose(out), 0);
    struct config *config = config_parse("f", span_of(text, len), told);
    assert_int_equal(fclose(told), 0);
    assert_string_equal(errors, "");
    assert_non_null(config);
    free(errors);
    free(text);
    return config;
}

static struct policy_rules *rules_in(const struct config *config)
{
    assert_non_null(config->policies->policy.rules);
    return config->policies->policy.rules;
}

static const struct policy_rule *only_rule(const struct config *config)
{
    struct policy_rule *const *list;

    assert_int_equal(policy_rules_list(rules_in(config), &list), 1);
    return list[0];
}

static struct policy_address address_of(const char *text)
{
    struct policy_network network;

    assert_true(policy_network_parse(span_str(text), &network));
    return network.address;
}

/* A session in the midst of a message, with one of everything. */
static struct facts some_facts(void)
{
    static const struct policy_header_value headers[] = {
        {0, SPAN("One")}, {1, SPAN("first")}, {1, SPAN("second")}, {2, SPAN("")}};

    return (struct facts){.client_address = address_of("192.0.2.7"),
                          .client_port = 54321,
                          .listener = SPAN("inbound"),
                          .session_bytes = 10240,
                          .tls = true,
                          .verb = SPAN("RCPT"),
                          .command_line = SPAN("RCPT TO:<Joe@Example.NET>"),
                          .helo = SPAN("mx.evil.example"),
                          .mail_from = SPAN("user@spam.example"),
                          .mail_domain = SPAN("spam.example"),
                          .rcpt_to = SPAN("Joe@Example.NET"),
                          .rcpt_domain = SPAN("Example.NET"),
                          .rcpt_count = 7,
                          .headers = headers,
                          .header_values = 4,
                          .attachment_name = SPAN("invoice.pdf.EXE")};
}

static bool holds(const char *condition, const struct facts *facts)
{
    char rule[1024];

    snprintf(rule, sizeof(rule), "when %s log", condition);
    struct config *config = read_rules(rule);
    struct policy_eval eval = {.facts = facts};
    bool result = policy_expr_holds(only_rule(config)->expr, &eval);
    assert_false(eval.exceeded);
    config_free(&config);
    return result;
}

struct condition {
    const char *text;
    bool expected;
};

static void check_conditions(const struct condition *table, size_t count)
{
    const struct facts facts = some_facts();

    for (size_t i = 0; i < count; i++) {
        if (holds(table[i].text, &facts) != table[i].expected) {
            fail_msg("%s is not %s", table[i].text, table[i].expected ? "true" : "false");
        }
    }
}
#define CHECK(table) check_conditions(table, sizeof(table) / sizeof(table[0]))

/* ---- the catalogue ---- */

static void fields_are_found(void **state)
{
    unsigned count = 0;

    for (const struct policy_field *f = policy_fields; f->name != NULL; f++, count++) {
        assert_ptr_equal(policy_field_find(span_str(f->name)), f);
        assert_ptr_equal(policy_field_nearest(span_str(f->name)), f);
        assert_int_equal(policy_field_stages(f) >> f->stage & 1, 1);
        for (const struct policy_field *other = f + 1; other->name != NULL; other++) {
            assert_int_not_equal(f->offset, other->offset);
        }
    }
    assert_true(count > 70);
    assert_non_null(policy_field_find(SPAN("RCPT.Count")));
    assert_null(policy_field_find(SPAN("rcpt")));
    assert_string_equal(policy_field_nearest(SPAN("attachment.nmae"))->name, "attachment.name");
}

/* Each example is a condition that reads its field. */
static void examples_are_conditions(void **state)
{
    for (const struct policy_field *f = policy_fields; f->name != NULL; f++) {
        char rule[512];
        snprintf(rule, sizeof(rule), "when %s log", f->example);
        struct config *config = read_rules(rule);
        assert_true(policy_rules_read(rules_in(config), f));
        assert_true(policy_rules_ask(rules_in(config), only_rule(config)->stage));
        config_free(&config);
    }
}

/* A value for the field in otherwise empty facts, and the conditions that then hold and do not. */
static void set_field(const struct policy_field *f, struct facts *facts, const char **yes_r,
                      const char **no_r)
{
    static const struct policy_header_value header = {0, SPAN("Value")};
    char *at = (char *)facts + f->offset;
    const uint64_t number = 1536;
    const struct span text = SPAN("Value");
    const struct policy_address address = address_of("2001:db8::7");

    switch (f->type) {
    case POLICY_TYPE_FLAG:
        *(bool *)at = true;
        *yes_r = "%s";
        *no_r = "not %s";
        break;
    case POLICY_TYPE_NUMBER:
        memcpy(at, &number, sizeof(number));
        *yes_r = "%s = 1536";
        *no_r = "%s < 1536";
        break;
    case POLICY_TYPE_SIZE:
        memcpy(at, &number, sizeof(number));
        *yes_r = "%s > 1K";
        *no_r = "%s >= 2k";
        break;
    case POLICY_TYPE_TEXT:
        memcpy(at, &text, sizeof(text));
        *yes_r = "%s ~ \"^Va.ue$\"";
        *no_r = "%s ~ \"^va\"";
        break;
    case POLICY_TYPE_ADDRESS:
        memcpy(at, &address, sizeof(address));
        *yes_r = "%s = 2001:db8::/64";
        *no_r = "%s = 192.0.2.0/24";
        break;
    case POLICY_TYPE_HEADER:
        facts->headers = &header;
        facts->header_values = 1;
        *yes_r = "%s(\"Subject\") = \"value\"";
        *no_r = "%s(\"Subject\") != VALUE";
        break;
    }
}

static void with_name(const char *format, const char *name, char *text_r, size_t size)
{
    const char *mark = strstr(format, "%s");

    assert_non_null(mark);
    snprintf(text_r, size, "%.*s%s%s", (int)(mark - format), format, name, mark + 2);
}

static void every_field_is_read_where_it_stands(void **state)
{
    for (const struct policy_field *f = policy_fields; f->name != NULL; f++) {
        struct facts facts = {.tls = false};
        const char *yes = NULL, *no = NULL;
        char text[2][256];
        set_field(f, &facts, &yes, &no);
        with_name(yes, f->name, text[0], sizeof(text[0]));
        with_name(no, f->name, text[1], sizeof(text[1]));
        assert_true(holds(text[0], &facts));
        assert_false(holds(text[1], &facts));
    }
}

/* ---- operators ---- */

static void numbers_are_compared(void **state)
{
    static const struct condition table[] = {
        {"rcpt.count = 7", true},
        {"rcpt.count = 8", false},
        {"rcpt.count != 7", false},
        {"rcpt.count != 8", true},
        {"rcpt.count < 8", true},
        {"rcpt.count < 7", false},
        {"rcpt.count <= 7", true},
        {"rcpt.count <= 6", false},
        {"rcpt.count > 6", true},
        {"rcpt.count > 7", false},
        {"rcpt.count >= 7", true},
        {"rcpt.count >= 8", false},
        {"session.bytes = 10K", true},
        {"session.bytes = 10240", true},
        {"session.bytes < 1M", true},
        {"session.bytes > 1G", false},
        {"rcpt.count < 18446744073709551615", true},
        {"session.bytes < 17179869183G", true},
    };
    CHECK(table);
}

static void texts_are_compared(void **state)
{
    static const struct condition table[] = {
        {"rcpt.to = \"joe@example.net\"", true},
        {"rcpt.to = joe@example.net", true},
        {"rcpt.to = \"joe@example.ne\"", false},
        {"rcpt.to != \"JOE@EXAMPLE.NET\"", false},
        {"rcpt.to != x", true},
        {"rcpt.notify = \"\"", true},
        {"rcpt.notify != \"\"", false},
        {"client.name = \"\"", true},
        {"client.name ~ \"^$\"", true},
        {"verb = RCPT", true},
        {"verb = in", false},
        {"not verb = log", true},
    };
    CHECK(table);
}

static void patterns_match(void **state)
{
    static const struct condition table[] = {
        {"attachment.name ~ \"\\.(exe|scr)$\"", false},
        {"attachment.name ~ \"\\.(exe|scr)$\"i", true},
        {"attachment.name !~ \"\\.(exe|scr)$\"i", false},
        {"attachment.name !~ \"\\.(exe|scr)$\"", true},
        {"attachment.name ~ \"\"", true},
        {"attachment.name ~ \"^invoice\\\\.pdf\"", true},
        {"attachment.name ~ \"^(.).*\\1\"", true},
        {"helo ~ \"\\Aevil\"", false},
    };
    CHECK(table);
}

/* A pattern sees octets, whatever they are; its end is the end. */
static void patterns_see_octets(void **state)
{
    struct facts facts = {.helo = SPAN("a\xff\n.exe")};

    assert_true(holds("helo ~ \"^a.*exe$\"", &facts));
    assert_true(holds("helo ~ \"^.{7}$\"", &facts));
    assert_true(holds("helo ~ \"\\xff\"", &facts));
    facts.helo = SPAN("x.exe\n");
    assert_false(holds("helo ~ \"exe$\"", &facts));
    facts.helo = SPAN("\xc3\x84");
    assert_false(holds("helo ~ \"\xc3\xa4\"i", &facts));
    facts.helo = SPAN("a\0b");
    assert_true(holds("helo ~ \"^a.b$\"", &facts));
}

static void addresses_are_compared(void **state)
{
    static const struct condition table[] = {
        {"client.address = 192.0.2.7", true},     {"client.address = \"192.0.2.7\"", true},
        {"client.address = 192.0.2.0/24", true},  {"client.address = 192.0.2.99/24", true},
        {"client.address = 192.0.2.8/31", false}, {"client.address = 0.0.0.0/0", true},
        {"client.address = ::/0", false},         {"client.address = ::ffff:192.0.2.7", true},
        {"client.address != 192.0.2.7", false},   {"client.address != 192.0.2.8", true},
        {"client.address in blocked", true},      {"client.address not in blocked", false},
        {"client.address in ours", false},
    };
    CHECK(table);

    struct facts facts = some_facts();
    facts.client_address.known = false;
    assert_false(holds("client.address = 0.0.0.0/0", &facts));
    assert_true(holds("client.address != 0.0.0.0/0", &facts));
    assert_false(holds("client.address in blocked", &facts));
    assert_true(holds("client.address not in blocked", &facts));
}

static void lists_are_asked(void **state)
{
    static const struct condition table[] = {
        {"mail.domain in blocked", true}, {"mail.domain not in blocked", false},
        {"mail.from in blocked", false},  {"helo in blocked", true},
        {"rcpt.domain in ours", true},    {"not rcpt.domain in ours", false},
    };
    CHECK(table);
}

static void any_header_of_the_name_counts(void **state)
{
    static const struct condition table[] = {
        {"header(\"a\") = one and header(\"b\") = x", false},
        {"header(\"a\") = one and header(\"B\") = first", true},
        {"header(\"a\") = one and header(\"B\") = second", true},
        {"header(\"a\") = one and header(\"b\") != first", true},
        {"header(\"a\") = one and header(\"b\") ~ \"^s\"", true},
        {"header(\"a\") = one and header(\"b\") !~ \"^s\"", true},
        {"header(\"a\") = one and header(\"b\") in ours", false},
        {"header(\"a\") = one and header(\"b\") not in ours", true},
        /* there, but empty */
        {"header(\"a\") = one and header(\"b\") = first and header(\"c\") = \"\"", true},
        /* not there */
        {"header(\"a\") = one and header(\"b\") = first and header(\"c\") = \"\" and\n"
         "header(\"d\") = \"\"",
         true},
        {"header(\"a\") = one and header(\"b\") = first and header(\"c\") = \"\" and\n"
         "header(\"d\") != \"\"",
         false},
        {"header(\"a\") = one and header(\"A\") != one", false},
    };
    CHECK(table);
}

static void operators_bind_as_everywhere(void **state)
{
    static const struct condition table[] = {
        {"tls or tls and auth", true},
        {"(tls or tls) and auth", false},
        {"not auth and tls", true},
        {"not (auth and tls)", true},
        {"not (tls or auth)", false},
        {"not tls or not auth", true},
        {"auth and auth or tls", true},
        {"auth and (auth or tls)", false},
        {"(((tls)))", true},
        {"tls and\n tls or\n # a comment\n not\n auth", true},
        {"(auth\n or tls\n)", true},
        {"tls AND NOT auth", true},
    };
    CHECK(table);
}

/* What decides is asked first, and nothing after it. */
static void evaluation_stops_where_it_is_decided(void **state)
{
    struct config *config = read_rules("when auth and helo ~ \"^(a+)+$\" log\n"
                                       "when tls or helo ~ \"^(a+)+$\" log\n"
                                       "when not auth or not helo ~ \"^(a+)+$\" log\n");
    struct policy_rules *rules = rules_in(config);
    struct facts facts = {.tls = true,
                          .helo = SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")};

    struct policy_rule *rule = policy_rules_next(rules, POLICY_STAGE_HELO, &facts, NULL);
    assert_non_null(rule);
    assert_string_equal(rule->name, "line 3");
    rule = policy_rules_next(rules, POLICY_STAGE_HELO, &facts, rule);
    assert_non_null(rule);
    assert_string_equal(rule->name, "line 4");
    assert_null(policy_rules_next(rules, POLICY_STAGE_HELO, &facts, rule));
    assert_null(policy_rules_exceeded(rules));
    config_free(&config);
}

/* ---- stages ---- */

static void rules_are_asked_at_the_earliest_stage(void **state)
{
    static const struct {
        const char *condition;
        enum policy_stage stage;
    } table[] = {
        {"client.address in blocked", POLICY_STAGE_CONNECT},
        {"tls", POLICY_STAGE_COMMAND},
        {"verb = DATA", POLICY_STAGE_COMMAND},
        {"verb = DATA and rcpt.count > 5", POLICY_STAGE_DATA},
        {"(verb = DATA or verb = MAIL) and mail.size > 5", POLICY_STAGE_MAIL},
        {"verb = RCPT and rcpt.count > 5", POLICY_STAGE_RCPT},
        {"verb = MAIL and not auth", POLICY_STAGE_COMMAND},
        {"verb = EHLO and helo = x", POLICY_STAGE_HELO},
        {"helo = x or client.port = 5", POLICY_STAGE_HELO},
        {"auth.mechanism = LOGIN and not tls", POLICY_STAGE_AUTH},
        {"mail.from = \"\" and helo.literal", POLICY_STAGE_MAIL},
        {"rcpt.to = x and mail.from = y and client.port < 9", POLICY_STAGE_RCPT},
        {"rcpt.count > 5 and header(\"x\") = y", POLICY_STAGE_HEADER},
        {"mime.type = \"a/b\" and rcpt.count > 3", POLICY_STAGE_PART},
        {"body.nul and attachment.count > 3", POLICY_STAGE_MESSAGE},
        {"greeting ~ \"x\" and client.address in blocked", POLICY_STAGE_GREETING},
        {"offer.keyword = AUTH and not tls and helo = x", POLICY_STAGE_OFFER},
        {"offer.keyword = AUTH and verb = EHLO", POLICY_STAGE_OFFER},
        {"reply.code >= 500 and rcpt.to = x and verb = RCPT", POLICY_STAGE_REPLY},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char rule[256];
        snprintf(rule, sizeof(rule), "when %s log", table[i].condition);
        struct config *config = read_rules(rule);
        assert_string_equal(policy_stage_words[only_rule(config)->stage],
                            policy_stage_words[table[i].stage]);
        config_free(&config);
    }
}

/* ---- rules ---- */

static void rules_apply_in_order_and_are_counted(void **state)
{
    struct config *config =
        read_rules("when rcpt.count > 5 log reject \"550 5.7.1 a\" as first\n"
                   "when client.port > 5 allow\n"
                   "when rcpt.count > 50 drop\n"
                   "when rcpt.count > 6 log\n"
                   "when rcpt.count > 1 limit 10 per 1m \"450 4.7.1 b\" as \"la st\"\n");
    struct policy_rules *rules = rules_in(config);
    const struct facts facts = some_facts();

    assert_true(policy_rules_ask(rules, POLICY_STAGE_CONNECT));
    assert_true(policy_rules_ask(rules, POLICY_STAGE_RCPT));
    assert_false(policy_rules_ask(rules, POLICY_STAGE_MAIL));
    assert_null(policy_rules_next(rules, POLICY_STAGE_MAIL, &facts, NULL));
    struct policy_rule *rule = policy_rules_next(rules, POLICY_STAGE_RCPT, &facts, NULL);
    assert_string_equal(rule->name, "first");
    assert_true(rule->effect.dry);
    assert_int_equal(rule->effect.action, POLICY_ACTION_REJECT);
    assert_string_equal(rule->effect.text, "550 5.7.1 a");
    assert_int_equal(rule->line, 2);
    rule = policy_rules_next(rules, POLICY_STAGE_RCPT, &facts, rule);
    assert_string_equal(rule->name, "line 5");
    assert_int_equal(rule->effect.action, POLICY_ACTION_LOG);
    assert_false(rule->effect.dry);
    rule = policy_rules_next(rules, POLICY_STAGE_RCPT, &facts, rule);
    assert_string_equal(rule->name, "la st");
    assert_int_equal(rule->effect.action, POLICY_ACTION_LIMIT);
    assert_int_equal(rule->effect.number, 10);
    assert_int_equal(rule->effect.period, 60000);
    assert_null(policy_rules_next(rules, POLICY_STAGE_RCPT, &facts, rule));
    struct policy_rule *const *list;
    assert_int_equal(policy_rules_list(rules, &list), 5);
    static const uint64_t hits[] = {1, 0, 0, 1, 1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(list[i]->hits, hits[i]);
    }
    config_free(&config);
}

static void no_rules_are_fine(void **state)
{
    struct config *config = read_rules("");
    const struct facts facts = some_facts();
    const char *const *names;
    struct policy_rule *const *list;

    assert_null(config->policies->policy.rules);
    assert_false(policy_rules_ask(NULL, POLICY_STAGE_RCPT));
    assert_false(policy_rules_read(NULL, policy_fields));
    assert_null(policy_rules_next(NULL, POLICY_STAGE_RCPT, &facts, NULL));
    assert_null(policy_rules_exceeded(NULL));
    assert_int_equal(policy_rules_headers(NULL, &names), 0);
    assert_int_equal(policy_rules_list(NULL, &list), 0);
    config_free(&config);
}

static void headers_are_numbered(void **state)
{
    struct config *config = read_rules("when header(\"Subject\") = a or header(\"X-A\") = b log\n"
                                       "when header(\"subject\") = c or header(\"To\") = d log\n");
    const char *const *names;

    assert_int_equal(policy_rules_headers(rules_in(config), &names), 3);
    assert_string_equal(names[0], "Subject");
    assert_string_equal(names[1], "X-A");
    assert_string_equal(names[2], "To");
    config_free(&config);
}

/* ---- patterns that want too much ---- */

static void patterns_give_up_and_are_told_once(void **state)
{
    struct config *config = read_rules("when helo ~ \"^(a+)+$\" drop as greedy\n"
                                       "when helo !~ \"^(a+)+$\" log as careful\n"
                                       "when helo ~ \"a!$\" log as modest\n");
    struct policy_rules *rules = rules_in(config);
    struct facts facts = {.helo = SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")};

    /* It counts as no match, which `!~` is about. */
    struct policy_rule *rule = policy_rules_next(rules, POLICY_STAGE_HELO, &facts, NULL);
    assert_string_equal(rule->name, "careful");
    rule = policy_rules_next(rules, POLICY_STAGE_HELO, &facts, rule);
    assert_string_equal(rule->name, "modest");
    assert_string_equal(policy_rules_exceeded(rules)->name, "greedy");
    assert_string_equal(policy_rules_exceeded(rules)->name, "careful");
    assert_null(policy_rules_exceeded(rules));
    assert_string_equal(policy_rules_next(rules, POLICY_STAGE_HELO, &facts, NULL)->name, "careful");
    assert_null(policy_rules_exceeded(rules));
    struct policy_rule *const *list;
    policy_rules_list(rules, &list);
    assert_int_equal(list[0]->exceeded, 2);
    assert_int_equal(list[0]->hits, 0);
    assert_int_equal(list[2]->exceeded, 0);
    config_free(&config);
}

/* ---- memory ---- */

static void evaluation_asks_for_no_memory(void **state)
{
    struct config *config = read_rules(
        "when client.address not in ours and rcpt.count > 3 and (helo ~ \"^(mx|mail)[0-9]*\\.\"i "
        "or\n"
        "     mail.domain in blocked) and attachment.name !~ \"(a|b)*\\.(doc|pdf)$\"i log\n"
        "when attachment.name ~ \"(.)(.*)x\\1\" log\n");
    struct policy_rules *rules = rules_in(config);
    struct facts facts = some_facts();
    unsigned asked = 0;

    for (unsigned stage = 0; stage < POLICY_STAGES; stage++) {
        asked += policy_rules_ask(rules, stage);
    }
    assert_int_equal(asked, 1);
    mem_fail_at(0);
    for (unsigned i = 0; i < 10000; i++) {
        facts.rcpt_count = i;
        struct policy_rule *rule = policy_rules_next(rules, POLICY_STAGE_PART, &facts, NULL);
        for (; rule != NULL; rule = policy_rules_next(rules, POLICY_STAGE_PART, &facts, rule)) {
            asked++;
        }
    }
    assert_int_equal(mem_requests(), 0);
    assert_int_equal(asked, 1 + 9996);
    config_free(&config);
}

/* ---- printed and read back ---- */

static char *printed(const struct config *config)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    policy_rules_print(rules_in(config), out, "");
    assert_int_equal(fclose(out), 0);
    return text;
}

static const char *const printable[][2] = {
    {"when rcpt.count > 5 reject", "when rcpt.count > 5 reject\n"},
    {"when mail.size>10M tempfail \"450 x\" as a",
     "when mail.size > 10M tempfail \"450 x\" as \"a\"\n"},
    {"when tls and (auth or not esmtp) log drop", "when tls and (auth or not esmtp) log drop\n"},
    {"when (tls and auth) or esmtp drop", "when tls and auth or esmtp drop\n"},
    {"when (tls and (auth and esmtp)) drop", "when tls and auth and esmtp drop\n"},
    {"when not (tls and auth) drop", "when not (tls and auth) drop\n"},
    {"when not (not tls) drop", "when not (not tls) drop\n"},
    {"when helo ~ \"a\\\"b\\\\\\\\c\\.\"i delay 1500ms",
     "when helo ~ \"a\\\"b\\\\\\\\c\\\\.\"i delay 1500ms\n"},
    {"when client.address in blocked limit 5 per 2m",
     "when client.address in \"blocked\" limit 5 per 120s\n"},
    {"when header(\"X-A\") not in ours log", "when header(\"X-A\") not in \"ours\" log\n"},
    {"when verb = in delay 5s", "when verb = \"in\" delay 5s\n"},
    {"when client.address != 10.0.0.0/8 close \"554 go \\\"away\\\"\"",
     "when client.address != \"10.0.0.0/8\" close \"554 go \\\"away\\\"\"\n"},
};

static void rules_read_back(void **state)
{
    for (size_t i = 0; i < sizeof(printable) / sizeof(printable[0]); i++) {
        struct config *config = read_rules(printable[i][0]);
        char *first = printed(config);
        assert_string_equal(first, printable[i][1]);
        config_free(&config);
        config = read_rules(first);
        char *second = printed(config);
        assert_string_equal(second, first);
        config_free(&config);
        free(first);
        free(second);
    }
}

/* policy_print() has them too. */
static void policies_print_their_rules(void **state)
{
    struct config *config = read_rules("when rcpt.count > 5 reject");
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    policy_print(&config->policies->policy, out, "  ");
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "\n  when rcpt.count > 5 reject\n"));
    free(text);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(examples_are_conditions),
        cmocka_unit_test(every_field_is_read_where_it_stands),
        cmocka_unit_test(numbers_are_compared),
        cmocka_unit_test(texts_are_compared),
        cmocka_unit_test(patterns_match),
        cmocka_unit_test(patterns_see_octets),
        cmocka_unit_test(addresses_are_compared),
        cmocka_unit_test(lists_are_asked),
        cmocka_unit_test(any_header_of_the_name_counts),
        cmocka_unit_test(operators_bind_as_everywhere),
        cmocka_unit_test(evaluation_stops_where_it_is_decided),
        cmocka_unit_test(rules_are_asked_at_the_earliest_stage),
        cmocka_unit_test(rules_apply_in_order_and_are_counted),
        cmocka_unit_test(no_rules_are_fine),
        cmocka_unit_test(headers_are_numbered),
        cmocka_unit_test(patterns_give_up_and_are_told_once),
        cmocka_unit_test(evaluation_asks_for_no_memory),
        cmocka_unit_test(rules_read_back),
        cmocka_unit_test(policies_print_their_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

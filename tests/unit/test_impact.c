/*
 * The price of a policy: what each profile leaves to senders, what takes the rest, and which
 * contradictions are found; and what the logic behind them may and may not say.
 *
 * Policies are read as configuration text, so that causes have their places.
 */
#include "base/mem.h"
#include "config/parse.h"
#include "policy/impact.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

/* A configuration with one policy "p" and a listener that uses it. */
struct scene {
    struct config *config;
    struct arena arena;
    struct policy_impact impact;
};

static struct scene begin(const char *statements)
{
    char text[4096];
    struct scene scene = {.config = NULL};

    snprintf(text, sizeof(text),
             "backend b { server 127.0.0.1:25 }\n"
             "list names { a.example }\n"
             "listener l { listen 127.0.0.1:0; backend b; policy p }\n"
             "policy p {\n%s\n}\n",
             statements);
    scene.config = config_parse("t.conf", span_str(text), stderr);
    assert_non_null(scene.config);
    return scene;
}

static struct scene measure_live(const char *statements, bool live, smtp_keyword_set all,
                                 smtp_keyword_set some)
{
    struct scene scene = begin(statements);
    const struct config_policy *p = scene.config->listeners->policy;
    struct policy_impact_input input = {&p->policy, &p->origin, live, all, some};

    assert_true(policy_impact_make(&scene.arena, &input, &scene.impact));
    return scene;
}

static struct scene measure(const char *statements)
{
    return measure_live(statements, false, 0, 0);
}

static void end(struct scene *scene)
{
    arena_free(&scene->arena);
    config_free(&scene->config);
}

/* The major services in that state, in their order. */
static const char *services(const struct scene *scene, enum policy_service_state state)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
        enum smtp_keyword k = policy_service_order(i);
        if (policy_service_major(k) && scene->impact.services[k].state == state) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "",
                                     policy_service_name(k));
        }
    }
    return text;
}

/* "code code …" of the warnings, or of the notes. */
static const char *codes(const struct scene *scene, bool warnings)
{
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (const struct policy_finding *f = scene->impact.findings; f != NULL; f = f->next) {
        if (f->warning == warnings) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "",
                                     f->code);
        }
    }
    return text;
}

/* "TEXT FILE:LINE" of what takes the service. */
static const char *cause(const struct scene *scene, enum smtp_keyword keyword)
{
    static char text[POLICY_CAUSE_MAX + 64];
    char what[POLICY_CAUSE_MAX];
    unsigned line;
    const struct policy_cause *c = &scene->impact.services[keyword].cause;
    const char *file = policy_cause_file(c, &line);

    snprintf(text, sizeof(text), "%s %s:%u", policy_cause_text(c, what), file != NULL ? file : "-",
             line);
    return text;
}

/* ---- profiles ---- */

#define MAJORS                                                                                     \
    "TLS AUTH SIZE PIPELINING 8BITMIME SMTPUTF8 DSN CHUNKING BINARYMIME REQUIRETLS "               \
    "ENHANCEDSTATUSCODES DELIVERBY"

static void each_profile_has_its_price(void **state)
{
    static const struct {
        const char *name, *kept, *part, *lost, *warnings, *notes;
        bool esmtp;
    } rows[] = {
        {"esmtp", MAJORS, "", "", "", "tls-unseen exchange", true},
        {"observe", MAJORS, "", "", "", "tls-unseen", true},
        {"rfc821", "", "", MAJORS, "", "", false},
        {"pix-mailguard", "", "", MAJORS, "masked-banner", "", false},
        {"pix-mailguard-4.4", "", "", MAJORS, "masked-banner", "", false},
        {"asa-esmtp", "", "AUTH SIZE PIPELINING 8BITMIME DSN ENHANCEDSTATUSCODES",
         "TLS SMTPUTF8 CHUNKING BINARYMIME REQUIRETLS DELIVERBY",
         "offered-broken masked-banner tls-hidden", "exchange", true},
    };
    size_t profiles = 0;

    (void)state;
    while (policy_profiles[profiles].name != NULL) {
        profiles++;
    }
    assert_int_equal(profiles, sizeof(rows) / sizeof(rows[0]));
    for (size_t i = 0; i < profiles; i++) {
        char statement[64];
        snprintf(statement, sizeof(statement), "profile %s", rows[i].name);
        struct scene scene = measure(statement);
        assert_string_equal(services(&scene, POLICY_SERVICE_KEPT), rows[i].kept);
        assert_string_equal(services(&scene, POLICY_SERVICE_PART), rows[i].part);
        assert_string_equal(services(&scene, POLICY_SERVICE_LOST), rows[i].lost);
        assert_string_equal(codes(&scene, true), rows[i].warnings);
        assert_string_equal(codes(&scene, false), rows[i].notes);
        assert_int_equal(scene.impact.esmtp, rows[i].esmtp);
        end(&scene);
    }
}

static void a_profile_without_a_statement_has_no_place(void **state)
{
    struct policy policy;
    struct scene scene = {.config = NULL};

    (void)state;
    policy_begin(&policy, policy_profile_find(SPAN("rfc821")));
    struct policy_impact_input input = {.policy = &policy};
    assert_true(policy_impact_make(&scene.arena, &input, &scene.impact));
    assert_string_equal(cause(&scene, SMTP_KEYWORD_SIZE), "profile rfc821 -:0");
    arena_free(&scene.arena);
}

/* ---- causes ---- */

static void each_switch_is_named_as_cause(void **state)
{
    static const struct {
        const char *statements;
        enum smtp_keyword keyword;
        const char *cause;
    } rows[] = {
        {"keyword hide DSN", SMTP_KEYWORD_DSN, "keyword hide DSN t.conf:5"},
        {"keyword mask DSN, SIZE", SMTP_KEYWORD_SIZE, "keyword mask DSN, SIZE t.conf:5"},
        {"\nkeyword hide all", SMTP_KEYWORD_DSN, "keyword hide all t.conf:6"},
        {"keyword allow SIZE", SMTP_KEYWORD_DSN, "keyword allow SIZE t.conf:5"},
        {"keyword hide DSN\nkeyword hide DSN", SMTP_KEYWORD_DSN, "keyword hide DSN t.conf:6"},
        {"command refuse AUTH", SMTP_KEYWORD_AUTH, "command refuse AUTH t.conf:5"},
        {"command noop AUTH", SMTP_KEYWORD_AUTH, "command noop AUTH t.conf:5"},
        {"command refuse BDAT", SMTP_KEYWORD_BINARYMIME, "command refuse BDAT t.conf:5"},
        {"keyword hide CHUNKING", SMTP_KEYWORD_BINARYMIME, "keyword hide CHUNKING t.conf:5"},
        {"starttls hide", SMTP_KEYWORD_STARTTLS, "starttls hide t.conf:5"},
        {"starttls hide", SMTP_KEYWORD_REQUIRETLS, "starttls hide t.conf:5"},
        {"ehlo refuse", SMTP_KEYWORD_8BITMIME, "ehlo refuse t.conf:5"},
        {"ehlo as-helo", SMTP_KEYWORD_8BITMIME, "ehlo as-helo t.conf:5"},
        {"command refuse EHLO", SMTP_KEYWORD_8BITMIME, "command refuse EHLO t.conf:5"},
        {"banner mask", SMTP_KEYWORD_8BITMIME, "banner mask t.conf:5"},
        {"banner text \"2 0 **\"", SMTP_KEYWORD_8BITMIME, "banner text t.conf:5"},
        {"limit message-size 10M", SMTP_KEYWORD_SIZE, "limit message-size 10M t.conf:5"},
        {"when offer.keyword = DSN hide", SMTP_KEYWORD_DSN, "the rule of line 5 t.conf:5"},
        {"when verb = BDAT reject as b", SMTP_KEYWORD_CHUNKING, "rule b t.conf:5"},
        {"keyword hide 8BITMIME, AUTH, BINARYMIME, CHUNKING, DELIVERBY, DSN, SIZE",
         SMTP_KEYWORD_SIZE, "keyword hide 8BITMIME, AUTH, BINARYMIME, CHUNKING, … t.conf:5"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene = measure(rows[i].statements);
        assert_string_equal(cause(&scene, rows[i].keyword), rows[i].cause);
        assert_int_not_equal(scene.impact.services[rows[i].keyword].state, POLICY_SERVICE_KEPT);
        end(&scene);
    }
}

/* What is hidden in the clear is offered again behind a STARTTLS that is relayed unseen. */
static void what_is_hidden_is_so_until_starttls(void **state)
{
    struct scene with = measure("keyword hide DSN");
    struct scene without = measure("keyword hide DSN\nstarttls hide");

    (void)state;
    assert_int_equal(with.impact.services[SMTP_KEYWORD_DSN].state, POLICY_SERVICE_PART);
    assert_true(with.impact.services[SMTP_KEYWORD_DSN].until_tls);
    assert_int_equal(without.impact.services[SMTP_KEYWORD_DSN].state, POLICY_SERVICE_LOST);
    assert_false(without.impact.services[SMTP_KEYWORD_DSN].until_tls);
    assert_int_equal(without.impact.services[SMTP_KEYWORD_AUTH].state, POLICY_SERVICE_PART);
    end(&with);
    end(&without);
}

/* ---- what the servers offer ---- */

static void live_offers_bound_what_is_kept(void **state)
{
    smtp_keyword_set size = smtp_keyword_bit(SMTP_KEYWORD_SIZE);
    smtp_keyword_set dsn = smtp_keyword_bit(SMTP_KEYWORD_DSN);
    struct scene scene = measure_live("keyword hide DSN", true, size,
                                      size | dsn | smtp_keyword_bit(SMTP_KEYWORD_PIPELINING));

    (void)state;
    assert_string_equal(services(&scene, POLICY_SERVICE_KEPT), "SIZE");
    assert_string_equal(services(&scene, POLICY_SERVICE_PART), "PIPELINING");
    assert_string_equal(services(&scene, POLICY_SERVICE_LOST), "DSN");
    assert_string_equal(services(&scene, POLICY_SERVICE_ABSENT),
                        "TLS AUTH 8BITMIME SMTPUTF8 CHUNKING BINARYMIME REQUIRETLS "
                        "ENHANCEDSTATUSCODES DELIVERBY");
    end(&scene);
    scene = measure_live("starttls require", true, size, size);
    assert_string_equal(codes(&scene, true), "tls-impossible");
    end(&scene);
}

/* ---- contradictions ---- */

static void contradictions_are_found_and_nothing_else(void **state)
{
    static const struct {
        const char *statements, *warnings;
    } rows[] = {
        {"", ""},
        {"starttls hide", "tls-hidden"},
        {"command refuse STARTTLS", "tls-hidden"},
        {"starttls require", ""},
        {"starttls require\nkeyword hide STARTTLS", "tls-impossible"},
        {"ehlo refuse", ""},
        {"banner mask-all", "masked-banner"},
        {"banner text \"mx.example.net\"", ""},
        {"command also ETRN", "no-effect"},
        {"keyword also ETRN", "no-effect"},
        {"command also ETRN\nkeyword also ETRN", ""},
        {"command allow all", ""},
        {"ehlo refuse\nkeyword also XCLIENT", "no-effect"},
        {"command noop AUTH", "offered-broken"},
        {"command refuse RCPT", "no-mail"},
        {"command refuse HELO, EHLO", "no-mail"},

        /* what is offered and always refused */
        {"when verb = AUTH reject", "offered-refused"},
        {"when verb = AUTH log reject", ""},
        {"when verb = AUTH log", ""},
        {"when verb = AUTH reject\nkeyword hide AUTH", ""},
        {"when verb = AUTH and not tls reject", "offered-refused"},
        {"when verb = AUTH and client.address in names reject", ""},
        {"when verb = AUTH or verb = BDAT reject", "offered-refused offered-refused"},
        {"when session.errors = 0 allow\nwhen verb = AUTH reject", ""},
        {"when client.port < 9 allow\nwhen verb = AUTH reject", "offered-refused"},
        {"when verb = HELO allow\nwhen verb = AUTH reject", "offered-refused"},
        {"when mail.smtputf8 reject", "offered-refused"},
        {"when mail.body = BINARYMIME reject", "offered-refused"},
        {"when mail.size > 5M reject", ""},
        {"when client.port >= 0 close", "no-mail"},
        {"when verb = RCPT tempfail", "no-mail"},

        /* rules that never match */
        {"when rcpt.count > 9 and rcpt.count < 5 reject", "never-matches"},
        {"when rcpt.count > 9 and rcpt.count <= 10 reject", ""},
        {"when rcpt.count < 0 reject", "never-matches"},
        {"when rcpt.count = 3 and rcpt.count != 3 reject", "never-matches"},
        {"when mail.domain = a and mail.domain = b reject", "never-matches"},
        {"when mail.domain = a and mail.domain = A reject", ""},
        {"when mail.domain in names and mail.domain not in names reject", "never-matches"},
        {"when header(\"To\") = a and header(\"To\") = b reject", ""},
        {"when header(\"To\") = a and not header(\"To\") = a reject", "never-matches"},
        {"when helo.literal and not helo.literal reject", "never-matches"},
        {"when helo ~ \"a\" and helo !~ \"a\" reject", "never-matches"},
        {"when helo ~ \"a\" and helo !~ \"a\"i reject", ""},
        {"when tls log", "never-matches"},
        {"when tls.version = TLSv1.2 log", "never-matches"},
        {"ehlo refuse\nwhen offer.keyword = DSN hide", "never-asked"},

        /* rules without a say */
        {"when mail.from = \"\" reject\nwhen mail.from = \"\" and mail.size > 9 reject",
         "shadowed"},
        {"when mail.from = \"\" and mail.size > 9 reject\nwhen mail.from = \"\" reject", ""},
        {"when mail.from = \"\" log reject\nwhen mail.from = \"\" reject", ""},
        {"when mail.from = \"\" delay 5s\nwhen mail.from = \"\" reject", ""},
        {"when mail.from = \"\" limit 5 per 60s\nwhen mail.from = \"\" reject", ""},
        {"when mail.from = \"\" allow\nwhen mail.from = \"\" reject", "shadowed"},
        {"when rcpt.count > 5 reject\nwhen rcpt.count > 9 reject", "shadowed"},
        {"when rcpt.count > 9 reject\nwhen rcpt.count > 5 reject", ""},
        {"when rcpt.count != 5 reject\nwhen rcpt.count > 5 reject", "shadowed"},
        {"when helo = a or helo = b reject\nwhen helo = b reject", "shadowed"},
        {"when helo = a reject\nwhen helo = a or helo = b reject", ""},
        {"when not helo = a reject\nwhen helo = b reject", "shadowed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene scene = measure(rows[i].statements);
        if (strcmp(codes(&scene, true), rows[i].warnings) != 0) {
            print_error("policy: %s\n", rows[i].statements);
        }
        assert_string_equal(codes(&scene, true), rows[i].warnings);
        assert_int_equal(policy_impact_warnings(&scene.impact) == 0, rows[i].warnings[0] == '\0');
        end(&scene);
    }
}

/* A rule hides a service from some clients: kept in part, and no contradiction. */
static void a_rule_may_hide_from_some(void **state)
{
    struct scene scene = measure("when offer.keyword = DSN and client.port < 1024 hide as some");

    (void)state;
    assert_string_equal(cause(&scene, SMTP_KEYWORD_DSN), "rule some t.conf:5");
    assert_string_equal(services(&scene, POLICY_SERVICE_PART), "DSN");
    assert_false(scene.impact.services[SMTP_KEYWORD_DSN].until_tls);
    assert_string_equal(codes(&scene, true), "");
    end(&scene);
}

/* Trees of many levels are given up on, not searched for hours. */
static void deep_expressions_end(void **state)
{
    char text[3000] = "when ";
    size_t used = strlen(text);

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, "(helo ~ \"a%u\" %s ", i,
                                 i % 2 == 0 ? "and" : "or");
    }
    used += (size_t)snprintf(text + used, sizeof(text) - used, "esmtp");
    memset(text + used, ')', 40);
    used += 40;
    text[used] = '\0';
    size_t rule = used;
    used += (size_t)snprintf(text + used, sizeof(text) - used, " reject\n");
    assert_true(used + rule + sizeof(" and helo.literal reject") < sizeof(text));
    memcpy(text + used, text, rule);
    snprintf(text + used + rule, sizeof(text) - used - rule, " and helo.literal reject");
    struct scene scene = measure(text);
    assert_string_equal(codes(&scene, true), "shadowed");
    end(&scene);
}

static void memory_that_is_out_is_told(void **state)
{
    struct scene scene = begin("starttls hide\nbanner mask");
    const struct config_policy *p = scene.config->listeners->policy;
    struct policy_impact_input input = {.policy = &p->policy, .origin = &p->origin};

    (void)state;
    mem_fail_at(1);
    assert_false(policy_impact_make(&scene.arena, &input, &scene.impact));
    mem_fail_at(0);
    end(&scene);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_profile_has_its_price),
        cmocka_unit_test(a_profile_without_a_statement_has_no_place),
        cmocka_unit_test(each_switch_is_named_as_cause),
        cmocka_unit_test(what_is_hidden_is_so_until_starttls),
        cmocka_unit_test(live_offers_bound_what_is_kept),
        cmocka_unit_test(contradictions_are_found_and_nothing_else),
        cmocka_unit_test(a_rule_may_hide_from_some),
        cmocka_unit_test(deep_expressions_end),
        cmocka_unit_test(memory_that_is_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

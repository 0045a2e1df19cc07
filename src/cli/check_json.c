/*
 * The report of `ehlogate check --json`: one object, whose schema and version docs/check.md keeps.
 */
#include "cli/check.h"

#include "base/escape.h"

#include <stdio.h>

/* The text that is being made. Once memory is out nothing is added any more, and `failed` says it.
 */
struct json {
    struct buf text;
    bool failed;
    bool first; /* nothing stands before the next value of this array or object */
};

static void json_raw(struct json *j, const char *text)
{
    j->failed = j->failed || !buf_append(&j->text, span_str(text));
}

static void json_span(struct json *j, struct span text)
{
    j->failed = j->failed || !buf_json(&j->text, text);
}

/* What stands before a value: a comma but for the first, and its key where it has one. */
static void json_next(struct json *j, const char *key)
{
    json_raw(j, j->first ? "" : ",");
    j->first = false;
    if (key != NULL) {
        json_span(j, span_str(key));
        json_raw(j, ":");
    }
}

static void json_open(struct json *j, const char *key, const char *bracket)
{
    json_next(j, key);
    json_raw(j, bracket);
    j->first = true;
}

static void json_close(struct json *j, const char *bracket)
{
    json_raw(j, bracket);
    j->first = false;
}

/* A string; NULL becomes null. */
static void json_string(struct json *j, const char *key, const char *value)
{
    json_next(j, key);
    if (value == NULL) {
        json_raw(j, "null");
    } else {
        json_span(j, span_str(value));
    }
}

static void json_number(struct json *j, const char *key, unsigned value)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", value);
    json_next(j, key);
    json_raw(j, text);
}

static void json_bool(struct json *j, const char *key, bool value)
{
    json_next(j, key);
    json_raw(j, value ? "true" : "false");
}

static void json_cause(struct json *j, const struct policy_cause *cause)
{
    char text[POLICY_CAUSE_MAX];
    unsigned line;
    const char *file = policy_cause_file(cause, &line);

    if (cause->statement == NULL && cause->rule == NULL && cause->profile == NULL) {
        json_string(j, "cause", NULL);
        return;
    }
    json_open(j, "cause", "{");
    json_string(j, "text", policy_cause_text(cause, text));
    json_string(j, "file", file);
    if (file != NULL) {
        json_number(j, "line", line);
    } else {
        json_string(j, "line", NULL);
    }
    json_close(j, "}");
}

static const char *keyword_name(enum smtp_keyword keyword)
{
    return keyword == SMTP_KEYWORD_UNKNOWN ? NULL
                                           : (const char *)smtp_keyword_info(keyword)->name.ptr;
}

static void json_services(struct json *j, const struct policy_impact *impact)
{
    json_open(j, "services", "[");
    for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
        enum smtp_keyword keyword = policy_service_order(i);
        const struct policy_service *s = &impact->services[keyword];
        json_open(j, NULL, "{");
        json_string(j, "keyword", keyword_name(keyword));
        json_string(j, "name", policy_service_name(keyword));
        json_string(j, "state", policy_service_words[s->state]);
        json_bool(j, "until_starttls", s->until_tls);
        json_string(j, "effect", s->effect[0] != '\0' ? s->effect : NULL);
        json_cause(j, &s->cause);
        json_close(j, "}");
    }
    json_close(j, "]");
}

static void json_commands(struct json *j, const struct policy *policy)
{
    json_open(j, "commands", "{");
    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        json_string(j, (const char *)smtp_verb_info((enum smtp_verb)v)->name.ptr,
                    policy_command_words[policy_command_verdict(policy, (enum smtp_verb)v)]);
    }
    json_string(j, "others",
                policy_command_words[policy_command_verdict(policy, SMTP_VERB_UNKNOWN)]);
    json_close(j, "}");
}

static void json_findings(struct json *j, const struct policy_impact *impact)
{
    json_open(j, "findings", "[");
    for (const struct policy_finding *f = impact->findings; f != NULL; f = f->next) {
        json_open(j, NULL, "{");
        json_string(j, "severity", f->warning ? "warning" : "note");
        json_string(j, "code", f->code);
        json_string(j, "text", f->text);
        json_cause(j, &f->cause);
        json_close(j, "}");
    }
    json_close(j, "]");
}

static void json_answer(struct json *j, const struct check_server *answer)
{
    struct span rest = answer != NULL ? answer->offer : span_of(NULL, 0);

    if (answer == NULL) {
        json_string(j, "live", NULL);
        return;
    }
    json_open(j, "live", "{");
    json_string(j, "error", answer->error);
    json_string(j, "greeting", answer->greeting);
    json_open(j, "offers", "[");
    while (rest.len > 0) {
        struct span line = span_head(rest, span_find(rest, '\n'));
        rest = span_from(rest, line.len < rest.len ? line.len + 1 : line.len);
        line = span_head(line, span_find(line, '\r'));
        if (line.len > 4) { /* "250-SIZE 1000" */
            json_next(j, NULL);
            json_span(j, span_trim(span_from(line, 4)));
        }
    }
    json_close(j, "]");
    json_close(j, "}");
}

static void json_listener(struct json *j, const struct check_report *report,
                          const struct check_listener *l)
{
    const struct config_listener *listener = l->listener;

    json_open(j, NULL, "{");
    json_string(j, "name", listener->name);
    json_open(j, "listen", "[");
    for (const struct config_listen *listen = listener->addrs; listen != NULL;
         listen = listen->next) {
        char text[NET_ADDR_TEXT];
        net_addr_format(&listen->addr, text);
        json_string(j, NULL, text);
    }
    json_close(j, "]");
    json_string(j, "backend", listener->backend->name);
    json_open(j, "servers", "[");
    for (const struct config_server *s = listener->backend->servers; s != NULL; s = s->next) {
        json_open(j, NULL, "{");
        json_string(j, "address", s->text);
        json_answer(j, check_answer(report, s));
        json_close(j, "}");
    }
    json_close(j, "]");
    json_string(j, "policy", listener->policy->name);
    json_string(j, "profile", listener->policy->policy.profile);
    json_bool(j, "esmtp", l->impact.esmtp);
    json_services(j, &l->impact);
    json_commands(j, l->impact.policy);
    json_findings(j, &l->impact);
    json_close(j, "}");
}

bool check_print_json(const struct check_report *report, struct span errors)
{
    struct json j = {.first = true};

    json_open(&j, NULL, "{");
    json_string(&j, "schema", "ehlogate-check");
    json_number(&j, "version", CHECK_SCHEMA_VERSION);
    json_string(&j, "file", report->path);
    json_string(&j, "status",
                report->config == NULL ? "unusable"
                : report->warnings > 0 ? "warnings"
                                       : "clean");
    json_bool(&j, "live", report->live);
    json_number(&j, "warnings", report->warnings);
    json_open(&j, "errors", "[");
    while (errors.len > 0) {
        struct span line = span_head(errors, span_find(errors, '\n'));
        errors = span_from(errors, line.len < errors.len ? line.len + 1 : line.len);
        json_next(&j, NULL);
        json_span(&j, line);
    }
    json_close(&j, "]");
    json_open(&j, "listeners", "[");
    for (const struct check_listener *l = report->listeners; l != NULL; l = l->next) {
        json_listener(&j, report, l);
    }
    json_close(&j, "]");
    json_close(&j, "}");
    json_raw(&j, "\n");
    struct span text = buf_span(&j.text);
    if (!j.failed) {
        fwrite(text.ptr, 1, text.len, stdout);
    }
    buf_free(&j.text);
    return !j.failed;
}

/*
 * What the switches of a policy take from senders, and what senders then do.
 *
 * The effects are what devices of this kind have been seen to cause (docs/check.md has the
 * sources). A service is judged from the verdicts that the gateway itself uses, so that the price
 * list cannot say otherwise than the gateway does.
 */
#include "policy/impact.h"

#include <stdarg.h>

const char *const policy_service_words[] = {"kept", "part", "lost", "absent", NULL};

/* ---- what senders do without it ---- */

static const struct service_info {
    const char *name; /* for people; NULL: the keyword */
    const char *effect;
} infos[SMTP_KEYWORDS] = {
    [SMTP_KEYWORD_STARTTLS] = {"TLS",
                               "mail arrives in the clear; senders that require TLS (MTA-STS, "
                               "DANE, a policy of their own) defer theirs and return it in the "
                               "end; Postfix logs \"TLS is required, but was not offered\""},
    [SMTP_KEYWORD_REQUIRETLS] = {NULL,
                                 "mail that asks for TLS on its whole way bounces (RFC 8689)"},
    [SMTP_KEYWORD_AUTH] = {NULL,
                           "nobody can log in: Outlook and phones fail with an error about "
                           "authentication or encryption, or their mail is refused as relaying; "
                           "Exchange: 451 5.7.3 Cannot achieve Exchange Server authentication"},
    [SMTP_KEYWORD_SIZE] = {NULL,
                           "a message that is too large is sent whole before it is refused, and "
                           "by some again at each retry"},
    [SMTP_KEYWORD_PIPELINING] = {NULL, "each command costs a round trip"},
    [SMTP_KEYWORD_CHUNKING] = {NULL, "senders use DATA in place of BDAT; no mail is lost"},
    [SMTP_KEYWORD_BINARYMIME] = {NULL, "binary bodies are encoded as base64, a third larger, or "
                                       "returned by senders that cannot do that"},
    [SMTP_KEYWORD_8BITMIME] = {NULL,
                               "8-bit mail is encoded anew, which breaks its DKIM signature, or "
                               "sent as it is against the rule"},
    [SMTP_KEYWORD_SMTPUTF8] = {NULL, "mail with an address or header in UTF-8 bounces: there is no "
                                     "other way for it"},
    [SMTP_KEYWORD_DSN] = {NULL, "senders that asked to be told of a delivery hear at best that the "
                                "mail was relayed; NOTIFY=NEVER is not heeded"},
    [SMTP_KEYWORD_ENHANCEDSTATUSCODES] = {NULL, "bounces give no exact reason (as 5.1.1, 5.2.2)"},
    [SMTP_KEYWORD_DELIVERBY] = {NULL,
                                "mail that must arrive by a time or be returned (BY=…;R) bounces"},
    [SMTP_KEYWORD_FUTURERELEASE] = {NULL, "mail cannot be submitted for a later time"},
    [SMTP_KEYWORD_MT_PRIORITY] = {NULL, "priorities are not passed on"},
    [SMTP_KEYWORD_LIMITS] = {NULL, "senders learn the server's limits by meeting them"},
    [SMTP_KEYWORD_RRVS] = {NULL, "mail for a mailbox that has a new owner is not held back"},
    [SMTP_KEYWORD_MTRK] = {NULL, "messages cannot be tracked beyond this host"},
    [SMTP_KEYWORD_BURL] = {NULL, "phones upload what they forward"},
    [SMTP_KEYWORD_ETRN] = {NULL, "sites that start their queue by it wait for a retry"},
    [SMTP_KEYWORD_ATRN] = {NULL, "sites that fetch their mail by it get none"},
    [SMTP_KEYWORD_VRFY] = {NULL, "nobody can test addresses by it"},
    [SMTP_KEYWORD_EXPN] = {NULL, "nobody can list members by it"},
    [SMTP_KEYWORD_PRDR] = {NULL, "Exim: one reply for all recipients of a message"},
    [SMTP_KEYWORD_PIPECONNECT] = {NULL, "Exim: waits for the greeting"},
    [SMTP_KEYWORD_XCLIENT] = {NULL, "a proxy before it cannot name the client"},
    [SMTP_KEYWORD_XFORWARD] = {NULL, "a filter before it cannot name the client in logs"},
    [SMTP_KEYWORD_X_EXPS] = {NULL,
                             "Exchange: 451 5.7.3 Cannot achieve Exchange Server authentication"},
    [SMTP_KEYWORD_X_ANONYMOUSTLS] = {NULL, "Exchange: 451 5.7.3 Cannot achieve Exchange Server "
                                           "authentication"},
    [SMTP_KEYWORD_XEXCH50] = {NULL, "Exchange: properties of messages get lost"},
    [SMTP_KEYWORD_X_LINK2STATE] = {NULL, "Exchange 2000 and 2003: routing goes stale"},
};

/* What most people ask for, in the order in which they do. */
static const enum smtp_keyword majors[] = {
    SMTP_KEYWORD_STARTTLS,
    SMTP_KEYWORD_AUTH,
    SMTP_KEYWORD_SIZE,
    SMTP_KEYWORD_PIPELINING,
    SMTP_KEYWORD_8BITMIME,
    SMTP_KEYWORD_SMTPUTF8,
    SMTP_KEYWORD_DSN,
    SMTP_KEYWORD_CHUNKING,
    SMTP_KEYWORD_BINARYMIME,
    SMTP_KEYWORD_REQUIRETLS,
    SMTP_KEYWORD_ENHANCEDSTATUSCODES,
    SMTP_KEYWORD_DELIVERBY,
};
enum { MAJORS = sizeof(majors) / sizeof(majors[0]) };

#define POSTFIX_EFFECT "not for Postfix, which says HELO to a masked greeting"

const char *policy_service_name(enum smtp_keyword keyword)
{
    const char *name = infos[keyword].name;

    return name != NULL                      ? name
           : keyword == SMTP_KEYWORD_UNKNOWN ? "unknown keywords"
                                             : (const char *)smtp_keyword_info(keyword)->name.ptr;
}

const char *policy_service_effect(enum smtp_keyword keyword)
{
    return infos[keyword].effect != NULL ? infos[keyword].effect : "";
}

bool policy_service_major(enum smtp_keyword keyword)
{
    for (unsigned i = 0; i < MAJORS; i++) {
        if (majors[i] == keyword) {
            return true;
        }
    }
    return false;
}

enum smtp_keyword policy_service_order(unsigned index)
{
    if (index < MAJORS) {
        return majors[index];
    }
    index -= MAJORS;
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (!policy_service_major((enum smtp_keyword)k) && index-- == 0) {
            return (enum smtp_keyword)k;
        }
    }
    return SMTP_KEYWORD_UNKNOWN;
}

/* ---- causes ---- */

const char *policy_cause_text(const struct policy_cause *cause, char *text_r)
{
    if (cause->rule != NULL) {
        snprintf(text_r, POLICY_CAUSE_MAX, "%s%s", cause->rule->named ? "rule " : "the rule of ",
                 cause->rule->name);
    } else if (cause->statement != NULL) {
        snprintf(text_r, POLICY_CAUSE_MAX, "%s", cause->statement->text);
    } else {
        snprintf(text_r, POLICY_CAUSE_MAX, "%s%s", cause->profile != NULL ? "profile " : "",
                 cause->profile != NULL ? cause->profile : "");
    }
    return text_r;
}

const char *policy_cause_file(const struct policy_cause *cause, unsigned *line_r)
{
    *line_r = cause->rule != NULL        ? cause->rule->line
              : cause->statement != NULL ? cause->statement->line
                                         : 0;
    return cause->rule != NULL        ? cause->rule->file
           : cause->statement != NULL ? cause->statement->file
                                      : NULL;
}

bool policy_cause_equal(const struct policy_cause *a, const struct policy_cause *b)
{
    return a->statement == b->statement && a->rule == b->rule &&
           (a->profile == NULL) == (b->profile == NULL);
}

/* The statement or, where the switch is as the profile has it, that. */
static struct policy_cause cause_of(const struct policy_impact *impact,
                                    const struct policy_statement *statement)
{
    return (struct policy_cause){
        .statement = statement != NULL ? statement : impact->origin->profile,
        .profile = impact->policy->profile,
    };
}

/* ---- findings ---- */

void policy_impact_add(struct policy_impact *impact, bool warning, const char *code,
                       const struct policy_cause *cause, const char *format, ...)
{
    static const struct policy_cause none = {NULL, NULL, NULL};
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct policy_finding *finding = arena_alloc(impact->arena, sizeof(*finding));
    char *copy = arena_string(impact->arena, span_str(text));
    if (finding == NULL || copy == NULL) {
        impact->failed = true;
        return;
    }
    *finding = (struct policy_finding){NULL, warning, code, copy, cause != NULL ? *cause : none};
    *impact->findings_end = finding;
    impact->findings_end = &finding->next;
}

unsigned policy_impact_warnings(const struct policy_impact *impact)
{
    unsigned count = 0;

    for (const struct policy_finding *f = impact->findings; f != NULL; f = f->next) {
        count += f->warning;
    }
    return count;
}

/* ---- EHLO ---- */

static void judge_ehlo(struct policy_impact *impact)
{
    const struct policy *p = impact->policy;
    bool command = p->command[SMTP_VERB_EHLO] == POLICY_COMMAND_ALLOW;

    impact->esmtp = command && p->ehlo == POLICY_EHLO_PASS;
    if (!impact->esmtp) {
        impact->esmtp_cause = cause_of(impact, command ? impact->origin->ehlo
                                                       : impact->origin->command[SMTP_VERB_EHLO]);
    }
}

/* Does Postfix take the greeting for a PIX's? It does where all that follows the code is made of
 * 2, 0, "*" and blanks. */
static bool banner_is_masked(const struct policy *p)
{
    return p->banner == POLICY_BANNER_MASK || p->banner == POLICY_BANNER_MASK_ALL ||
           (p->banner == POLICY_BANNER_TEXT &&
            p->banner_text[strspn(p->banner_text, "20 *\t")] == '\0');
}

/* ---- services ---- */

/* The verb that is announced by the keyword and is treated in another way than allowed. */
static enum smtp_verb verb_hindered(const struct policy *p, enum smtp_keyword keyword)
{
    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        if (smtp_verb_info((enum smtp_verb)v)->keyword == keyword &&
            p->command[v] != POLICY_COMMAND_ALLOW) {
            return (enum smtp_verb)v;
        }
    }
    return SMTP_VERB_UNKNOWN;
}

/* What hides or breaks the keyword: the first of its switches that does. False where it is kept. */
static bool find_cause(const struct policy_impact *impact, enum smtp_keyword keyword,
                       struct policy_cause *cause_r)
{
    const struct policy *p = impact->policy;
    enum smtp_verb verb = verb_hindered(p, keyword);

    if (!impact->esmtp) {
        *cause_r = impact->esmtp_cause;
    } else if (p->keyword[keyword] != POLICY_KEYWORD_ALLOW) {
        *cause_r = cause_of(impact, impact->origin->keyword[keyword]);
    } else if (keyword == SMTP_KEYWORD_UNKNOWN) {
        return false;
    } else if (keyword == SMTP_KEYWORD_STARTTLS && p->starttls == POLICY_STARTTLS_HIDE) {
        *cause_r = cause_of(impact, impact->origin->starttls);
    } else if (verb != SMTP_VERB_UNKNOWN) {
        *cause_r = cause_of(impact, impact->origin->command[verb]);
    } else if (keyword == SMTP_KEYWORD_BINARYMIME) {
        return find_cause(impact, SMTP_KEYWORD_CHUNKING, cause_r);
    } else {
        return false;
    }
    return true;
}

static void judge_service(struct policy_impact *impact, enum smtp_keyword keyword)
{
    struct policy_service *s = &impact->services[keyword];
    const struct policy *p = impact->policy;

    s->effect = "";
    if (!find_cause(impact, keyword, &s->cause)) {
        return;
    }
    s->state = POLICY_SERVICE_LOST;
    s->effect = policy_service_effect(keyword);
    if (impact->esmtp && policy_keyword_verdict(p, keyword) == POLICY_KEYWORD_ALLOW) {
        policy_impact_add(
            impact, true, "offered-broken", &s->cause,
            "%s is offered and does not work: what it needs does not reach the server",
            (const char *)smtp_keyword_info(keyword)->name.ptr);
    }
}

static bool kept(const struct policy_impact *impact, enum smtp_keyword keyword)
{
    return impact->services[keyword].state == POLICY_SERVICE_KEPT;
}

static void make_part(struct policy_impact *impact, enum smtp_keyword keyword,
                      struct policy_cause cause, const char *effect)
{
    struct policy_service *s = &impact->services[keyword];

    s->state = POLICY_SERVICE_PART;
    s->cause = cause;
    s->effect = effect;
}

/* What a service costs where another is lost, or has bounds. */
static void judge_parts(struct policy_impact *impact)
{
    const struct policy_service *tls = &impact->services[SMTP_KEYWORD_STARTTLS];
    struct policy_service *requiretls = &impact->services[SMTP_KEYWORD_REQUIRETLS];
    const struct policy *p = impact->policy;

    if (tls->state == POLICY_SERVICE_LOST && requiretls->state == POLICY_SERVICE_KEPT) {
        /* Servers offer it behind STARTTLS alone. */
        requiretls->state = POLICY_SERVICE_LOST;
        requiretls->cause = tls->cause;
        requiretls->effect = policy_service_effect(SMTP_KEYWORD_REQUIRETLS);
    }
    if (tls->state == POLICY_SERVICE_LOST && kept(impact, SMTP_KEYWORD_AUTH)) {
        make_part(impact, SMTP_KEYWORD_AUTH, tls->cause,
                  "passwords cross in the clear, and servers that take them over TLS alone do not "
                  "offer it: \"530 5.7.0 Must issue a STARTTLS command first\"");
    }
    if (p->limits.message_size > 0 && kept(impact, SMTP_KEYWORD_SIZE)) {
        make_part(impact, SMTP_KEYWORD_SIZE, cause_of(impact, impact->origin->message_size),
                  "senders are told the gateway's limit where the server's is larger");
    }
}

/* Behind a STARTTLS that is passed, the server speaks for itself. */
static void judge_until_tls(struct policy_impact *impact)
{
    if (!kept(impact, SMTP_KEYWORD_STARTTLS)) {
        return;
    }
    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        if (impact->services[k].state == POLICY_SERVICE_LOST) {
            impact->services[k].state = POLICY_SERVICE_PART;
            impact->services[k].until_tls = true;
        }
    }
}

/* Postfix gets no service of a server that hides its greeting. */
static void judge_banner(struct policy_impact *impact)
{
    struct policy_cause cause = cause_of(impact, impact->origin->banner);
    bool masked = banner_is_masked(impact->policy);

    for (unsigned k = 0; masked && k < SMTP_KEYWORDS; k++) {
        if (kept(impact, (enum smtp_keyword)k)) {
            make_part(impact, (enum smtp_keyword)k, cause, POSTFIX_EFFECT);
        }
    }
    if (masked) {
        policy_impact_add(impact, true, "masked-banner", &cause,
                          "Postfix takes the greeting for a Cisco PIX and turns on its "
                          "workarounds, disable_esmtp and delay_dotcrlf: it says HELO and so has "
                          "no ESMTP service, TLS included, and mail that has waited 500 seconds "
                          "gets its final dot 10 seconds late; \"banner hide\" hides the software "
                          "and costs nothing");
    }
}

/* Only what the servers offer can be kept or lost. */
static void judge_live(struct policy_impact *impact, const struct policy_impact_input *input)
{
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        struct policy_service *s = &impact->services[k];
        smtp_keyword_set bit = smtp_keyword_bit((enum smtp_keyword)k);
        static const struct policy_cause none = {NULL, NULL, NULL};
        if ((input->by_some & bit) == 0) {
            bool tls = (input->by_some & smtp_keyword_bit(SMTP_KEYWORD_STARTTLS)) != 0;
            *s = (struct policy_service){POLICY_SERVICE_ABSENT, false, none,
                                         tls ? "not offered in the clear" : ""};
        } else if ((input->by_all & bit) == 0 && s->state == POLICY_SERVICE_KEPT) {
            make_part(impact, (enum smtp_keyword)k, none,
                      "some of the backend's servers do not offer it");
        }
    }
}

/* ---- notes and contradictions of the switches ---- */

static const char *verb_word(enum smtp_verb verb)
{
    return (const char *)smtp_verb_info(verb)->name.ptr;
}

static void find_tls(struct policy_impact *impact)
{
    const struct policy_service *tls = &impact->services[SMTP_KEYWORD_STARTTLS];
    struct policy_cause starttls = cause_of(impact, impact->origin->starttls);
    bool required = impact->policy->starttls == POLICY_STARTTLS_REQUIRE;

    if ((tls->state == POLICY_SERVICE_LOST || tls->state == POLICY_SERVICE_ABSENT) && required) {
        policy_impact_add(impact, true, "tls-impossible", &tls->cause,
                          "TLS is required and cannot be had: every sender is answered 530, and no "
                          "mail passes");
    } else if (tls->state == POLICY_SERVICE_LOST && impact->esmtp) {
        policy_impact_add(impact, true, "tls-hidden", &tls->cause,
                          "TLS is taken from senders though they have ESMTP: mail that would be "
                          "encrypted arrives in the clear, and what must be encrypted does not "
                          "arrive");
    } else if (required) {
        policy_impact_add(impact, false, "tls-required", &starttls,
                          "senders without TLS are answered 530 and cannot deliver; RFC 3207 "
                          "section 4 forbids that for a server that takes mail from anywhere");
    }
    if (tls->state != POLICY_SERVICE_LOST && tls->state != POLICY_SERVICE_ABSENT) {
        policy_impact_add(impact, false, "tls-unseen", &starttls,
                          "what follows STARTTLS is relayed unseen: no rule is asked, and hidden "
                          "services and refused commands are the server's to offer and refuse");
    }
}

static void find_exchange(struct policy_impact *impact)
{
    static const enum smtp_keyword between[] = {SMTP_KEYWORD_X_EXPS, SMTP_KEYWORD_X_ANONYMOUSTLS};

    for (unsigned i = 0; impact->esmtp && i < sizeof(between) / sizeof(between[0]); i++) {
        const struct policy_service *s = &impact->services[between[i]];
        if (s->state == POLICY_SERVICE_LOST || s->until_tls) {
            policy_impact_add(
                impact, false, "exchange", &s->cause,
                "Exchange servers that reach each other through here answer \"451 "
                "5.7.3 Cannot achieve Exchange Server authentication\"; a listener of "
                "their own with the profile observe spares them");
            return;
        }
    }
}

static void find_no_mail(struct policy_impact *impact)
{
    static const enum smtp_verb needed[] = {SMTP_VERB_MAIL, SMTP_VERB_RCPT, SMTP_VERB_DATA};
    const struct policy *p = impact->policy;

    for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (policy_command_verdict(p, needed[i]) != POLICY_COMMAND_ALLOW) {
            struct policy_cause cause = cause_of(impact, impact->origin->command[needed[i]]);
            policy_impact_add(impact, true, "no-mail", &cause, "%s does not pass, so %s",
                              verb_word(needed[i]),
                              needed[i] == SMTP_VERB_DATA ? "senders that do not use BDAT cannot "
                                                            "deliver: most of them do not"
                                                          : "no mail does");
        }
    }
    bool helo = policy_command_verdict(p, SMTP_VERB_HELO) == POLICY_COMMAND_ALLOW;
    bool ehlo = policy_command_verdict(p, SMTP_VERB_EHLO) == POLICY_COMMAND_ALLOW &&
                p->ehlo != POLICY_EHLO_REFUSE;
    if (!helo && !ehlo) {
        struct policy_cause cause = cause_of(impact, impact->origin->command[SMTP_VERB_HELO]);
        policy_impact_add(impact, true, "no-mail", &cause,
                          "neither HELO nor EHLO passes, so no mail does");
    }
}

/* Does the statement name single words? Then it was meant. */
static bool is_meant(const struct policy_statement *statement)
{
    return statement != NULL && !statement->sweeping;
}

/* Statements that allow what another switch takes. */
static void find_no_effect(struct policy_impact *impact)
{
    const struct policy *p = impact->policy;
    char text[POLICY_CAUSE_MAX];

    for (unsigned v = SMTP_VERB_FIRST; v < SMTP_VERB_WORDS; v++) {
        enum smtp_keyword keyword = (enum smtp_keyword)smtp_verb_info((enum smtp_verb)v)->keyword;
        if (is_meant(impact->origin->command[v]) && p->command[v] == POLICY_COMMAND_ALLOW &&
            policy_command_verdict(p, (enum smtp_verb)v) != POLICY_COMMAND_ALLOW) {
            struct policy_cause cause = cause_of(impact, impact->origin->command[v]);
            policy_impact_add(impact, true, "no-effect", &cause,
                              "%s is allowed and does not pass all the same: %s hides its keyword",
                              verb_word((enum smtp_verb)v),
                              policy_cause_text(&impact->services[keyword].cause, text));
        }
    }
    for (unsigned k = SMTP_KEYWORD_FIRST; k < SMTP_KEYWORDS; k++) {
        if (is_meant(impact->origin->keyword[k]) && p->keyword[k] == POLICY_KEYWORD_ALLOW &&
            (!impact->esmtp ||
             policy_keyword_verdict(p, (enum smtp_keyword)k) != POLICY_KEYWORD_ALLOW)) {
            struct policy_cause cause = cause_of(impact, impact->origin->keyword[k]);
            policy_impact_add(impact, true, "no-effect", &cause,
                              "%s is allowed and is not offered all the same: %s takes it",
                              (const char *)smtp_keyword_info((enum smtp_keyword)k)->name.ptr,
                              policy_cause_text(&impact->services[k].cause, text));
        }
    }
}

bool policy_impact_make(struct arena *arena, const struct policy_impact_input *input,
                        struct policy_impact *impact_r)
{
    static const struct policy_origin nowhere = {.profile = NULL};

    *impact_r = (struct policy_impact){
        .arena = arena,
        .policy = input->policy,
        .origin = input->origin != NULL ? input->origin : &nowhere,
    };
    impact_r->findings_end = &impact_r->findings;
    judge_ehlo(impact_r);
    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        judge_service(impact_r, (enum smtp_keyword)k);
    }
    find_no_mail(impact_r);
    find_no_effect(impact_r);
    policy_impact_services(impact_r);
    judge_parts(impact_r);
    if (input->live) {
        judge_live(impact_r, input);
    }
    judge_until_tls(impact_r);
    judge_banner(impact_r);
    find_tls(impact_r);
    find_exchange(impact_r);
    policy_impact_rules(impact_r);
    return !impact_r->failed;
}

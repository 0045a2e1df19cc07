/*
 * What the client's commands say, as facts for the rules.
 */
#include "base/mem.h"
#include "gate/judge_private.h"
#include "gate/private.h"
#include "smtp/path.h"

/* Characters that shells or old mailers act on; ASA's "special-character" and its kin. */
static bool is_special(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\0' && strchr("|<>`!;&\"\\", s.ptr[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static struct span param_value(struct span params, struct span name, bool *there_r)
{
    struct smtp_param param;

    *there_r = false;
    while (smtp_param_next(&params, &param) > 0) {
        if (span_equal_nocase(param.name, name)) {
            *there_r = true;
            return param.value;
        }
    }
    return span_of(NULL, 0);
}

static void mail_facts(struct facts *f, const struct smtp_command *c)
{
    bool there;
    uint64_t size = 0;

    f->mail_from = c->path.text;
    f->mail_local = c->path.local;
    f->mail_domain = c->path.domain;
    f->mail_length = c->path.text.len;
    f->mail_route = c->path.route.len > 0;
    f->mail_special = is_special(c->path.text);
    struct span value = param_value(c->params, SPAN("SIZE"), &there);
    f->mail_size = span_number(value, &size) ? size : 0;
    f->mail_body = param_value(c->params, SPAN("BODY"), &there);
    f->mail_ret = param_value(c->params, SPAN("RET"), &there);
    f->mail_auth = param_value(c->params, SPAN("AUTH"), &there);
    f->mail_envid = param_value(c->params, SPAN("ENVID"), &there);
    param_value(c->params, SPAN("SMTPUTF8"), &f->mail_smtputf8);
    param_value(c->params, SPAN("REQUIRETLS"), &f->mail_requiretls);
}

static uint32_t domain_hash(struct span domain)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < domain.len; i++) {
        h = (h ^ ascii_lower(domain.ptr[i])) * 16777619u;
    }
    return h;
}

/* How many recipients of this transaction are in the domain; `add` counts one more. Domains beyond
 * JUDGE_DOMAINS_MAX share the last place, which makes their count too high rather than too low. */
static uint64_t domain_count(struct judge *j, struct span domain, bool add)
{
    uint32_t hash = domain_hash(domain);
    uint32_t i = 0;

    if (j->domains == NULL && add) {
        j->domains = mem_zalloc(JUDGE_DOMAINS_MAX * sizeof(*j->domains));
    }
    if (j->domains == NULL) {
        return 0;
    }
    while (i < j->domain_count && j->domains[i].hash != hash) {
        i++;
    }
    if (i == j->domain_count) {
        if (!add) {
            return 0;
        }
        i = i < JUDGE_DOMAINS_MAX ? i : JUDGE_DOMAINS_MAX - 1;
        j->domains[i].hash = hash;
        j->domain_count = i + 1;
    }
    j->domains[i].count += add;
    return j->domains[i].count;
}

/* What the address itself says. */
static void path_facts(struct facts *f, const struct smtp_path *path)
{
    f->rcpt_to = path->text;
    f->rcpt_local = path->local;
    f->rcpt_domain = path->domain;
    f->rcpt_length = path->text.len;
    f->rcpt_percent = span_find(path->local, '%') < path->local.len ||
                      span_find(path->local, '!') < path->local.len;
    f->rcpt_quoted = path->quoted;
    f->rcpt_special = is_special(path->text);
}

void judge_recipient(struct judge *j, const char *address)
{
    struct smtp_path path = {.text = {NULL, 0}};
    struct span rest = span_str(address != NULL ? address : "");

    if (address != NULL && smtp_path_parse(&rest, true, true, &path) != SMTP_PATH_OK) {
        path = (struct smtp_path){.text = span_str(address)};
    }
    path_facts(&j->facts, &path);
}

static void rcpt_facts(struct gate *g, const struct smtp_command *c)
{
    struct facts *f = &g->judge->facts;
    bool there;

    path_facts(f, &c->path);
    f->rcpt_count = g->asked + 1ull;
    f->rcpt_domain_count = domain_count(g->judge, c->path.domain, false) + 1;
    f->rcpt_notify = param_value(c->params, SPAN("NOTIFY"), &there);
    f->rcpt_orcpt = param_value(c->params, SPAN("ORCPT"), &there);
    f->rcpt_route = c->path.route.len > 0;
}

/* The stages that a verb's command belongs to, behind COMMAND. */
static enum policy_stage stage_of(enum smtp_verb verb)
{
    unsigned flags = smtp_verb_info(verb)->flags;

    return (flags & SMTP_VERB_HELLO) != 0         ? POLICY_STAGE_HELO
           : (flags & SMTP_VERB_TRANSACTION) != 0 ? POLICY_STAGE_MAIL
           : verb == SMTP_VERB_AUTH               ? POLICY_STAGE_AUTH
           : verb == SMTP_VERB_RCPT               ? POLICY_STAGE_RCPT
           : verb == SMTP_VERB_DATA || verb == SMTP_VERB_BDAT || verb == SMTP_VERB_BURL
               ? POLICY_STAGE_DATA
               : POLICY_STAGE_COMMAND;
}

static void helo_facts(struct facts *f, struct span name, bool esmtp)
{
    f->helo = name;
    f->helo_literal = name.len > 0 && name.ptr[0] == '[';
    f->helo_syntax = name.len > 0 && !smtp_domain_valid(name, true) && !smtp_literal_valid(name);
    f->esmtp = esmtp;
}

/* A mechanism as the rules see it (RFC 4422 section 3.1: 1 to 20 capitals, digits, "-" and "_"). */
static struct span capitals(struct judge *j, struct span word)
{
    size_t len = word.len < sizeof(j->capitals) ? word.len : sizeof(j->capitals);

    for (size_t i = 0; i < len; i++) {
        unsigned char c = word.ptr[i];
        j->capitals[i] = c >= 'a' && c <= 'z' ? (unsigned char)(c - 'a' + 'A') : c;
    }
    return span_of(j->capitals, len);
}

static void own_facts(struct gate *g, const struct smtp_command *c)
{
    struct facts *f = &g->judge->facts;
    struct span rest = c->args;
    enum policy_stage stage = stage_of(c->verb);

    if (stage == POLICY_STAGE_HELO) {
        helo_facts(f, c->args, c->verb == SMTP_VERB_EHLO);
    } else if (stage == POLICY_STAGE_AUTH) {
        f->auth_mechanism = capitals(g->judge, span_word(&rest));
    } else if (stage == POLICY_STAGE_MAIL) {
        f->rcpt_count = f->rcpt_rejected = 0;
        mail_facts(f, c);
    } else if (stage == POLICY_STAGE_RCPT) {
        rcpt_facts(g, c);
    }
}

/* What points into the command's line is gone with it; what later stages may ask is kept apart. */
static void forget_line(struct judge *j)
{
    struct facts *f = &j->facts;
    struct smtp_command c;

    f->verb = f->command_line = span_of(NULL, 0);
    f->rcpt_to = f->rcpt_local = f->rcpt_domain = f->rcpt_notify = f->rcpt_orcpt = span_of(NULL, 0);
    helo_facts(f, span_str(j->helo != NULL ? j->helo : ""), j->esmtp);
    f->auth_mechanism = j->mechanism != NULL ? span_str(j->mechanism) : span_of(NULL, 0);
    if (j->mail != NULL) {
        smtp_command_parse(span_str(j->mail), &c);
    } else {
        c = (struct smtp_command){.verb = SMTP_VERB_MAIL};
    }
    mail_facts(f, &c);
}

const struct policy_rule *judge_command(struct gate *g, struct gate_out *out,
                                        const struct smtp_command *c, size_t line, bool sequence)
{
    const struct policy_rule *rule;

    if (g->judge == NULL) {
        return NULL;
    }
    struct facts *f = &g->judge->facts;
    f->verb = c->verb == SMTP_VERB_UNKNOWN ? c->word : smtp_verb_info(c->verb)->name;
    f->command_line = c->line;
    f->command_length = line;
    f->command_unknown = c->verb == SMTP_VERB_UNKNOWN;
    f->command_syntax = c->error != SMTP_COMMAND_OK;
    f->command_sequence = sequence;
    f->session_bytes = g->judge->octets + line;
    f->session_errors = g->errors + (uint64_t)g->judge->refused;
    f->session_commands++;
    f->rcpt_count = g->asked;
    own_facts(g, c);
    rule = judge_ask(g, out, POLICY_STAGE_COMMAND);
    bool again = c->verb == SMTP_VERB_BDAT && g->in_chunks; /* DATA's stage is the first BDAT's */
    if (rule == NULL && stage_of(c->verb) != POLICY_STAGE_COMMAND && !again) {
        rule = judge_ask(g, out, stage_of(c->verb));
    }
    if (judge_waits(g)) { /* it will be asked about once more */
        f->session_commands--;
    }
    forget_line(g->judge);
    return rule;
}

static void keep(char **where, struct span s, bool *ok)
{
    mem_free(*where);
    *where = mem_string(s);
    *ok = *ok && *where != NULL;
}

bool judge_passed(struct gate *g, const struct smtp_command *c)
{
    bool ok = true;

    if (g->judge == NULL) {
        return true;
    }
    struct judge *j = g->judge;
    struct span rest = c->args;
    enum policy_stage stage = stage_of(c->verb);
    if (stage == POLICY_STAGE_HELO) {
        keep(&j->helo, c->args, &ok);
        j->esmtp = c->verb == SMTP_VERB_EHLO;
    } else if (stage == POLICY_STAGE_AUTH) {
        keep(&j->mechanism, capitals(j, span_word(&rest)), &ok);
    } else if (stage == POLICY_STAGE_MAIL) {
        keep(&j->mail, c->line, &ok);
        j->domain_count = 0;
    } else if (stage == POLICY_STAGE_RCPT) {
        domain_count(j, c->path.domain, true);
        ok = j->domains != NULL;
    }
    forget_line(j);
    return ok;
}

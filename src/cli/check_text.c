/*
 * The report of `ehlogate check` for people: at most COLUMNS wide, one paragraph a label.
 */
#include "cli/check.h"

#include <stdio.h>

enum { COLUMNS = 96, LABEL = 13, NAMED_MAX = 12 };

/* ---- paragraphs ---- */

/* Words behind a label; further lines stand below the first, and `hang` columns further in. */
struct paragraph {
    size_t column;
    size_t indent;
    bool glued; /* the next word stands without a blank before it */
};

static struct paragraph paragraph_begin(const char *label, size_t hang)
{
    printf("  %-*s", LABEL - 2, label);
    return (struct paragraph){LABEL, LABEL + hang, true};
}

/* Columns of UTF-8 text, of which no character here is wider than one. */
static size_t width_of(struct span word)
{
    size_t width = 0;

    for (size_t i = 0; i < word.len; i++) {
        width += (word.ptr[i] & 0xC0) != 0x80;
    }
    return width;
}

static void paragraph_word(struct paragraph *p, struct span word, const char *behind)
{
    size_t width = width_of(word) + strlen(behind);

    if (!p->glued && p->column + 1 + width > COLUMNS) {
        printf("\n%*s", (int)p->indent, "");
        p->column = p->indent;
        p->glued = true;
    }
    printf("%s%.*s%s", p->glued ? "" : " ", SPAN_ARG(word), behind);
    p->column += width + !p->glued;
    p->glued = false;
}

/* The words of a text; `behind` stands behind the last. */
static void paragraph_text(struct paragraph *p, const char *text, const char *behind)
{
    struct span rest = span_str(text);

    while (rest.len > 0) {
        struct span word = span_head(rest, span_find(rest, ' '));
        rest = span_from(rest, word.len < rest.len ? word.len + 1 : word.len);
        paragraph_word(p, word, rest.len == 0 ? behind : "");
    }
}

static void paragraph_end(void)
{
    putchar('\n');
}

/* "`keyword hide CHUNKING` at mx.conf:12" */
static void paragraph_cause(struct paragraph *p, const char *before,
                            const struct policy_cause *cause, const char *behind)
{
    char text[POLICY_CAUSE_MAX], quoted[POLICY_CAUSE_MAX + 8], place[32];
    unsigned line;
    const char *file = policy_cause_file(cause, &line);

    snprintf(quoted, sizeof(quoted), "%s`%s`", before, policy_cause_text(cause, text));
    paragraph_text(p, quoted, file == NULL ? behind : "");
    if (file != NULL) {
        const char *base = strrchr(file, '/');
        snprintf(place, sizeof(place), ":%u%s", line, behind);
        paragraph_text(p, "at", "");
        paragraph_word(p, span_str(base != NULL ? base + 1 : file), place);
    }
}

static bool has_cause(const struct policy_cause *cause)
{
    return cause->statement != NULL || cause->rule != NULL || cause->profile != NULL;
}

/* ---- verbs ---- */

static unsigned table_count(const uint8_t *treatment, unsigned words, uint8_t action)
{
    unsigned count = 0;

    for (unsigned i = 1; i < words; i++) {
        count += treatment[i] == action;
    }
    return count;
}

/* One line for each treatment but the first, which allows: "refused: A, B" or, for the one that
 * verbs have which are not known, "refused: all but" those that are treated otherwise. */
static void print_commands(const struct policy *policy)
{
    static const char *const done[] = {"allowed",   "refused", "masked",
                                       "made NOOP", "dropped", NULL};
    uint8_t verdicts[SMTP_VERB_WORDS];
    const char *label = "commands";

    for (unsigned i = 0; i < SMTP_VERB_WORDS; i++) {
        verdicts[i] = (uint8_t)policy_command_verdict(policy, (enum smtp_verb)i);
    }
    for (uint8_t action = 1; done[action] != NULL; action++) {
        bool others = verdicts[0] == action;
        uint8_t listed = others ? 0 : action;
        unsigned left = table_count(verdicts, SMTP_VERB_WORDS, listed);
        if (left == 0 && !others) {
            continue;
        }
        struct paragraph p = paragraph_begin(label, 0);
        paragraph_text(&p, done[action], ":");
        if (others) {
            paragraph_text(&p, left == 0 ? "all" : "all but", "");
        }
        for (unsigned i = 1; i < SMTP_VERB_WORDS; i++) {
            if (verdicts[i] == listed) {
                paragraph_word(&p, smtp_verb_info((enum smtp_verb)i)->name, --left > 0 ? "," : "");
            }
        }
        paragraph_end();
        label = "";
    }
}

/* ---- services ---- */

/* A set of services while they are printed: what is in it has not been yet. */
struct group {
    const struct policy_impact *impact;
    smtp_keyword_set left;
};

static bool group_has(const struct group *group, enum smtp_keyword keyword)
{
    return (group->left & smtp_keyword_bit(keyword)) != 0;
}

/* The services of `set` as one list; those of which there is nothing to say are counted. */
static void paragraph_services(struct paragraph *p, smtp_keyword_set set, const char *behind)
{
    smtp_keyword_set silent = 0;
    char more[32] = "";

    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        silent |= policy_service_effect((enum smtp_keyword)k)[0] == '\0'
                      ? smtp_keyword_bit((enum smtp_keyword)k)
                      : 0;
    }
    silent &= set;
    if (__builtin_popcountll(silent) > NAMED_MAX && silent != set) {
        set &= ~silent;
        snprintf(more, sizeof(more), "and %d more", __builtin_popcountll(silent));
    }
    for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
        enum smtp_keyword keyword = policy_service_order(i);
        if ((set & smtp_keyword_bit(keyword)) != 0) {
            set &= ~smtp_keyword_bit(keyword);
            paragraph_word(p, span_str(policy_service_name(keyword)),
                           set != 0 || more[0] != '\0' ? "," : behind);
        }
    }
    paragraph_text(p, more, behind);
}

static smtp_keyword_set in_state(const struct policy_impact *impact,
                                 enum policy_service_state state)
{
    smtp_keyword_set set = 0;

    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        set |= impact->services[k].state == state ? smtp_keyword_bit((enum smtp_keyword)k) : 0;
    }
    return set;
}

/* Those of the group to which the same happens by the same cause as to this one. */
static smtp_keyword_set alike(const struct group *group, const struct policy_service *like,
                              bool same_effect)
{
    smtp_keyword_set set = 0;

    for (unsigned k = 0; k < SMTP_KEYWORDS; k++) {
        const struct policy_service *s = &group->impact->services[k];
        if (group_has(group, (enum smtp_keyword)k) && s->until_tls == like->until_tls &&
            policy_cause_equal(&s->cause, &like->cause) &&
            (!same_effect || s->effect == like->effect)) {
            set |= smtp_keyword_bit((enum smtp_keyword)k);
        }
    }
    return set;
}

/* Does the service get a line of its own, which says what senders do? The lesser ones get one in
 * JSON. */
static bool is_told(const struct policy_impact *impact, enum smtp_keyword keyword)
{
    const struct policy_service *s = &impact->services[keyword];

    return policy_service_major(keyword) ||
           (s->state == POLICY_SERVICE_PART && !s->until_tls && s->effect[0] != '\0');
}

/* What one cause takes: what it is, then each service with what senders do. */
static void print_cause(struct group *group, smtp_keyword_set set, const char *label)
{
    const struct policy_impact *impact = group->impact;
    const struct policy_service *first = &impact->services[__builtin_ctzll(set)];
    struct group part = {impact, set};
    smtp_keyword_set lesser = 0;

    group->left &= ~set;
    if (has_cause(&first->cause)) {
        struct paragraph p = paragraph_begin(label, 2);
        paragraph_text(&p, first->until_tls ? "until STARTTLS, by" : "by", "");
        paragraph_cause(&p, "", &first->cause, ":");
        paragraph_end();
        label = "";
    }
    for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
        enum smtp_keyword keyword = policy_service_order(i);
        if (!group_has(&part, keyword)) {
            continue;
        }
        if (!is_told(impact, keyword)) {
            lesser |= smtp_keyword_bit(keyword);
            continue;
        }
        smtp_keyword_set same = alike(&part, &impact->services[keyword], true);
        const char *effect = impact->services[keyword].effect;
        part.left &= ~same;
        struct paragraph p = paragraph_begin(label, 2);
        paragraph_services(&p, same, effect[0] != '\0' ? ":" : "");
        paragraph_text(&p, effect, "");
        paragraph_end();
        label = "";
    }
    if (lesser != 0) {
        struct paragraph p = paragraph_begin(label, 2);
        if (lesser != set) {
            paragraph_text(&p, "and", "");
        }
        paragraph_services(&p, lesser, "");
        paragraph_end();
    }
}

static void print_state(const struct policy_impact *impact, enum policy_service_state state,
                        const char *label)
{
    struct group group = {impact, in_state(impact, state)};

    for (unsigned i = 0; i < SMTP_KEYWORDS; i++) {
        enum smtp_keyword keyword = policy_service_order(i);
        if (group_has(&group, keyword)) {
            print_cause(&group, alike(&group, &impact->services[keyword], false), label);
            label = "";
        }
    }
}

static void print_services(const struct check_listener *l)
{
    static const char *const instead[] = {[POLICY_COMMAND_REFUSE] = "refused",
                                          [POLICY_COMMAND_MASK] = "sent to the server as X…X",
                                          [POLICY_COMMAND_NOOP] = "sent to the server as NOOP",
                                          [POLICY_COMMAND_DROP] = "answered by closing"};
    const struct policy *policy = l->impact.policy;
    uint8_t command = policy->command[SMTP_VERB_EHLO];
    smtp_keyword_set kept = in_state(&l->impact, POLICY_SERVICE_KEPT);
    smtp_keyword_set absent = in_state(&l->impact, POLICY_SERVICE_ABSENT);

    if (!l->impact.esmtp) {
        struct paragraph p = paragraph_begin("EHLO", 0);
        paragraph_text(&p,
                       command != POLICY_COMMAND_ALLOW      ? instead[command]
                       : policy->ehlo == POLICY_EHLO_REFUSE ? "refused"
                                                            : "taken for HELO",
                       ":");
        paragraph_text(&p, "senders have no ESMTP service", "");
        paragraph_end();
    }
    struct paragraph p = paragraph_begin("keeps", 0);
    if (kept == 0) {
        paragraph_text(&p, "nothing", "");
    }
    paragraph_services(&p, kept, "");
    paragraph_end();
    print_state(&l->impact, POLICY_SERVICE_PART, "in part");
    print_state(&l->impact, POLICY_SERVICE_LOST, "loses");
    if (absent != 0) {
        p = paragraph_begin("not offered", 0);
        paragraph_services(&p, absent, "");
        paragraph_end();
    }
}

/* ---- the report ---- */

static void print_findings(const struct policy_impact *impact, bool warnings)
{
    for (const struct policy_finding *f = impact->findings; f != NULL; f = f->next) {
        if (f->warning != warnings) {
            continue;
        }
        struct paragraph p = paragraph_begin(warnings ? "WARNING" : "note", 0);
        paragraph_text(&p, f->text, has_cause(&f->cause) ? "" : ".");
        if (has_cause(&f->cause)) {
            paragraph_cause(&p, "[", &f->cause, "]");
        }
        paragraph_end();
    }
}

static void print_where(const struct check_report *report, const struct config_listener *listener)
{
    const char *last = NULL;
    struct paragraph p = paragraph_begin("listen", 0);

    for (const struct config_listen *listen = listener->addrs; listen != NULL;
         listen = listen->next) {
        /* One text may stand for several addresses, which follow one another. */
        if (last == NULL || !span_equal(span_str(last), span_str(listen->text))) {
            const struct config_listen *next = listen->next;
            while (next != NULL && span_equal(span_str(next->text), span_str(listen->text))) {
                next = next->next;
            }
            paragraph_word(&p, span_str(listen->text), next != NULL ? "," : "");
        }
        last = listen->text;
    }
    paragraph_end();
    p = paragraph_begin("backend", 0);
    paragraph_text(&p, listener->backend->name, ":");
    for (const struct config_server *s = listener->backend->servers; s != NULL; s = s->next) {
        paragraph_word(&p, span_str(s->text), s->next != NULL ? "," : "");
    }
    paragraph_end();
    for (const struct config_server *s = listener->backend->servers; s != NULL; s = s->next) {
        const struct check_server *answer = check_answer(report, s);
        if (answer != NULL && answer->error == NULL) {
            p = paragraph_begin("", 2);
            paragraph_text(&p, s->text, "");
            paragraph_text(&p, answer->keywords != 0 ? "offers" : "offers no service", "");
            paragraph_services(&p, answer->keywords, "");
            paragraph_end();
        }
    }
}

void check_print_text(const struct check_report *report)
{
    printf("%s: ok", report->path);
    if (report->warnings > 0) {
        printf(", %u warning%s", report->warnings, report->warnings > 1 ? "s" : "");
    }
    putchar('\n');
    for (const struct check_listener *l = report->listeners; l != NULL; l = l->next) {
        printf("\nlistener %s\n", l->listener->name);
        print_where(report, l->listener);
        printf("  %-*s%s (profile %s)\n", LABEL - 2, "policy", l->listener->policy->name,
               l->listener->policy->policy.profile);
        print_services(l);
        print_commands(l->impact.policy);
        print_findings(&l->impact, true);
        print_findings(&l->impact, false);
    }
}

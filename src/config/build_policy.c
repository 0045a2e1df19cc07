/*
 * What the statements of a policy do.
 */
#include "config/parse.h"

enum { BANNER_MAX_OCTETS = 400, STATEMENT_MAX = 60 };

/* Note a statement "WHAT ACTION" with its list, for what is said of the policy later. NULL when
 * memory is out. */
static const struct policy_statement *statement_new(struct config_parser *parser, const char *what,
                                                    struct span action,
                                                    const struct config_words *words,
                                                    struct config_place place)
{
    char text[STATEMENT_MAX + sizeof(", …")];
    int used = snprintf(text, STATEMENT_MAX, "%s %.*s", what, SPAN_ARG(action));
    const struct config_word *word = words != NULL ? words->first : NULL;
    size_t len = used < STATEMENT_MAX ? (size_t)used : STATEMENT_MAX - 1;
    bool sweeping = false;

    for (const char *between = " "; word != NULL; word = word->next, between = ", ") {
        sweeping |= span_equal_nocase(word->text, SPAN("all")) ||
                    span_equal_nocase(word->text, SPAN("others"));
        if (len + strlen(between) + word->text.len >= STATEMENT_MAX) {
            len += (size_t)snprintf(text + len, sizeof(text) - len, ", …");
            break;
        }
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", between,
                                SPAN_ARG(word->text));
    }
    for (; word != NULL; word = word->next) {
        sweeping |= span_equal_nocase(word->text, SPAN("others"));
    }
    struct policy_statement *statement = arena_alloc(&parser->config->arena, sizeof(*statement));
    char *copy = config_string(parser, span_of(text, len));
    if (statement == NULL || copy == NULL) {
        config_error_memory(parser);
        return NULL;
    }
    *statement = (struct policy_statement){copy, place.file, place.line, sweeping};
    return statement;
}

void config_error_profile(struct config_parser *parser, struct span name, struct config_place place)
{
    struct config_near near = config_near_begin(name);
    char hint[CONFIG_HINT_MAX];

    for (const struct policy_profile *profile = policy_profiles; profile->name != NULL; profile++) {
        config_near_offer(&near, span_str(profile->name));
    }
    config_error(parser, place, "unknown profile \"%.*s\"; `ehlogate profiles` lists them%s",
                 SPAN_ARG(name), config_near_hint(&near, hint));
}

void config_set_profile(struct config_parser *parser, const struct config_word *name,
                        struct config_place place)
{
    const struct policy_profile *profile = policy_profile_find(name->text);

    if (!config_once(parser, "profile", NULL, place)) {
        return;
    }
    if (profile == NULL) {
        config_error_profile(parser, name->text, name->place);
        return;
    }
    if (parser->edited) {
        config_error(parser, place,
                     "\"profile\" has to be the first statement of its policy: it would undo the "
                     "ones before it");
        return;
    }
    policy_edit_begin(&parser->edit, &parser->policy->policy, profile);
    parser->edit.origin = &parser->policy->origin;
    parser->policy->origin.profile = statement_new(parser, "profile", name->text, NULL, place);
}

static void set_banner_text(struct config_parser *parser, const struct config_word *text)
{
    struct span value = text->text;

    if (value.len == 0 || value.len > BANNER_MAX_OCTETS) {
        config_error(parser, text->place, "banner: a text has 1 to %d octets, this one has %zu",
                     BANNER_MAX_OCTETS, value.len);
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < ' ' || value.ptr[i] > '~') {
            config_error(parser, text->place,
                         "banner: the text has the byte 0x%02X; expected printable ASCII (RFC 5321 "
                         "section 4.2)",
                         value.ptr[i]);
            return;
        }
    }
    if (span_begins_nocase(value, SPAN("220 ")) || span_begins_nocase(value, SPAN("220-"))) {
        config_error(parser, text->place,
                     "banner: the code 220 is put before the text; leave it out here");
        return;
    }
    parser->policy->policy.banner_text = config_string(parser, value);
    parser->policy->policy.banner = POLICY_BANNER_TEXT;
}

void config_set_banner(struct config_parser *parser, const struct config_word *what,
                       const struct config_word *text, struct config_place place)
{
    int banner = config_find_word(parser, what, policy_banner_words, "banner");

    parser->edited = true;
    if (banner < 0 || !config_once(parser, "banner", NULL, place)) {
        return;
    }
    parser->policy->origin.banner = statement_new(parser, "banner", what->text, NULL, place);
    if (banner == POLICY_BANNER_TEXT) {
        if (text == NULL) {
            config_error(parser, what->place,
                         "banner: the text is missing; expected banner text \"…\"");
            return;
        }
        set_banner_text(parser, text);
        return;
    }
    if (text != NULL) {
        config_error(parser, text->place,
                     "banner: only \"text\" has a text; expected nothing more");
        return;
    }
    parser->policy->policy.banner = (uint8_t)banner;
    parser->policy->policy.banner_text = NULL;
}

void config_set_ehlo(struct config_parser *parser, const struct config_word *what,
                     struct config_place place)
{
    int ehlo = config_find_word(parser, what, policy_ehlo_words, "ehlo");

    parser->edited = true;
    if (ehlo >= 0 && config_once(parser, "ehlo", NULL, place)) {
        parser->policy->policy.ehlo = (uint8_t)ehlo;
        parser->policy->origin.ehlo = statement_new(parser, "ehlo", what->text, NULL, place);
    }
}

void config_set_starttls(struct config_parser *parser, const struct config_word *what,
                         struct config_place place)
{
    parser->edited = true;
    if (span_equal_nocase(what->text, SPAN("terminate"))) {
        config_error(parser, what->place,
                     "starttls: \"terminate\" needs TLS on the listener, which this version does "
                     "not have yet; expected pass, hide or require");
        return;
    }
    int starttls = config_find_word(parser, what, policy_starttls_words, "starttls");
    if (starttls >= 0 && config_once(parser, "starttls", NULL, place)) {
        parser->policy->policy.starttls = (uint8_t)starttls;
        parser->policy->origin.starttls =
            statement_new(parser, "starttls", what->text, NULL, place);
    }
}

/* ---- lists ---- */

/* The word, and all of those before it in the list, are `all`, `others` or found by `find`.
 * False, with errors, where one is not, or stands twice. */
struct list_kind {
    const char *what; /* "command" */
    unsigned (*find)(struct span word);
    struct span (*nearest)(struct span word);
};

static unsigned find_verb(struct span word)
{
    unsigned verb = smtp_verb_find(word);
    return verb < SMTP_VERB_WORDS ? verb : SMTP_VERB_UNKNOWN;
}

static struct span nearest_verb(struct span word)
{
    return smtp_verb_info(smtp_verb_nearest(word))->name;
}

static unsigned find_keyword(struct span word)
{
    return smtp_keyword_find(word);
}

static struct span nearest_keyword(struct span word)
{
    return smtp_keyword_info(smtp_keyword_nearest(word))->name;
}

static const struct list_kind commands = {"command", find_verb, nearest_verb};
static const struct list_kind keywords = {"keyword", find_keyword, nearest_keyword};

static void error_list_word(struct config_parser *parser, const struct list_kind *kind,
                            const struct config_word *word)
{
    struct config_near near = config_near_begin(word->text);
    char hint[CONFIG_HINT_MAX];

    config_near_offer(&near, SPAN("all"));
    config_near_offer(&near, SPAN("others"));
    config_near_offer(&near, kind->nearest(word->text));
    config_error(parser, word->place,
                 "unknown %s \"%.*s\"; \"others\" stands for the ones that are not known%s",
                 kind->what, SPAN_ARG(word->text), config_near_hint(&near, hint));
}

static bool read_list(struct config_parser *parser, const struct list_kind *kind,
                      const struct config_words *words, struct policy_words *list_r)
{
    bool ok = true;

    *list_r = (struct policy_words){.set = 0};
    for (const struct config_word *word = words->first; word != NULL; word = word->next) {
        bool others = span_equal_nocase(word->text, SPAN("others"));
        bool all = span_equal_nocase(word->text, SPAN("all"));
        unsigned found = others || all ? 0 : kind->find(word->text);
        uint64_t bit = found > 0 ? (uint64_t)1 << found : 0;
        if (found == 0 && !others && !all) {
            error_list_word(parser, kind, word);
            ok = false;
        } else if ((list_r->set & bit) != 0 || (others && list_r->others)) {
            config_error(parser, word->place, "\"%.*s\" stands twice in this list",
                         SPAN_ARG(word->text));
            ok = false;
        }
        list_r->set |= bit;
        list_r->others |= others;
        list_r->all |= all;
    }
    if (ok && list_r->all && words->first->next != NULL) {
        config_error(parser, words->first->place,
                     "%s: \"all\" stands for everything; expected no other word beside it",
                     kind->what);
        ok = false;
    }
    return ok;
}

/* `allow`, `also` or another action: its index among `actions`, `also` being 0 like `allow`. */
static int find_action(struct config_parser *parser, const struct config_word *action,
                       const char *const *actions, const char *what, bool *also_r)
{
    enum { ACTIONS_MAX = 8 };
    const char *known[ACTIONS_MAX + 1] = {"also"};

    for (unsigned i = 0; actions[i] != NULL && i + 1 < ACTIONS_MAX; i++) {
        known[i + 1] = actions[i];
    }
    int found = config_find_word(parser, action, known, what);
    *also_r = found == 0;
    return found > 0 ? found - 1 : found;
}

void config_set_command(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *words)
{
    bool also;
    struct policy_words list;
    int found = find_action(parser, action, policy_command_words, "command", &also);

    parser->edited = true;
    if (read_list(parser, &commands, words, &list) && found >= 0) {
        parser->edit.statement =
            statement_new(parser, "command", action->text, words, action->place);
        policy_edit_command(&parser->edit, (enum policy_command)found, also, list);
    }
}

void config_set_keyword(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *words)
{
    bool also;
    struct policy_words list;
    int found = find_action(parser, action, policy_keyword_words, "keyword", &also);

    parser->edited = true;
    if (read_list(parser, &keywords, words, &list) && found >= 0) {
        parser->edit.statement =
            statement_new(parser, "keyword", action->text, words, action->place);
        policy_edit_keyword(&parser->edit, (enum policy_keyword)found, also, list);
    }
}

/* Words of a short table, or `all`: a bit for each. False, with errors, where one is not known. */
static bool read_bits(struct config_parser *parser, const char *const *known, const char *what,
                      const struct config_words *words, unsigned *bits_r)
{
    bool ok = true;

    *bits_r = 0;
    for (const struct config_word *word = words->first; word != NULL; word = word->next) {
        if (span_equal_nocase(word->text, SPAN("all"))) {
            for (unsigned i = 0; known[i] != NULL; i++) {
                *bits_r |= 1u << i;
            }
            continue;
        }
        int found = config_find_word(parser, word, known, what);
        ok = ok && found >= 0;
        *bits_r |= found >= 0 ? 1u << found : 0;
    }
    return ok;
}

void config_set_framing(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *events)
{
    unsigned bits;
    int found = config_find_word(parser, action, policy_framing_words, "framing");

    parser->edited = true;
    if (!read_bits(parser, policy_event_words, "framing", events, &bits) || found < 0) {
        return;
    }
    for (unsigned i = 0; policy_event_words[i] != NULL; i++) {
        if ((bits >> i & 1) == 0) {
            continue;
        }
        if (found == POLICY_FRAMING_FIX && policy_event(i) == SMTP_BODY_LONG_LINE) {
            config_error(parser, action->place,
                         "framing: a long line cannot be fixed without changing the message; "
                         "expected refuse, log or pass");
            continue;
        }
        policy_set_framing(&parser->policy->policy, policy_event(i), (enum policy_framing)found);
    }
}

void config_set_checks(struct config_parser *parser, bool enforce,
                       const struct config_words *checks)
{
    unsigned bits;
    struct policy *policy = &parser->policy->policy;

    parser->edited = true;
    if (!read_bits(parser, policy_check_words, enforce ? "enforce" : "relax", checks, &bits)) {
        return;
    }
    policy->checks = (uint8_t)(enforce ? policy->checks | bits : policy->checks & ~bits);
}

void config_set_forward(struct config_parser *parser, const struct config_word *what,
                        struct config_place place)
{
    int found = config_find_word(parser, what, policy_forward_words, "forward");

    parser->edited = true;
    if (found >= 0 && config_once(parser, "forward", NULL, place)) {
        parser->policy->policy.verbatim = found == 1;
    }
}

/* ---- numbers ---- */

static const struct policy_number_info *find_number(struct config_parser *parser,
                                                    const struct policy_number_info *infos,
                                                    const struct config_word *name,
                                                    const char *what)
{
    const char *known[16];
    unsigned count = 0;

    for (; infos[count].name != NULL && count + 1 < sizeof(known) / sizeof(known[0]); count++) {
        known[count] = infos[count].name;
    }
    known[count] = NULL;
    int found = config_find_word(parser, name, known, what);
    return found >= 0 ? &infos[found] : NULL;
}

static struct config_range number_range(const struct policy_number_info *info, const char *what,
                                        char *text, size_t size)
{
    snprintf(text, size, "%s %s", what, info->name);
    return (struct config_range){text, info->min, info->max, info->none};
}

void config_set_limit(struct config_parser *parser, const struct config_word *name,
                      const struct config_word *value, struct config_place place)
{
    char what[64];
    uint64_t number;
    const struct policy_number_info *info = find_number(parser, policy_limit_infos, name, "limit");

    parser->edited = true;
    if (info == NULL || !config_once(parser, "limit", info->name, place)) {
        return;
    }
    struct config_range range = number_range(info, "limit", what, sizeof(what));
    bool ok = info->octets ? config_read_size(parser, value, &range, &number)
                           : config_read_count(parser, value, &range, &number);
    if (ok) {
        policy_number_set(info, &parser->policy->policy.limits, number);
        if (info->wide) {
            parser->policy->origin.message_size =
                statement_new(parser, "limit message-size", value->text, NULL, place);
        }
    }
}

void config_set_timeout(struct config_parser *parser, const struct config_word *name,
                        const struct config_word *value, struct config_place place)
{
    char what[64];
    uint64_t number;
    const struct policy_number_info *info =
        find_number(parser, policy_timeout_infos, name, "timeout");

    parser->edited = true;
    if (info == NULL || !config_once(parser, "timeout", info->name, place)) {
        return;
    }
    struct config_range range = number_range(info, "timeout", what, sizeof(what));
    if (config_read_time(parser, value, &range, &number)) {
        policy_number_set(info, &parser->policy->policy.timeouts, number);
    }
}

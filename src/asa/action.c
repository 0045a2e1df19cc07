/*
 * What a policy map does: the actions behind a criterion, and the lines of `parameters`.
 *
 *     action    = ( "drop-connection" | "drop" ) [ "send-protocol-error" ] [ "log" ]
 *               | ( "mask" | "reset" | "rate-limit" number ) [ "log" ] | "log"
 *     parameter = "mask-banner" | "mail-relay" domain [ "action" ] what
 *               | "special-character" [ "action" ] what | "allow-tls" [ "action" what ]
 *     what      = { "drop-connection" | "log" }
 */
#include "asa/private.h"

static bool read_rate(struct asa *asa, struct asa_line *line, struct asa_actions *actions)
{
    struct asa_word word;

    if (!asa_next(line, &word) || !span_number(word.text, &actions->rate) || actions->rate == 0 ||
        actions->rate > UINT32_MAX) {
        asa_error(asa, word.place, "rate-limit: expected a number from 1 to 4294967295");
        return false;
    }
    actions->rated = true;
    return true;
}

static void add_line(struct asa *asa, const struct asa_line *line, struct asa_actions *actions)
{
    struct asa_word *copy = asa_alloc(asa, sizeof(*copy));

    if (copy != NULL) {
        copy->text = span_trim(line->text);
        *actions->last = copy;
        actions->last = &copy->next;
    }
}

/* What may follow an action: `log`, and behind a drop `send-protocol-error`. */
static void read_rest(struct asa *asa, struct asa_line *line, bool drop,
                      struct asa_actions *actions)
{
    static const char *const known[] = {"log", "send-protocol-error", NULL};
    static const char *const known_else[] = {"log", NULL};
    struct asa_word word;

    while (asa_next(line, &word)) {
        if (asa_is(&word, "log")) {
            actions->log = true;
        } else if (drop && asa_is(&word, "send-protocol-error")) {
            actions->protocol_error = true;
        } else {
            asa_unknown(asa, &word, "action", drop ? known : known_else);
            return;
        }
    }
}

/* Can the device mask it? A class's criteria are seen when its rules are made. */
static bool mask_fits(const struct asa_item *item)
{
    return item->match == NULL || item->match->criterion->kind == ASA_VERBS ||
           item->match->criterion->kind == ASA_PARAMETERS;
}

void asa_action_read(struct asa *asa, struct asa_line *line, const struct asa_word *word,
                     struct asa_item *item)
{
    struct asa_actions *actions = &item->actions;
    bool drop = asa_is(word, "drop") || asa_is(word, "drop-connection");

    add_line(asa, line, actions);
    if (asa_is(word, "log")) {
        actions->log = true;
        asa_end(asa, line);
        return;
    }
    if (asa_is(word, "rate-limit") && !read_rate(asa, line, actions)) {
        return;
    }
    if (asa_is(word, "mask") && !mask_fits(item)) {
        asa_error(asa, word->place, "mask goes with cmd verb and ehlo-reply-parameter only");
    }
    actions->mask = actions->mask || asa_is(word, "mask");
    actions->reset = actions->reset || asa_is(word, "reset");
    actions->drop = actions->drop || drop;
    actions->packet = actions->packet || asa_is(word, "drop");
    read_rest(asa, line, drop, actions);
}

/* ---- parameters ---- */

/* `need`: the line may not end here. */
static void read_setting_action(struct asa *asa, struct asa_line *line, bool need,
                                struct asa_setting *setting)
{
    static const char *const known[] = {"drop-connection", "log", NULL};
    struct asa_word word;
    bool more = asa_next(line, &word);

    if (more && asa_is(&word, "action")) {
        more = asa_next(line, &word);
        need = true;
    }
    for (; more || need; more = asa_next(line, &word)) {
        if (!asa_is(&word, "drop-connection") && !asa_is(&word, "log")) {
            asa_unknown(asa, &word, "action", known);
            return;
        }
        setting->drop = setting->drop || asa_is(&word, "drop-connection");
        need = false;
    }
}

void asa_setting_read(struct asa *asa, struct asa_line *line, const struct asa_word *word, bool no,
                      struct asa_map *map)
{
    static const char *const words[ASA_SETTINGS] = {
        [ASA_BANNER] = "mask-banner",
        [ASA_RELAY] = "mail-relay",
        [ASA_SPECIAL] = "special-character",
        [ASA_TLS] = "allow-tls",
    };
    struct asa_word domain = {.text = span_of(NULL, 0)};
    struct asa_setting setting = {.given = true, .on = !no, .place = word->place};
    unsigned i = 0;

    while (!asa_is(word, words[i])) {
        i++;
    }
    setting.text = span_trim(line->text);
    if (no) {
        /* What is switched off may be named again: `no mail-relay example.com action log`. */
    } else if (i == ASA_BANNER) {
        asa_end(asa, line);
    } else if (i != ASA_RELAY || asa_name(asa, line, &domain)) {
        setting.domain = domain.text;
        read_setting_action(asa, line, i != ASA_TLS, &setting);
    }
    map->settings[i] = setting;
}

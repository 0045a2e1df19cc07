/*
 * struct asa -> an ehlogate configuration: a policy for each map, and a listener with the policy
 * that the device has in use.
 *
 * A map of the device's owner takes the place of the default map as a whole, so what the map does
 * not say is switched off: `profile asa-esmtp` is the default map, and each policy begins with the
 * statements that take it back to what the device does without any map.
 */
#include "asa/private.h"

#include "base/line.h"

/* ---- comments ---- */

static void print_foreign(struct span text, FILE *out)
{
    unsigned char space[4 * ASA_COMMENT_MAX + 16];
    struct line line = line_in(space, sizeof(space));

    line_escape(&line, text, ASA_COMMENT_MAX);
    fprintf(out, "%.*s", SPAN_ARG(line_span(&line)));
}

/* "# line 12: match cmd line length gt 512; drop-connection log" */
static void print_origin(const char *indent, struct asa_place place, struct span text,
                         const struct asa_word *actions, FILE *out)
{
    if (place.line == 0) {
        fprintf(out, "%s# default map: ", indent);
    } else {
        fprintf(out, "%s# line %u: ", indent, place.line);
    }
    print_foreign(text, out);
    for (; actions != NULL; actions = actions->next) {
        fputs("; ", out);
        print_foreign(actions->text, out);
    }
    fputc('\n', out);
}

/* A name as a word, or as a string where it has characters that a word cannot have. */
static void print_name(struct span name, FILE *out)
{
    bool word = true;

    for (size_t i = 0; i < name.len; i++) {
        word = word && name.ptr[i] > ' ' && strchr(";{}(),\"#=<>~!", name.ptr[i]) == NULL;
    }
    fputs(word ? "" : "\"", out);
    for (size_t i = 0; i < name.len; i++) {
        bool escaped = !word && (name.ptr[i] == '"' || name.ptr[i] == '\\');
        fprintf(out, "%s%c", escaped ? "\\" : "", name.ptr[i]);
    }
    fputs(word ? "" : "\"", out);
}

/* ---- the criteria of a map ---- */

/* Whether the item's criteria each make a rule of their own, or one all together. */
static bool item_is_all(const struct asa_item *item, const struct asa_class *class)
{
    return item->match == NULL && !class->any && class->matches != NULL &&
           class->matches->next != NULL;
}

static const struct asa_class *item_class(const struct asa *asa, const struct asa_item *item)
{
    return item->match == NULL ? asa_class_find(asa, item->class.text, false) : NULL;
}

static const struct asa_match *item_matches(const struct asa_item *item,
                                            const struct asa_class *class)
{
    return item->match != NULL ? item->match : class->matches;
}

/* The largest number that the map compares the field with; false where it does not. */
static bool greatest(const struct asa *asa, const struct asa_map *map, const char *field,
                     uint64_t *number_r)
{
    bool found = false;

    *number_r = 0;
    for (const struct asa_item *item = map->items; item != NULL; item = item->next) {
        for (const struct asa_match *m = item_matches(item, item_class(asa, item)); m != NULL;
             m = m->next) {
            if (span_equal(span_str(m->criterion->field), span_str(field))) {
                found = true;
                *number_r = m->number > *number_r ? m->number : *number_r;
            }
        }
    }
    return found;
}

static bool masks_keywords(const struct asa_match *match, const struct asa_actions *actions)
{
    return match->criterion->kind == ASA_PARAMETERS && asa_action(actions) == POLICY_ACTION_MASK;
}

/* Does the map mask the EHLO keywords that have no word of their own? */
static bool masks_others(const struct asa *asa, const struct asa_map *map)
{
    for (const struct asa_item *item = map->items; item != NULL; item = item->next) {
        const struct asa_class *class = item_class(asa, item);
        for (const struct asa_match *m = item_matches(item, class); m != NULL; m = m->next) {
            if (!item_is_all(item, class) && masks_keywords(m, &item->actions) &&
                m->others != m->negated) {
                return true;
            }
        }
    }
    return false;
}

static bool has_word(const struct asa_word *words, const char *name)
{
    for (; words != NULL; words = words->next) {
        if (span_equal(words->text, span_str(name))) {
            return true;
        }
    }
    return false;
}

static void print_keywords(const struct asa_match *match, FILE *out)
{
    const char *between = ASA_INDENT "keyword mask ";
    bool any = false;

    for (const struct asa_value *value = asa_parameters; value->word != NULL; value++) {
        if (value->name != NULL && has_word(match->words, value->name) != match->negated) {
            fprintf(out, "%s%s", between, value->name);
            between = ", ";
            any = true;
        }
    }
    fputs(any ? "\n" : ASA_INDENT "#   as the profile has it\n", out);
}

static void print_verbs(const struct asa_match *match, enum policy_action action, FILE *out)
{
    const char *between = "";

    fprintf(out, ASA_INDENT "command %s ", action == POLICY_ACTION_MASK ? "mask" : "drop");
    for (const struct asa_word *word = match->words; word != NULL; word = word->next) {
        fprintf(out, "%s%.*s", between, SPAN_ARG(word->text));
        between = ", ";
    }
    fprintf(out, "%s\n", !match->others ? "" : match->words != NULL ? ", others" : "others");
}

/* One criterion: as a statement where there is one, since `check` knows what those cost. */
static void print_match(struct asa *asa, const struct asa_match *match,
                        const struct asa_actions *actions, FILE *out)
{
    enum policy_action action = asa_action(actions);
    bool statement = action == POLICY_ACTION_MASK || action == POLICY_ACTION_DROP;

    if (masks_keywords(match, actions)) {
        print_keywords(match, out);
    } else if (match->criterion->kind == ASA_VERBS && !match->negated && statement) {
        print_verbs(match, action, out);
    } else {
        asa_rule_print(asa, match, false, actions, out);
    }
}

static void print_item(struct asa *asa, const struct asa_item *item, FILE *out)
{
    const struct asa_class *class = item_class(asa, item);
    const struct asa_match *matches = item_matches(item, class);
    bool all = item_is_all(item, class);

    fputc('\n', out);
    print_origin(ASA_INDENT, item->place, item->text, item->actions.lines, out);
    if (asa_action(&item->actions) == POLICY_ACTION_NONE) {
        fputs(ASA_INDENT "#   no action: it does nothing\n", out);
        return;
    }
    if (matches == NULL) {
        asa_left(asa, class->name.place, out, "class-map %.*s has no match",
                 SPAN_ARG(class->name.text));
        return;
    }
    if (item->actions.packet) {
        fputs(ASA_INDENT "#   the device drops the packet alone; here the session ends\n", out);
    }
    for (const struct asa_match *m = matches; m != NULL; m = m->next) {
        if (item->match == NULL) {
            print_origin(ASA_INDENT, m->place, m->text, NULL, out);
        }
        if (!all) {
            print_match(asa, m, &item->actions, out);
        }
    }
    if (all) {
        asa_rule_print(asa, matches, true, &item->actions, out);
    }
}

/* ---- the settings of a map ---- */

static void print_banner(const struct asa_setting *setting, FILE *out)
{
    if (setting->given) {
        print_origin(ASA_INDENT, setting->place, setting->text, NULL, out);
    } else {
        fputs(ASA_INDENT "# without mask-banner\n", out);
    }
    fprintf(out, ASA_INDENT "banner %s\n", setting->on ? "mask-all" : "pass");
}

/* Where a map does not say, releases from 9.4(1) allow TLS. */
static void print_tls(const struct asa *asa, const struct asa_setting *setting, FILE *out)
{
    bool later = !asa->pix && (asa->major > 9 || (asa->major == 9 && asa->minor >= 4));

    if (setting->given) {
        print_origin(ASA_INDENT, setting->place, setting->text, NULL, out);
    } else if (later) {
        fputs(ASA_INDENT "# without no allow-tls, which releases from 9.4(1) take for allow-tls\n",
              out);
    } else if (asa->major > 0) {
        fputs(ASA_INDENT "# without allow-tls, in a release before 9.4(1)\n", out);
    } else {
        fputs(ASA_INDENT "# without allow-tls; from release 9.4(1) on that means allow-tls: then "
                         "write as for it (docs/asa.md)\n",
              out);
    }
    if (setting->given ? !setting->on : !later) {
        fputs(ASA_INDENT "starttls hide\n", out);
        return;
    }
    fputs(ASA_INDENT "starttls pass\n" ASA_INDENT "keyword also STARTTLS\n" ASA_INDENT
                     "command also STARTTLS\n",
          out);
}

/* A limit of the gateway's own that would be met before the rule. */
static void print_limits(const struct asa *asa, const struct asa_map *map, FILE *out)
{
    enum { LINE_MAX_K = 32, RECIPIENTS = 1000 };
    uint64_t number;

    if (greatest(asa, map, "command.length", &number)) {
        unsigned k = 2;
        while (k < LINE_MAX_K && number >= (uint64_t)k * 1024) {
            k *= 2;
        }
        fprintf(out,
                ASA_INDENT "# above the length that a rule below asks about\n" ASA_INDENT
                           "limit command-line %uK\n",
                k);
        if (number >= (uint64_t)k * 1024) {
            fputs(ASA_INDENT "#   no command line is longer than that: the rule never holds\n",
                  out);
        }
    }
    if (greatest(asa, map, "rcpt.count", &number) && number >= RECIPIENTS) {
        fputs(ASA_INDENT "# above the number that a rule below asks about\n" ASA_INDENT
                         "limit recipients 0\n",
              out);
    }
}

static void print_map(struct asa *asa, const struct asa_map *map, FILE *out)
{
    const struct asa_setting *settings = map->settings;

    fputs("policy ", out);
    print_name(map->name.text, out);
    fputs(" {\n" ASA_INDENT "profile asa-esmtp\n\n", out);
    print_banner(&settings[ASA_BANNER], out);
    if (!masks_others(asa, map)) {
        fputs(ASA_INDENT "# no line masks ehlo-reply-parameter others\n" ASA_INDENT
                         "keyword also all\n",
              out);
    }
    print_tls(asa, &settings[ASA_TLS], out);
    print_limits(asa, map, out);
    for (const struct asa_item *item = map->items; item != NULL; item = item->next) {
        print_item(asa, item, out);
    }
    if (settings[ASA_RELAY].on) {
        fputc('\n', out);
        print_origin(ASA_INDENT, settings[ASA_RELAY].place, settings[ASA_RELAY].text, NULL, out);
        asa_relay_print(asa, &settings[ASA_RELAY], out);
    }
    if (settings[ASA_SPECIAL].on) {
        fputc('\n', out);
        print_origin(ASA_INDENT, settings[ASA_SPECIAL].place, settings[ASA_SPECIAL].text, NULL,
                     out);
        asa_special_print(asa, &settings[ASA_SPECIAL], out);
    }
    fputs("}\n", out);
}

/* ---- what is in use ---- */

/* The inspection that the listener stands for; NULL where none is switched on. */
static const struct asa_inspect *first_inspect(const struct asa *asa)
{
    const struct asa_inspect *inspect = asa->inspects;

    while (inspect != NULL && !inspect->on) {
        inspect = inspect->next;
    }
    return inspect;
}

static bool fixup_is_on(const struct asa *asa)
{
    for (const struct asa_fixup *fixup = asa->fixups; fixup != NULL; fixup = fixup->next) {
        if (fixup->on) {
            return true;
        }
    }
    return false;
}

/* `mailhost` is of 4.0 and 4.1; up to 5.0 no character of the banner was left. */
static bool is_old_pix(const struct asa *asa)
{
    return asa->server.len > 0 ||
           (asa->major > 0 && (asa->major < 5 || (asa->major == 5 && asa->minor == 0)));
}

static void print_listener_policy(const struct asa *asa, FILE *out)
{
    const struct asa_inspect *inspect = first_inspect(asa);

    if (inspect != NULL) {
        print_name(inspect->map.text, out);
    } else if (fixup_is_on(asa)) {
        fputs(is_old_pix(asa) ? "pix-mailguard-4.4" : "pix-mailguard", out);
    } else if (asa->maps != NULL) {
        print_name(asa->maps->name.text, out);
    } else {
        fputs("observe", out);
    }
}

static void print_listener(const struct asa *asa, FILE *out)
{
    struct span server = asa->server.len > 0 ? asa->server : SPAN("192.0.2.25");

    fprintf(out,
            "\nbackend mail {\n" ASA_INDENT "server %.*s:25        # your mail server\n"
            "}\n"
            "\nlistener smtp {\n" ASA_INDENT "listen  0.0.0.0:25, [::]:25\n" ASA_INDENT
            "backend mail\n" ASA_INDENT "policy  ",
            SPAN_ARG(server));
    print_listener_policy(asa, out);
    fputs("\n}\n", out);
}

/* A line for each inspection and fixup: what the listener's policy comes from. */
static void print_uses(const struct asa *asa, FILE *out)
{
    const struct asa_inspect *first = first_inspect(asa);

    for (const struct asa_inspect *i = asa->inspects; i != NULL; i = i->next) {
        print_origin("", i->place, i->text, NULL, out);
        fputs("#   in policy-map ", out);
        print_foreign(i->within, out);
        fputs(!i->on       ? ": switched off\n"
              : i == first ? ": the listener's policy\n"
                           : ": another interface's, perhaps: it needs a listener of its own\n",
              out);
    }
    for (const struct asa_fixup *f = asa->fixups; f != NULL; f = f->next) {
        print_origin("", f->place, f->text, NULL, out);
        if (asa->inspects != NULL) {
            fputs("#   a PIX up to 6.3 has this in the place of inspect\n", out);
        } else if (!f->on) {
            fputs("#   switched off\n", out);
        }
    }
    if (first == NULL && !fixup_is_on(asa)) {
        fputs(asa->maps != NULL
                  ? "# No line has an inspection in use: the listener has the first policy below.\n"
                  : "# The device alters nothing, and so does `observe`: it protects nothing "
                    "either.\n",
              out);
    }
}

static const struct asa_inspect *map_use(const struct asa *asa, const struct asa_map *map)
{
    for (const struct asa_inspect *i = asa->inspects; i != NULL; i = i->next) {
        if (i->on && span_equal(i->map.text, map->name.text)) {
            return i;
        }
    }
    return NULL;
}

void asa_print(struct asa *asa, FILE *out)
{
    fputs(
        "# Made by `ehlogate import-asa`. Comments name the line that each statement comes from,\n"
        "# and say NOT CARRIED OVER where there is none for it; docs/asa.md has what differs.\n",
        out);
    if (asa->major > 0) {
        fprintf(out, "# %s ", asa->pix ? "PIX" : "ASA");
        print_foreign(asa->version.text, out);
        fputc('\n', out);
    }
    fputc('\n', out);
    print_uses(asa, out);
    print_listener(asa, out);
    for (const struct asa_map *map = asa->maps; map != NULL && !asa->out_of_memory;
         map = map->next) {
        fputc('\n', out);
        print_origin("", map->name.place, map->text, NULL, out);
        if (map_use(asa, map) == NULL) {
            fputs("#   not in use\n", out);
        }
        print_map(asa, map, out);
    }
}

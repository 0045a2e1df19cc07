/*
 * Importing an ASA's or PIX's configuration: read, resolve names, write.
 *
 * The device's default map is text like any other and read by the same parser, where the file uses
 * it without having it: `show running-config` leaves it out.
 */
#include "asa/private.h"

/* As the configuration guides of releases 8.4 to 9.x print it. Whether TLS is allowed is left open,
 * since that is a matter of the release. */
static const char default_map[] = "policy-map type inspect esmtp " ASA_DEFAULT_MAP "\n"
                                  " parameters\n"
                                  "  mask-banner\n"
                                  " match cmd line length gt 512\n"
                                  "  drop-connection log\n"
                                  " match cmd RCPT count gt 100\n"
                                  "  drop-connection log\n"
                                  " match body line length gt 998\n"
                                  "  log\n"
                                  " match header line length gt 998\n"
                                  "  drop-connection log\n"
                                  " match sender-address length gt 320\n"
                                  "  drop-connection log\n"
                                  " match MIME filename length gt 255\n"
                                  "  drop-connection log\n"
                                  " match ehlo-reply-parameter others\n"
                                  "  mask\n";

const struct asa_regex *asa_regex_find(const struct asa *asa, struct span name)
{
    const struct asa_regex *regex = asa->regexes;

    while (regex != NULL && !span_equal(regex->name.text, name)) {
        regex = regex->next;
    }
    return regex;
}

const struct asa_class *asa_class_find(const struct asa *asa, struct span name, bool regex)
{
    const struct asa_class *class = asa->classes;

    while (class != NULL && (class->regex != regex || !span_equal(class->name.text, name))) {
        class = class->next;
    }
    return class;
}

const struct asa_map *asa_map_find(const struct asa *asa, struct span name)
{
    const struct asa_map *map = asa->maps;

    while (map != NULL && !span_equal(map->name.text, name)) {
        map = map->next;
    }
    return map;
}

/* ---- references ---- */

/* A name that nothing in the file has; `near` is the nearest one that there is. */
static void missing(struct asa *asa, const struct asa_word *name, const char *what,
                    struct asa_nearest near)
{
    bool hint = near.name.len > 0;

    asa_error(asa, name->place, "there is no %s \"%.*s\"%s%.*s%s", what, SPAN_ARG(name->text),
              hint ? "; did you mean \"" : "", SPAN_ARG(near.name), hint ? "\"?" : "");
}

static void check_regex(struct asa *asa, const struct asa_word *name)
{
    struct asa_nearest near = {.distance = SIZE_MAX};

    if (asa_regex_find(asa, name->text) == NULL) {
        for (const struct asa_regex *r = asa->regexes; r != NULL; r = r->next) {
            asa_nearest_offer(&near, name->text, r->name.text);
        }
        missing(asa, name, "regex", near);
    }
}

static void check_class(struct asa *asa, const struct asa_word *name, bool regex)
{
    struct asa_nearest near = {.distance = SIZE_MAX};

    if (asa_class_find(asa, name->text, regex) == NULL) {
        for (const struct asa_class *c = asa->classes; c != NULL; c = c->next) {
            if (c->regex == regex) {
                asa_nearest_offer(&near, name->text, c->name.text);
            }
        }
        missing(asa, name, regex ? "class-map type regex" : "class-map type inspect esmtp", near);
    }
}

static void check_match(struct asa *asa, const struct asa_match *match)
{
    if (match->criterion->kind == ASA_REGEX && match->class) {
        check_class(asa, &match->name, true);
    } else if (match->criterion->kind == ASA_REGEX) {
        check_regex(asa, &match->name);
    }
}

static void check_maps(struct asa *asa)
{
    for (const struct asa_inspect *i = asa->inspects; i != NULL; i = i->next) {
        struct asa_nearest near = {.distance = SIZE_MAX};
        if (i->on && asa_map_find(asa, i->map.text) == NULL) {
            for (const struct asa_map *map = asa->maps; map != NULL; map = map->next) {
                asa_nearest_offer(&near, i->map.text, map->name.text);
            }
            missing(asa, &i->map, "policy-map type inspect esmtp", near);
        }
    }
}

static void check_references(struct asa *asa)
{
    for (const struct asa_class *c = asa->classes; c != NULL; c = c->next) {
        for (const struct asa_word *name = c->regexes; name != NULL; name = name->next) {
            check_regex(asa, name);
        }
        for (const struct asa_match *m = c->matches; m != NULL; m = m->next) {
            check_match(asa, m);
        }
    }
    for (const struct asa_map *map = asa->maps; map != NULL; map = map->next) {
        for (const struct asa_item *item = map->items; item != NULL; item = item->next) {
            if (item->match != NULL) {
                check_match(asa, item->match);
            } else {
                check_class(asa, &item->class, false);
            }
        }
    }
    check_maps(asa);
}

/* ---- importing ---- */

static bool needs_default(const struct asa *asa)
{
    for (const struct asa_inspect *i = asa->inspects; i != NULL; i = i->next) {
        if (i->on && span_equal(i->map.text, SPAN(ASA_DEFAULT_MAP))) {
            return asa_map_find(asa, i->map.text) == NULL;
        }
    }
    return false;
}

static void import(struct asa *asa, struct span text, FILE *out)
{
    asa_parse(asa, text, false);
    if (needs_default(asa)) {
        asa_parse(asa, span_str(default_map), true);
    }
    if (asa->out_of_memory) {
        return;
    }
    check_references(asa);
    if (asa->error_count == 0 && asa->inspects == NULL && asa->maps == NULL &&
        asa->fixups == NULL) {
        asa->error_count++;
        fprintf(asa->errors,
                "%s: nothing about SMTP: expected policy-map type inspect esmtp, inspect esmtp or "
                "fixup protocol smtp\n",
                asa->file);
    }
    if (asa->error_count == 0) {
        asa_print(asa, out);
    } else {
        asa->left = 0;
    }
}

enum asa_result asa_import(const char *name, struct span text, FILE *out, FILE *errors)
{
    struct asa asa = {.file = name, .errors = errors};

    asa.last_regex = &asa.regexes;
    asa.last_class = &asa.classes;
    asa.last_map = &asa.maps;
    asa.last_inspect = &asa.inspects;
    asa.last_fixup = &asa.fixups;
    import(&asa, text, out);
    arena_free(&asa.arena);
    return asa.out_of_memory                      ? ASA_NO_MEMORY
           : asa.error_count > 0 && asa.left == 0 ? ASA_ERRORS
           : asa.left > 0                         ? ASA_PART
                                                  : ASA_WHOLE;
}

/*
 * An ASA configuration, as `show running-config` prints it: lines of words, nested by blanks in
 * front of them. What has nothing to do with SMTP is passed over.
 *
 *     regex NAME PATTERN
 *     class-map type regex match-any NAME             match regex NAME
 *     class-map type inspect esmtp [match-all|match-any] NAME
 *                                                     match [not] CRITERION
 *     policy-map type inspect esmtp NAME              parameters, match [not] CRITERION, class NAME
 *         parameters                                  [no] mask-banner, mail-relay, …
 *         match …, class NAME                         drop-connection, reset, mask, log, rate-limit
 *     policy-map NAME                                 class NAME
 *         class NAME                                  [no] inspect esmtp [MAP]
 *     [no] fixup protocol smtp [PORT]                 PIX up to 6.3
 *     [no] mailhost OUTSIDE INSIDE                    PIX 4.0 and 4.1
 *
 * A line belongs to the innermost block that knows its first word, as on the device itself, so that
 * a configuration without its blanks is read as well. A line that no block knows is an error within
 * the blocks that are all about SMTP, where a word passed over would be a protection lost, and is
 * passed over elsewhere.
 */
#include "asa/private.h"

#include "policy/address.h"

enum mode { TOP, REGEX_CLASS, CLASS, MAP, PARAMETERS, ACTIONS, OUTER_MAP, OUTER_CLASS };
enum { MODES = OUTER_CLASS + 1 };

#define IN(mode) (1u << (mode))

static const struct mode_info {
    enum mode parent;
    bool strict; /* a word that it does not know is an error */
    const char *name;
} mode_infos[MODES] = {
    [TOP] = {TOP, false, "configuration"},
    [REGEX_CLASS] = {TOP, true, "class-map type regex"},
    [CLASS] = {TOP, true, "class-map type inspect esmtp"},
    [MAP] = {TOP, true, "policy-map type inspect esmtp"},
    [PARAMETERS] = {MAP, true, "parameters"},
    [ACTIONS] = {MAP, true, "policy-map type inspect esmtp"},
    [OUTER_MAP] = {TOP, false, "policy-map"},
    [OUTER_CLASS] = {OUTER_MAP, false, "class"},
};

struct parser {
    struct asa *asa;
    bool builtin;
    enum mode mode;
    size_t indent; /* blanks in front of the line that opened the outermost block */
    struct asa_class *class;
    struct asa_map *map;
    struct asa_item *item;
    struct span within; /* OUTER_MAP's name */
};

/* The line that is being read. */
struct statement_line {
    struct asa_line rest;
    struct asa_word word; /* the one that names the statement */
    struct asa_place place;
    bool no;
};

/* ---- regex, class-map ---- */

static void read_regex(struct parser *p, struct statement_line *line)
{
    struct asa *asa = p->asa;
    struct asa_regex *regex = asa_alloc(asa, sizeof(*regex));
    struct asa_word word;
    struct asa_pattern pattern;

    if (regex == NULL || !asa_name(asa, &line->rest, &regex->name)) {
        return;
    }
    if (!asa_next(&line->rest, &word)) {
        asa_error(asa, word.place, "expected the regular expression of %.*s",
                  SPAN_ARG(regex->name.text));
        return;
    }
    if (word.text.ptr[0] == '"') {
        if (word.text.len == 1 || word.text.ptr[word.text.len - 1] != '"') {
            asa_error(asa, word.place, "this string is not closed: expected \"");
            return;
        }
        word.text = span_of(word.text.ptr + 1, word.text.len - 2);
        word.place.column++;
    }
    asa_regex_translate(word.text, &pattern);
    regex->notes = pattern.notes;
    regex->fault = pattern.fault;
    regex->fault_place =
        (struct asa_place){word.place.line, word.place.column + (unsigned)pattern.fault_at};
    regex->pattern =
        span_of(arena_string(&asa->arena, span_of(pattern.text, pattern.len)), pattern.len);
    if (regex->pattern.ptr == NULL) {
        asa->out_of_memory = true;
        return;
    }
    *asa->last_regex = regex;
    asa->last_regex = &regex->next;
    asa_end(asa, &line->rest);
}

/* A word that is nearly "esmtp" or "smtp" where the device has none that is like it: a word
 * mistyped, and with it a protection that would be lost without a sound. */
static bool is_typo(const struct asa_word *word, const char *wanted)
{
    static const char *const others[] = {
        "dcerpc", "diameter", "dns",  "ftp",   "gtp",     "h323", "http", "icmp",
        "ils",    "im",       "mgcp", "mmp",   "netbios", "pptp", "rsh",  "rtp",
        "rtsp",   "scansafe", "sctp", "sip",   "skinny",  "smtp", "snmp", "sqlnet",
        "stun",   "sunrpc",   "tftp", "esmtp", "xdmcp"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (asa_is(word, others[i])) {
            return false;
        }
    }
    return word->text.len > 3 && span_distance(word->text, span_str(wanted)) <= 2;
}

/* "type inspect esmtp" behind class-map or policy-map. False where it is of another type, and
 * nothing is to be read of it. */
static bool read_type(struct parser *p, struct asa_line *line)
{
    struct asa_word word;

    asa_next(line, &word);
    if (is_typo(&word, "esmtp")) {
        asa_error(p->asa, word.place, "unknown type \"%.*s\"; did you mean \"esmtp\"?",
                  SPAN_ARG(word.text));
    }
    return asa_is(&word, "esmtp");
}

static struct asa_class *class_of(struct asa *asa, const struct asa_word *name, bool regex)
{
    for (struct asa_class *c = asa->classes; c != NULL; c = c->next) {
        if (c->regex == regex && span_equal(c->name.text, name->text)) {
            return c;
        }
    }
    struct asa_class *class = asa_alloc(asa, sizeof(*class));
    if (class != NULL) {
        class->name = *name;
        class->regex = regex;
        class->last = &class->matches;
        class->last_regex = &class->regexes;
        *asa->last_class = class;
        asa->last_class = &class->next;
    }
    return class;
}

static void open_block(struct parser *p, const struct statement_line *line, enum mode mode)
{
    p->mode = mode;
    p->indent = line->place.column - 1;
}

static void open_class(struct parser *p, struct statement_line *line, bool regex)
{
    struct asa_word word;
    bool any = false;

    asa_next(&line->rest, &word);
    if (asa_is(&word, "match-any") || asa_is(&word, "match-all")) {
        any = asa_is(&word, "match-any");
        if (regex && !any) {
            asa_error(p->asa, word.place, "class-map type regex: expected match-any");
        }
        asa_next(&line->rest, &word);
    }
    if (!asa_name_check(p->asa, &word)) {
        return;
    }
    p->class = class_of(p->asa, &word, regex);
    asa_end(p->asa, &line->rest);
    if (p->class != NULL) {
        p->class->any = any;
        open_block(p, line, regex ? REGEX_CLASS : CLASS);
    }
}

static void read_class_map(struct parser *p, struct statement_line *line)
{
    struct asa_word word;

    p->mode = TOP;
    if (!asa_next(&line->rest, &word) || !asa_is(&word, "type")) {
        return;
    }
    asa_next(&line->rest, &word);
    if (asa_is(&word, "regex")) {
        open_class(p, line, true);
    } else if (asa_is(&word, "inspect") && read_type(p, &line->rest)) {
        open_class(p, line, false);
    }
}

/* ---- match ---- */

static void read_regex_match(struct parser *p, struct statement_line *line)
{
    static const char *const known[] = {"regex", NULL};
    struct asa_word word, name;

    asa_next(&line->rest, &word);
    if (!asa_is(&word, "regex")) {
        asa_unknown(p->asa, &word, "match", known);
        return;
    }
    struct asa_word *copy = asa_alloc(p->asa, sizeof(*copy));
    if (copy != NULL && asa_name(p->asa, &line->rest, &name)) {
        *copy = name;
        *p->class->last_regex = copy;
        p->class->last_regex = &copy->next;
        asa_end(p->asa, &line->rest);
    }
}

static void add_item(struct parser *p, struct statement_line *line, const struct asa_match *match,
                     const struct asa_word *class)
{
    struct asa_item *item = asa_alloc(p->asa, sizeof(*item));

    if (item == NULL) {
        return;
    }
    item->place = line->place;
    item->text = span_trim(line->rest.text);
    item->match = match;
    if (class != NULL) {
        item->class = *class;
    }
    item->actions.last = &item->actions.lines;
    *p->map->last = item;
    p->map->last = &item->next;
    p->item = item;
}

/* The actions that follow a match with an error are its own: they are read, and forgotten. */
static void add_nothing(struct parser *p)
{
    p->item = asa_alloc(p->asa, sizeof(*p->item));
    if (p->item != NULL) {
        p->item->actions.last = &p->item->actions.lines;
    }
}

static void read_match(struct parser *p, struct statement_line *line)
{
    if (p->mode == REGEX_CLASS) {
        read_regex_match(p, line);
        return;
    }
    struct asa_match *match = asa_match_read(p->asa, &line->rest, line->place);
    if (p->mode == CLASS) {
        if (match != NULL) {
            *p->class->last = match;
            p->class->last = &match->next;
        }
        return;
    }
    p->mode = ACTIONS;
    if (match != NULL) {
        add_item(p, line, match, NULL);
    } else {
        add_nothing(p);
    }
}

/* `class NAME` in a policy map, of either kind. */
static void read_class(struct parser *p, struct statement_line *line)
{
    struct asa_word name;

    if (p->mode == OUTER_MAP) {
        p->mode = OUTER_CLASS;
        return;
    }
    p->mode = ACTIONS;
    if (asa_name(p->asa, &line->rest, &name) && asa_end(p->asa, &line->rest)) {
        add_item(p, line, NULL, &name);
    } else {
        add_nothing(p);
    }
}

static void read_action(struct parser *p, struct statement_line *line)
{
    asa_action_read(p->asa, &line->rest, &line->word, p->item);
}

static void read_setting(struct parser *p, struct statement_line *line)
{
    asa_setting_read(p->asa, &line->rest, &line->word, line->no, p->map);
}

static void read_parameters(struct parser *p, struct statement_line *line)
{
    p->mode = PARAMETERS;
    asa_end(p->asa, &line->rest);
}

/* ---- policy-map, inspect ---- */

static struct asa_map *map_of(struct parser *p, const struct asa_word *name, struct span text)
{
    struct asa *asa = p->asa;

    for (struct asa_map *map = asa->maps; map != NULL; map = map->next) {
        if (span_equal(map->name.text, name->text)) {
            return map;
        }
    }
    struct asa_map *map = asa_alloc(asa, sizeof(*map));
    if (map != NULL) {
        map->name = *name;
        map->text = span_trim(text);
        map->last = &map->items;
        *asa->last_map = map;
        asa->last_map = &map->next;
    }
    return map;
}

static void read_policy_map(struct parser *p, struct statement_line *line)
{
    struct asa_word word;

    p->mode = TOP;
    if (!asa_next(&line->rest, &word)) {
        return;
    }
    if (!asa_is(&word, "type")) {
        p->within = word.text;
        open_block(p, line, OUTER_MAP);
        return;
    }
    asa_next(&line->rest, &word);
    if (!asa_is(&word, "inspect") || !read_type(p, &line->rest) ||
        !asa_name(p->asa, &line->rest, &word) || !asa_end(p->asa, &line->rest)) {
        return;
    }
    p->map = map_of(p, &word, line->rest.text);
    if (p->map != NULL) {
        open_block(p, line, MAP);
    }
}

static void read_inspect(struct parser *p, struct statement_line *line)
{
    struct asa *asa = p->asa;
    struct asa_word word;

    asa_next(&line->rest, &word);
    if (is_typo(&word, "esmtp")) {
        asa_error(asa, word.place, "unknown inspection \"%.*s\"; did you mean \"esmtp\"?",
                  SPAN_ARG(word.text));
    }
    if (!asa_is(&word, "esmtp") && !asa_is(&word, "smtp")) {
        return;
    }
    struct asa_inspect *inspect = asa_alloc(asa, sizeof(*inspect));
    if (inspect == NULL) {
        return;
    }
    inspect->place = line->place;
    inspect->text = span_trim(line->rest.text);
    inspect->within = p->within;
    inspect->on = !line->no;
    if (!asa_next(&line->rest, &inspect->map)) {
        inspect->map.text = SPAN(ASA_DEFAULT_MAP);
    } else if (!asa_name_check(asa, &inspect->map) || !asa_end(asa, &line->rest)) {
        return;
    }
    *asa->last_inspect = inspect;
    asa->last_inspect = &inspect->next;
}

/* ---- PIX ---- */

static void add_fixup(struct parser *p, const struct statement_line *line)
{
    struct asa_fixup *fixup = asa_alloc(p->asa, sizeof(*fixup));

    if (fixup != NULL) {
        fixup->place = line->place;
        fixup->text = span_trim(line->rest.text);
        fixup->on = !line->no;
        *p->asa->last_fixup = fixup;
        p->asa->last_fixup = &fixup->next;
    }
}

static void read_fixup(struct parser *p, struct statement_line *line)
{
    struct asa_word word;

    p->mode = TOP;
    if (!asa_next(&line->rest, &word) || !asa_is(&word, "protocol")) {
        return;
    }
    asa_next(&line->rest, &word);
    if (is_typo(&word, "smtp")) {
        asa_error(p->asa, word.place, "unknown protocol \"%.*s\"; did you mean \"smtp\"?",
                  SPAN_ARG(word.text));
    }
    if (asa_is(&word, "smtp")) {
        add_fixup(p, line);
    }
}

/* An IPv4 address: what may stand in the configuration that is written. */
static bool is_address(struct span text)
{
    struct policy_network network;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '.' && !ascii_is_digit(text.ptr[i])) {
            return false;
        }
    }
    return policy_network_parse(text, &network);
}

static void read_mailhost(struct parser *p, struct statement_line *line)
{
    struct asa_word outside, inside;

    p->mode = TOP;
    add_fixup(p, line);
    if (asa_next(&line->rest, &outside) && asa_next(&line->rest, &inside) &&
        is_address(inside.text) && !line->no) {
        p->asa->server = inside.text;
    }
}

/* The number at the beginning of `*rest`, which is cut off. */
static bool cut_number(struct span *rest, uint64_t *number_r)
{
    size_t len = 0;

    while (len < rest->len && ascii_is_digit(rest->ptr[len])) {
        len++;
    }
    bool ok = span_number(span_head(*rest, len), number_r);
    *rest = span_from(*rest, len);
    return ok && *number_r < 1000;
}

/* "ASA Version 9.8(2)", "PIX Version 6.3(5)", "PIX Version 4.0.7" */
static void read_version(struct parser *p, struct statement_line *line)
{
    struct asa *asa = p->asa;
    struct asa_word word;
    uint64_t major, minor;

    p->mode = TOP;
    if (!asa_next(&line->rest, &word) || !asa_is(&word, "version") ||
        !asa_next(&line->rest, &word)) {
        return;
    }
    struct span rest = word.text;
    if (cut_number(&rest, &major) && rest.len > 0 && rest.ptr[0] == '.') {
        rest = span_from(rest, 1);
        if (cut_number(&rest, &minor)) {
            asa->pix = asa_is(&line->word, "pix");
            asa->major = (unsigned)major;
            asa->minor = (unsigned)minor;
            asa->version = word;
        }
    }
}

/* ---- lines ---- */

static void read_description(struct parser *p, struct statement_line *line)
{
    (void)p;
    (void)line;
}

static const struct statement {
    const char *word;
    unsigned modes;
    bool no; /* may stand behind `no` */
    void (*read)(struct parser *p, struct statement_line *line);
} statements[] = {
    {"regex", IN(TOP), false, read_regex},
    {"class-map", IN(TOP), false, read_class_map},
    {"policy-map", IN(TOP), false, read_policy_map},
    {"fixup", IN(TOP), true, read_fixup},
    {"mailhost", IN(TOP), true, read_mailhost},
    {"ASA", IN(TOP), false, read_version},
    {"PIX", IN(TOP), false, read_version},
    {"description", IN(REGEX_CLASS) | IN(CLASS) | IN(MAP) | IN(OUTER_MAP), false, read_description},
    {"match", IN(REGEX_CLASS) | IN(CLASS) | IN(MAP), false, read_match},
    {"class", IN(MAP) | IN(OUTER_MAP), false, read_class},
    {"parameters", IN(MAP), false, read_parameters},
    {"mask-banner", IN(PARAMETERS), true, read_setting},
    {"mail-relay", IN(PARAMETERS), true, read_setting},
    {"special-character", IN(PARAMETERS), true, read_setting},
    {"allow-tls", IN(PARAMETERS), true, read_setting},
    {"drop-connection", IN(ACTIONS), false, read_action},
    {"drop", IN(ACTIONS), false, read_action},
    {"mask", IN(ACTIONS), false, read_action},
    {"reset", IN(ACTIONS), false, read_action},
    {"log", IN(ACTIONS), false, read_action},
    {"rate-limit", IN(ACTIONS), false, read_action},
    {"inspect", IN(OUTER_CLASS), true, read_inspect},
};
enum { STATEMENTS = sizeof(statements) / sizeof(statements[0]) };

/* The statement of that word in the innermost block that knows it, which becomes the current one.
 * NULL where none does. */
static const struct statement *find_statement(struct parser *p, const struct statement_line *line)
{
    for (enum mode mode = p->mode;; mode = mode_infos[mode].parent) {
        for (size_t i = 0; i < STATEMENTS; i++) {
            if ((statements[i].modes & IN(mode)) != 0 && (!line->no || statements[i].no) &&
                asa_is(&line->word, statements[i].word)) {
                p->mode = mode;
                return &statements[i];
            }
        }
        if (mode == TOP) {
            return NULL;
        }
    }
}

/* How many letters the word is away from the nearest one that the block knows. */
static size_t word_distance(const struct parser *p, const struct asa_word *word)
{
    unsigned modes = IN(p->mode) | IN(mode_infos[p->mode].parent);
    size_t nearest = SIZE_MAX;

    for (size_t i = 0; i < STATEMENTS; i++) {
        size_t distance = span_distance(word->text, span_str(statements[i].word));
        if ((statements[i].modes & modes) != 0 && distance < nearest) {
            nearest = distance;
        }
    }
    return nearest;
}

static void unknown_statement(struct parser *p, const struct statement_line *line)
{
    bool strict = mode_infos[p->mode].strict;
    bool nested = line->place.column - 1 > p->indent;
    struct asa_expected expected;

    if (!strict) {
        return;
    }
    if (!nested && word_distance(p, &line->word) > 1) {
        p->mode = TOP;
        return;
    }
    if (line->no && word_distance(p, &line->word) == 0) {
        asa_error(p->asa, line->word.place,
                  "\"no %.*s\" changes a block: give the configuration as `show running-config` "
                  "prints it",
                  SPAN_ARG(line->word.text));
        return;
    }
    asa_expected_begin(&expected, &line->word);
    for (enum mode mode = p->mode; mode != TOP; mode = mode_infos[mode].parent) {
        for (size_t i = 0; i < STATEMENTS; i++) {
            if ((statements[i].modes & IN(mode)) != 0) {
                asa_expected_offer(&expected, span_str(statements[i].word));
            }
        }
    }
    asa_expected_error(p->asa, &expected, mode_infos[p->mode].name);
}

static void read_line(struct parser *p, struct span text, unsigned number)
{
    struct statement_line line = {.rest = {.text = text, .line = p->builtin ? 0 : number}};

    if (!asa_next(&line.rest, &line.word) || line.word.text.ptr[0] == '!' ||
        line.word.text.ptr[0] == ':') {
        return;
    }
    line.place = line.word.place;
    if (asa_is(&line.word, "exit") || asa_is(&line.word, "quit") || asa_is(&line.word, "end")) {
        p->mode = asa_is(&line.word, "end") ? TOP : mode_infos[p->mode].parent;
        return;
    }
    if (asa_is(&line.word, "no")) {
        line.no = true;
        asa_next(&line.rest, &line.word);
    }
    const struct statement *statement = find_statement(p, &line);
    if (statement != NULL) {
        statement->read(p, &line);
    } else {
        unknown_statement(p, &line);
    }
}

/* A line without its end and the blanks and CRs before it. */
static struct span trim_end(struct span line)
{
    while (line.len > 0 &&
           (ascii_is_blank(line.ptr[line.len - 1]) || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    return line;
}

void asa_parse(struct asa *asa, struct span text, bool builtin)
{
    struct parser parser = {.asa = asa, .builtin = builtin, .mode = TOP};

    for (unsigned number = 1; text.len > 0 && !asa->out_of_memory; number++) {
        size_t len = span_find(text, '\n');
        read_line(&parser, trim_end(span_head(text, len)), number);
        text = span_from(text, len < text.len ? len + 1 : len);
    }
}

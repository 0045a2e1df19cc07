/*
 * How an ASA configuration is read, for the files of this folder.
 *
 *     word.c      errors, words, names
 *     parse.c     lines -> statements -> the lists of struct asa
 *     match.c     the criteria: one table for their words, their values and ehlogate's fields
 *     action.c    the actions of a criterion, and the parameters of a map
 *     regex.c     the device's regular expressions -> PCRE2
 *     policy.c    struct asa -> an ehlogate configuration
 *     rule.c      a criterion and its action -> a `when` rule, built and checked by policy/rule.h
 */
#ifndef ASA_PRIVATE_H
#define ASA_PRIVATE_H

#include "asa/asa.h"
#include "base/arena.h"
#include "policy/rule.h"

enum {
    ASA_ERRORS_MAX = 100,  /* more are not shown */
    ASA_NAME_MAX = 128,    /* octets of a name; the device has 40, or 128 in later releases */
    ASA_PATTERN_MAX = 256, /* octets of a regular expression; the device has 100, later 200 */
    ASA_COMMENT_MAX = 160, /* octets of a foreign line that a comment shows */
};

struct asa_place {
    unsigned line; /* 0: of the device's built-in default map */
    unsigned column;
};

/* A word as it stands in the file; `text` borrows the file's text. */
struct asa_word {
    struct asa_word *next;
    struct span text;
    struct asa_place place;
};

/* ---- regular expressions ---- */

/* What a reader of the translation should be told. */
enum asa_regex_note {
    ASA_REGEX_DOLLAR = 1 << 0, /* a "$" where others have an anchor */
    ASA_REGEX_LETTER = 1 << 1, /* a letter or digit behind a backslash that makes no escape */
    ASA_REGEX_CLASS = 1 << 2,  /* "[:" within brackets */
};

struct asa_pattern {
    unsigned char text[4096];
    size_t len;
    unsigned notes;    /* enum asa_regex_note */
    const char *fault; /* why it cannot be translated; NULL where it could be */
    size_t fault_at;   /* offset of the octet at fault */
};

/* Translate; look at fault. */
void asa_regex_translate(struct span regex, struct asa_pattern *pattern_r);

struct asa_regex {
    struct asa_regex *next;
    struct asa_word name;
    struct span pattern; /* PCRE2 */
    unsigned notes;
    const char *fault;
    struct asa_place fault_place;
};

/* ---- criteria ---- */

enum asa_kind {
    ASA_NUMBER,     /* above a number */
    ASA_VERBS,      /* one of some verbs */
    ASA_PARAMETERS, /* one of some EHLO keywords */
    ASA_ENCODINGS,  /* one of some transfer encodings */
    ASA_REGEX,      /* a regular expression, or a class of them */
};

struct asa_criterion {
    const char *words; /* what stands behind `match [not]`, up to the value */
    const char *field; /* ehlogate's */
    enum asa_kind kind;
    bool folded; /* the pattern matches small and capital letters alike */
};
extern const struct asa_criterion asa_criteria[]; /* ends with words NULL */

/* The words of a value that stand for something else here. */
struct asa_value {
    const char *word; /* the device's */
    const char *name; /* ehlogate's */
};
extern const struct asa_value asa_parameters[]; /* EHLO keywords; ends with word NULL */
extern const struct asa_value asa_encodings[];

struct asa_match {
    struct asa_match *next;
    struct asa_place place;
    struct span text; /* the line */
    bool negated;
    const struct asa_criterion *criterion;
    uint64_t number;
    struct asa_word *words; /* VERBS … ENCODINGS, by ehlogate's names; "others" last or absent */
    bool others;            /* that one is among them */
    struct asa_word name;   /* REGEX */
    bool class;             /* it is a class's */
};

/* `class-map type inspect esmtp` and `class-map type regex` */
struct asa_class {
    struct asa_class *next;
    struct asa_word name;
    bool regex;
    bool any;                               /* of its criteria, else all */
    struct asa_match *matches, **last;      /* unless it is a regex class */
    struct asa_word *regexes, **last_regex; /* if it is one: their names */
};

/* ---- maps ---- */

struct asa_actions {
    struct asa_word *lines, **last; /* as written */
    bool drop;                      /* the connection, or (in old releases) the packet alone */
    bool packet;                    /* the packet alone */
    bool protocol_error;
    bool mask, reset, log, rated;
    uint64_t rate;
};

/* `match …` or `class NAME` of a policy map, and what to do. */
struct asa_item {
    struct asa_item *next;
    struct asa_place place;
    struct span text;
    const struct asa_match *match; /* NULL: `class` */
    struct asa_word class;
    struct asa_actions actions;
};

enum asa_setting_name { ASA_BANNER, ASA_RELAY, ASA_SPECIAL, ASA_TLS };
enum { ASA_SETTINGS = ASA_TLS + 1 };

/* A line of `parameters`. */
struct asa_setting {
    bool given, on;
    struct asa_place place;
    struct span text;
    bool drop;
    struct span domain; /* RELAY */
};

/* `policy-map type inspect esmtp` */
struct asa_map {
    struct asa_map *next;
    struct asa_word name;
    struct span text;
    struct asa_setting settings[ASA_SETTINGS];
    struct asa_item *items, **last;
};

/* `inspect esmtp [MAP]`, and where. */
struct asa_inspect {
    struct asa_inspect *next;
    struct asa_place place;
    struct span text;
    struct asa_word map;
    struct span within; /* the policy map's name */
    bool on;            /* without `no` */
};

/* `fixup protocol smtp`, `mailhost` */
struct asa_fixup {
    struct asa_fixup *next;
    struct asa_place place;
    struct span text;
    bool on;
};

struct asa {
    struct arena arena;
    const char *file;
    FILE *errors;
    unsigned error_count;
    unsigned left; /* things that could not be carried over */
    bool out_of_memory;

    bool pix;                /* the version is a PIX's */
    unsigned major, minor;   /* 0 where there is no version */
    struct asa_word version; /* as written */
    struct span server;      /* of `mailhost`: the mail server's own address */

    struct asa_regex *regexes, **last_regex;
    struct asa_class *classes, **last_class;
    struct asa_map *maps, **last_map;
    struct asa_inspect *inspects, **last_inspect;
    struct asa_fixup *fixups, **last_fixup;
};

#define ASA_DEFAULT_MAP "_default_esmtp_map"

/* ---- word.c ---- */

/* A line while it is read. */
struct asa_line {
    struct span text; /* without blanks at its end */
    size_t at;
    unsigned line;
};

void asa_error(struct asa *asa, struct asa_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Something cannot be carried over: a comment in `out`, a line among the errors. */
void asa_left(struct asa *asa, struct asa_place place, FILE *out, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Zeroed memory, or NULL and out_of_memory. */
void *asa_alloc(struct asa *asa, size_t size);

/* The next word; false, and the place behind the last one, where there is none. */
bool asa_next(struct asa_line *line, struct asa_word *word_r);

/* False and an error where a word is left. */
bool asa_end(struct asa *asa, struct asa_line *line);

/* The next word as a name: false and an error where it is missing, too long or not printable ASCII.
 */
bool asa_name(struct asa *asa, struct asa_line *line, struct asa_word *name_r);
bool asa_name_check(struct asa *asa, const struct asa_word *word);

/* Is it that word, letters folded? */
bool asa_is(const struct asa_word *word, const char *known);

/* The nearest of some names: begin with distance SIZE_MAX, offer each. */
struct asa_nearest {
    struct span name; /* empty while none is near */
    size_t distance;
};
void asa_nearest_offer(struct asa_nearest *nearest, struct span word, struct span known);

/* What was expected where a word is unknown or missing: begin, offer each known word, then tell. */
struct asa_expected {
    struct asa_word word; /* text.len 0: the line has ended */
    char known[512];
    size_t used;
    struct asa_nearest near;
};
void asa_expected_begin(struct asa_expected *expected_r, const struct asa_word *word);
void asa_expected_offer(struct asa_expected *expected, struct span known);
void asa_expected_error(struct asa *asa, const struct asa_expected *expected, const char *what);

/* The same in one call, of a NULL-terminated list. */
void asa_unknown(struct asa *asa, const struct asa_word *word, const char *what,
                 const char *const *known);

/* ---- parse.c ---- */

/* Read the text, or (`builtin`) one that is no part of the file. */
void asa_parse(struct asa *asa, struct span text, bool builtin);

/* ---- match.c ---- */

/* The rest of a line behind `match`; NULL and an error. */
struct asa_match *asa_match_read(struct asa *asa, struct asa_line *line, struct asa_place place);

/* ---- action.c ---- */

/* A line of actions that begins with `word`. */
void asa_action_read(struct asa *asa, struct asa_line *line, const struct asa_word *word,
                     struct asa_item *item);

/* A line of `parameters` that begins with [no] `word`. */
void asa_setting_read(struct asa *asa, struct asa_line *line, const struct asa_word *word, bool no,
                      struct asa_map *map);

/* ---- asa.c ---- */

const struct asa_regex *asa_regex_find(const struct asa *asa, struct span name);
const struct asa_class *asa_class_find(const struct asa *asa, struct span name, bool regex);
const struct asa_map *asa_map_find(const struct asa *asa, struct span name);

/* ---- rule.c ---- */

/* The action that is taken: the strongest, as the device takes one and logs it. */
enum policy_action asa_action(const struct asa_actions *actions);

/* Write the `when` rule for the criterion (with `all`: for it and those behind it) and the actions,
 * with what there is to say about it. */
void asa_rule_print(struct asa *asa, const struct asa_match *matches, bool all,
                    const struct asa_actions *actions, FILE *out);

/* The rules of `mail-relay` and `special-character`. */
void asa_relay_print(struct asa *asa, const struct asa_setting *setting, FILE *out);
void asa_special_print(struct asa *asa, const struct asa_setting *setting, FILE *out);

/* ---- policy.c ---- */

#define ASA_INDENT "    "

void asa_print(struct asa *asa, FILE *out);

#endif

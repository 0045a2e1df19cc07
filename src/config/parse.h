/*
 * How a configuration is read, for the files of this folder, its tests and its fuzzer.
 *
 *     source.c  a file, its includes
 *     lexer.l   bytes -> words, strings, punctuation, line ends
 *     token.c   those -> the tokens of the grammar: where a statement begins and ends
 *     grammar.y tokens -> calls of the functions here, one a statement
 *     build.c, build_policy.c, build_rule.c, build_list.c   what each statement does
 *     link.c    references, what is missing, what stands twice
 *
 * An error is written where it is found and reading goes on, so that one run shows them all.
 */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/config.h"
#include "policy/edit.h"

#include <stdalign.h>
#include <sys/types.h>

enum config_block { CONFIG_TOP, CONFIG_BACKEND, CONFIG_LISTENER, CONFIG_POLICY, CONFIG_LIST };
enum { CONFIG_BLOCKS = CONFIG_LIST + 1 };

enum {
    CONFIG_WORD_MAX = 255,    /* octets of a word */
    CONFIG_STRING_MAX = 4095, /* octets of a string: a path */
    CONFIG_FILE_MAX = 16 * 1024 * 1024,
    CONFIG_DEPTH_MAX = 16,   /* files that include one another */
    CONFIG_ERRORS_MAX = 100, /* more are not shown */
    CONFIG_ADDRS_MAX = 32,   /* addresses of one name */
    CONFIG_PARENS_MAX = 50,  /* parentheses within one another */
    CONFIG_LIST_FILE_MAX = 1024 * 1024 * 1024,
};

/* A word or string with its place. `text` borrows the source's content. */
struct config_word {
    struct config_word *next;
    struct span text;
    struct config_place place;
};

/* A value behind an operator: a word, a string, or a string with an i behind it. */
struct config_operand {
    struct config_word word;
    bool quoted, nocase;
};

/* What stands behind the expression of a rule. */
struct config_effect {
    bool dry;
    bool bad; /* which has been reported */
    struct config_word action;
    /* What the action has with it; text.ptr is NULL where it is missing. */
    struct config_word number, period, text;
};

struct config_words {
    struct config_word *first, *last;
    bool bad; /* there was more, which has been reported */
};

/* A statement that may stand once in its block, and stood. */
struct config_seen {
    struct config_seen *next;
    const char *statement;
    const char *name; /* "recipients" in `limit recipients`; NULL where there is none */
    struct config_place place;
};

/* What a listener names and link.c resolves. */
struct config_reference {
    struct config_reference *next;
    struct config_listener *listener;
    const char *name;
    enum config_block kind; /* CONFIG_BACKEND or CONFIG_POLICY */
    struct config_place place;
};

/* One reading of a configuration, over all its files. */
struct config_parser {
    struct config *config;
    FILE *errors; /* borrowed */
    unsigned error_count;
    bool out_of_memory;
    bool follow; /* includes are followed */
    struct config_place begin;

    struct config_seen *top_seen, *block_seen;
    struct config_reference *references;

    /* What is being built; NULL outside of its block. */
    struct config_backend *backend;
    struct config_listener *listener;
    struct config_policy *policy;
    struct config_list *list;
    struct policy_edit edit;
    unsigned errors_before; /* the block that is being built */
    bool edited;            /* a statement has changed the policy: too late for `profile` */
};

/* One file while it is read. */
struct config_source {
    struct config_parser *parser;
    const struct config_source *parent; /* that includes this one; NULL for the first */
    const char *name;                   /* in the arena */
    dev_t device;                       /* with inode: to notice a file that includes itself */
    ino_t inode;
    unsigned depth;

    char *content; /* owned; two NULs follow, as flex wants */
    size_t len;
    void *scanner; /* flex's, in flex_memory */
    size_t flex_used;
    unsigned line, column;     /* of the next octet */
    struct config_place place; /* of the current token */

    /* token.c */
    bool begin;      /* the next word begins a statement */
    bool rule;       /* the statement is a rule, which has words of its own */
    bool value;      /* the next word is a value or name, whatever it reads */
    bool line_begin; /* the next token is the first of its line */
    bool goes_on;    /* the last token was a comma or an operator */
    unsigned parens; /* that are open */
    bool skip;       /* pass over the rest of the statement */
    unsigned braces; /* open ones in what is skipped */
    struct config_place brace_place;
    struct span statement; /* the word that began the current one */
    unsigned since;        /* tokens of it so far */
    enum config_block block, opens;
    struct config_place block_place;
    bool held;        /* the raw token is looked at once more */
    int raw;          /* the last one */
    struct span text; /* its text */

    /* All that flex allocates: its own state and that of one buffer. It would exit() where memory
     * is out; here it cannot be. */
    alignas(max_align_t) unsigned char flex_memory[1024];
};

/* error.c */
void config_error(struct config_parser *parser, struct config_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void config_error_memory(struct config_parser *parser);

/* The nearest of some known words: begin, offer each, then ask. */
struct config_near {
    struct span word, best;
    size_t distance;
};
struct config_near config_near_begin(struct span word);
void config_near_offer(struct config_near *near, struct span known);
void config_near_offer_all(struct config_near *near, const char *const *known);

/* `; did you mean "X"?`, or nothing where no word is near, for the end of an error. `text_r` is
 * returned and has CONFIG_HINT_MAX octets. */
enum { CONFIG_HINT_MAX = 128 };
const char *config_near_hint(const struct config_near *near, char *text_r);

/* "a, b or c" */
void config_list_words(const char *const *known, char *text_r, size_t size);

/* The index of `word` in the NULL-terminated `known`, or -1 and an error that lists the words:
 * `WHAT: unknown word "X"; expected a, b or c; did you mean "a"?`. */
int config_find_word(struct config_parser *parser, const struct config_word *word,
                     const char *const *known, const char *what);

/* statement.c: the words that begin a statement. */
int config_statement_token(enum config_block block, struct span word, enum config_block *opens_r);
void config_statement_unknown(struct config_source *source, struct span word);
const char *config_block_name(enum config_block block); /* "listener" */
bool config_statement_opens(struct span word);          /* begins a block at the top */

/* The words of which one follows that word: "pass, hide or require". False where any may. */
bool config_statement_expected(struct span word, char *text_r, size_t size);

/* token.c: the last token, for "expected …, got …". */
void config_token_describe(const struct config_source *source, char *text_r, size_t size);

/* number.c: read a number of the kind; false and an error where it is not one or out of range. */
struct config_range {
    const char *what; /* for the error: "limit recipients" */
    uint64_t min, max;
    bool none; /* 0 as well */
};
bool config_read_count(struct config_parser *parser, const struct config_word *word,
                       const struct config_range *range, uint64_t *value_r);
bool config_read_size(struct config_parser *parser, const struct config_word *word,
                      const struct config_range *range, uint64_t *value_r);
bool config_read_time(struct config_parser *parser, const struct config_word *word,
                      const struct config_range *range, uint64_t *milliseconds_r);

/* build.c: one function a statement, called by the grammar. */
void config_words_add(struct config_parser *parser, struct config_words *words,
                      struct config_word word);
bool config_once(struct config_parser *parser, const char *statement, const char *name,
                 struct config_place place);
void config_set_hostname(struct config_parser *parser, const struct config_word *value,
                         struct config_place place);
void config_set_user(struct config_parser *parser, const struct config_word *value,
                     struct config_place place);
void config_set_group(struct config_parser *parser, const struct config_word *value,
                      struct config_place place);
void config_set_workers(struct config_parser *parser, const struct config_word *value,
                        struct config_place place);
void config_set_sessions(struct config_parser *parser, const struct config_word *value,
                         struct config_place place);
void config_set_drain(struct config_parser *parser, const struct config_word *value,
                      struct config_place place);
void config_set_log(struct config_parser *parser, const struct config_word *what,
                    const struct config_word *value, struct config_place place);
void config_begin_block(struct config_parser *parser, enum config_block block,
                        const struct config_words *head, struct config_place place);
void config_end_block(struct config_parser *parser);
void config_error_twice(struct config_parser *parser, enum config_block block, const char *name,
                        struct config_place place, struct config_place first);
void config_no_block(struct config_parser *parser, enum config_block block,
                     struct config_place place);
void config_add_server(struct config_parser *parser, const struct config_word *addr);
void config_add_listen(struct config_parser *parser, const struct config_words *addrs);
void config_add_reference(struct config_parser *parser, enum config_block kind,
                          const struct config_word *name, struct config_place place);
char *config_string(struct config_parser *parser, struct span text);

/* build_policy.c */
void config_error_profile(struct config_parser *parser, struct span name,
                          struct config_place place);
void config_set_profile(struct config_parser *parser, const struct config_word *name,
                        struct config_place place);
void config_set_banner(struct config_parser *parser, const struct config_word *what,
                       const struct config_word *text, struct config_place place);
void config_set_ehlo(struct config_parser *parser, const struct config_word *what,
                     struct config_place place);
void config_set_starttls(struct config_parser *parser, const struct config_word *what,
                         struct config_place place);
void config_set_command(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *words);
void config_set_keyword(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *words);
void config_set_framing(struct config_parser *parser, const struct config_word *action,
                        const struct config_words *events);
void config_set_checks(struct config_parser *parser, bool enforce,
                       const struct config_words *checks);
void config_set_forward(struct config_parser *parser, const struct config_word *what,
                        struct config_place place);
void config_set_limit(struct config_parser *parser, const struct config_word *name,
                      const struct config_word *value, struct config_place place);
void config_set_timeout(struct config_parser *parser, const struct config_word *name,
                        const struct config_word *value, struct config_place place);

/* build_rule.c. The expressions are NULL where they have an error, which has been reported. */
struct policy_expr *config_condition(struct config_parser *parser, const struct config_word *field,
                                     const struct config_word *parameter,
                                     const struct config_word *op,
                                     const struct config_operand *operand);
struct policy_expr *config_condition_list(struct config_parser *parser,
                                          const struct config_word *field,
                                          const struct config_word *parameter, bool in,
                                          const struct config_word *list);
struct policy_expr *config_and(struct config_parser *parser, struct policy_expr *a,
                               struct policy_expr *b, struct config_place place);
struct policy_expr *config_or(struct config_parser *parser, struct policy_expr *a,
                              struct policy_expr *b, struct config_place place);
struct policy_expr *config_not(struct config_parser *parser, struct policy_expr *a,
                               struct config_place place);
void config_add_rule(struct config_parser *parser, const struct policy_expr *expr,
                     const struct config_effect *effect, const struct config_word *name,
                     struct config_place place);

/* build_list.c. The list of that name; one that is not defined yet is noted as such. NULL when
 * memory is out. */
struct config_list *config_find_list(struct config_parser *parser, const struct config_word *name);
void config_begin_list(struct config_parser *parser, const char *name, struct config_place place);
void config_add_entries(struct config_parser *parser, const struct config_words *entries);
void config_add_list_file(struct config_source *source, const struct config_word *path);
void config_link_lists(struct config_parser *parser);

/* Path of a file that this one names: relative to it. NULL when memory is out. */
char *config_relative_path(const struct config_source *source, struct span file);

/* link.c: after the last statement. */
void config_link(struct config_parser *parser);

/* source.c: read `content` under that name, or a file, as part of the configuration. */
void config_read_content(struct config_parser *parser, const char *name, struct span content);
void config_read_file(struct config_parser *parser, const char *path);
void config_include(struct config_source *source, const struct config_word *pattern);

/* What config_load() does, with the content at hand. No file is read: an include is an error. */
struct config *config_parse(const char *name, struct span content, FILE *errors)
    __attribute__((warn_unused_result));

/* lexer.l: raw tokens, beside those of the grammar. */
enum config_raw {
    CONFIG_RAW_END, /* of the file */
    CONFIG_RAW_NEWLINE,
    CONFIG_RAW_WORD,
    CONFIG_RAW_STRING,
    CONFIG_RAW_NOCASE, /* a string with an i behind it */
    CONFIG_RAW_OPERATOR,
    CONFIG_RAW_ERROR, /* that has been reported */
    /* and ';', '{', '}', '(', ')', ',' as themselves */
};
bool config_lexer_open(struct config_source *source);
void config_lexer_close(struct config_source *source);
int config_lexer_next(struct config_source *source, struct span *text_r);

#endif

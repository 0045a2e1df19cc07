/*
 * The configuration language (docs/configuration.md). The rules below are its reference; what a
 * statement does is in the build*.c files, and the words that it takes are in the tables of
 * policy/words.c, policy/action.c, policy/field.c, smtp/verb.c and smtp/keyword.c.
 *
 * token.c prepares the tokens:
 *   - A word that begins a statement comes as that statement's own token; one that begins none of
 *     the block it stands in is reported there and comes as UNKNOWN, the rest of it passed over.
 *     Anywhere else the same letters are just a WORD: `backend policy` is a backend of that name.
 *   - END ends every statement: a line end, a ";" or what stands before a "}". After a comma or an
 *     operator and inside parentheses a line end is none.
 *   - A rule has words of its own: and, or, not, in, log, as, per. Behind an operator, "in" and "as"
 *     they are words like any other: `verb = NOOP`.
 */
%require "3.8"
%define api.pure full
%define api.prefix {config_yy}
%define api.location.type {struct config_place}
%define parse.error custom
%define parse.lac full
%locations
%param {struct config_source *source}

%code requires {
#include "config/parse.h"
}

%code {
#include "base/mem.h"

#define YYMALLOC mem_alloc
#define YYFREE mem_free

/* A rule stands where its first word does. */
#define YYLLOC_DEFAULT(Current, Rhs, N) ((Current) = YYRHSLOC(Rhs, (N) > 0 ? 1 : 0))

int config_yylex(YYSTYPE *value, YYLTYPE *place, struct config_source *source);

static void yyerror(const YYLTYPE *place, struct config_source *source, const char *message);

#define P (source->parser)
}

%union {
    struct span text;
    struct config_word word;
    struct config_words words;
    struct policy_expr *expr;
    struct {
        struct config_word name, parameter;
    } field;
    struct config_operand operand;
    struct config_effect effect;
}

%token END "the end of the statement"
%token OPEN "{" CLOSE "}" COMMA ","
%token LPAREN "(" RPAREN ")"
%token <text> WORD "a word" STRING "a string in quotes" OPERATOR "an operator"
%token <text> NOCASE "a pattern in quotes"
%token UNKNOWN "an unknown statement"

%token INCLUDE "include" HOSTNAME "hostname" USER "user" GROUP "group" WORKERS "workers"
%token SESSIONS "sessions" DRAIN "drain" LOG "log"
%token BACKEND "backend" LISTENER "listener" POLICY "policy"
%token SERVER "server" LISTEN "listen"
%token PROFILE "profile" BANNER "banner" EHLO "ehlo" STARTTLS "starttls" COMMAND "command"
%token KEYWORD "keyword" FRAMING "framing" ENFORCE "enforce" RELAX "relax" FORWARD "forward"
%token LIMIT "limit" TIMEOUT "timeout"
%token LIST "list" FILE_ "file"
%token WHEN "when" AND "and" OR "or" NOT "not" IN "in" AS "as" PER "per"

%type <word> word string value
%type <words> list values head
%type <expr> expression conjunction unit condition
%type <field> field
%type <operand> operand
%type <effect> effect doing arguments number
%type <word> name

%%

configuration:
    statements
    ;

statements:
    %empty
    | statements statement
    ;

statement:
    INCLUDE value END               { config_include(source, &$value); }
    | HOSTNAME value END            { config_set_hostname(P, &$value, @$); }
    | USER value END                { config_set_user(P, &$value, @$); }
    | GROUP value END               { config_set_group(P, &$value, @$); }
    | WORKERS word END              { config_set_workers(P, &$word, @$); }
    | SESSIONS word END             { config_set_sessions(P, &$word, @$); }
    | DRAIN word END                { config_set_drain(P, &$word, @$); }
    | LOG word value END            { config_set_log(P, &$word, &$value, @$); }
    | backend open backend_statements "}"    { config_end_block(P); }
    | backend END                   { config_no_block(P, CONFIG_BACKEND, @END); yyerrok; }
    | listener open listener_statements "}"  { config_end_block(P); }
    | listener END                  { config_no_block(P, CONFIG_LISTENER, @END); yyerrok; }
    | policy open policy_statements "}"      { config_end_block(P); }
    | policy END                    { config_no_block(P, CONFIG_POLICY, @END); yyerrok; }
    | list_block open list_statements "}"    { config_end_block(P); }
    | list_block END                { config_no_block(P, CONFIG_LIST, @END); yyerrok; }
    | nothing
    ;

list_block:
    LIST head                       { config_begin_block(P, CONFIG_LIST, &$head, @$); }
    ;

list_statements:
    %empty
    | list_statements list_statement
    ;

list_statement:
    values END                      { config_add_entries(P, &$values); }
    | FILE_ value END               { config_add_list_file(source, &$value); }
    | END
    | error END                     { yyerrok; }
    ;

backend:
    BACKEND head                    { config_begin_block(P, CONFIG_BACKEND, &$head, @$); }
    ;

backend_statements:
    %empty
    | backend_statements backend_statement
    ;

backend_statement:
    SERVER value END                { config_add_server(P, &$value); }
    | nothing
    ;

listener:
    LISTENER head                   { config_begin_block(P, CONFIG_LISTENER, &$head, @$); }
    ;

listener_statements:
    %empty
    | listener_statements listener_statement
    ;

listener_statement:
    LISTEN values END               { config_add_listen(P, &$values); }
    | BACKEND value END             { config_add_reference(P, CONFIG_BACKEND, &$value, @$); }
    | POLICY value END              { config_add_reference(P, CONFIG_POLICY, &$value, @$); }
    | nothing
    ;

policy:
    POLICY head                     { config_begin_block(P, CONFIG_POLICY, &$head, @$); }
    ;

policy_statements:
    %empty
    | policy_statements policy_statement
    ;

policy_statement:
    PROFILE value END               { config_set_profile(P, &$value, @$); }
    | BANNER word END               { config_set_banner(P, &$word, NULL, @$); }
    | BANNER word string END        { config_set_banner(P, &$word, &$string, @$); }
    | EHLO word END                 { config_set_ehlo(P, &$word, @$); }
    | STARTTLS word END             { config_set_starttls(P, &$word, @$); }
    | COMMAND word list END         { config_set_command(P, &$word, &$list); }
    | KEYWORD word list END         { config_set_keyword(P, &$word, &$list); }
    | FRAMING word list END         { config_set_framing(P, &$word, &$list); }
    | ENFORCE list END              { config_set_checks(P, true, &$list); }
    | RELAX list END                { config_set_checks(P, false, &$list); }
    | FORWARD word END              { config_set_forward(P, &$word, @$); }
    | LIMIT word[name] word[number] END     { config_set_limit(P, &$name, &$number, @$); }
    | TIMEOUT word[name] word[time] END     { config_set_timeout(P, &$name, &$time, @$); }
    | WHEN expression effect name END
                                    { config_add_rule(P, $expression, &$effect, &$name, @$); }
    | nothing
    ;

expression:
    conjunction
    | expression OR conjunction     { $$ = config_or(P, $1, $3, @2); }
    ;

conjunction:
    unit
    | conjunction AND unit          { $$ = config_and(P, $1, $3, @2); }
    ;

unit:
    condition
    | "(" expression ")"            { $$ = $2; }
    | NOT condition                 { $$ = config_not(P, $2, @1); }
    | NOT "(" expression ")"        { $$ = config_not(P, $3, @1); }
    ;

condition:
    field                           { $$ = config_condition(P, &$1.name, &$1.parameter, NULL,
                                                            NULL); }
    | field OPERATOR operand        { struct config_word op = {NULL, $2, @2};
                                      $$ = config_condition(P, &$1.name, &$1.parameter, &op, &$3); }
    | field IN value                { $$ = config_condition_list(P, &$1.name, &$1.parameter, true,
                                                                 &$3); }
    | field NOT IN value            { $$ = config_condition_list(P, &$1.name, &$1.parameter, false,
                                                                 &$4); }
    ;

field:
    word                            { $$.name = $1;
                                      $$.parameter = (struct config_word){.next = NULL}; }
    | word "(" string ")"           { $$.name = $1; $$.parameter = $3; }
    ;

operand:
    word                            { $$ = (struct config_operand){.word = $1}; }
    | string                        { $$ = (struct config_operand){.word = $1, .quoted = true}; }
    | NOCASE                        { $$ = (struct config_operand){{NULL, $1, @1}, true, true}; }
    ;

/* `log` before an action is the rule's dry run; alone it is the action. */
effect:
    doing
    | LOG                           { $$ = (struct config_effect){
                                          .action = {NULL, SPAN("log"), @1}}; }
    | LOG doing                     { $$ = $2; $$.dry = true; }
    ;

doing:
    word arguments                  { $$ = $2; $$.action = $1; }
    ;

arguments:
    %empty                          { $$ = (struct config_effect){.dry = false}; }
    | string                        { $$ = (struct config_effect){.text = $1}; }
    | number
    | number string                 { $$ = $1; $$.text = $2; }
    ;

number:
    word                            { $$ = (struct config_effect){.number = $1}; }
    | word PER word                 { $$ = (struct config_effect){.number = $1, .period = $3}; }
    ;

name:
    %empty                          { $$ = (struct config_word){.next = NULL}; }
    | AS value                      { $$ = $2; }
    ;

/* A block's name. Whatever else stands before the "{" is an error of its own, so that the block
 * behind it is still read as what it was meant to be. */
head:
    %empty                          { $$ = (struct config_words){.first = NULL}; }
    | head value                    { $$ = $1; config_words_add(P, &$$, $value); }
    | head error                    { $$ = $1; $$.bad = true; }
    ;

open:
    "{"                             { yyerrok; }
    ;

/* No statement: an empty one, one that has been reported, one that is wrong. */
nothing:
    END
    | UNKNOWN END
    | error END                     { yyerrok; }
    ;

list:
    word                            { $$ = (struct config_words){.first = NULL};
                                      config_words_add(P, &$$, $word); }
    | list "," word                 { $$ = $1; config_words_add(P, &$$, $word); }
    ;

values:
    value                           { $$ = (struct config_words){.first = NULL};
                                      config_words_add(P, &$$, $value); }
    | values "," value              { $$ = $1; config_words_add(P, &$$, $value); }
    ;

/* A name, an address or a path. */
value:
    word
    | string
    ;

word:
    WORD                            { $$ = (struct config_word){NULL, $1, @1}; }
    ;

string:
    STRING                          { $$ = (struct config_word){NULL, $1, @1}; }
    ;

%%

static void yyerror(const YYLTYPE *place, struct config_source *source, const char *message)
{
    /* Only "memory exhausted" comes this way; syntax errors go to yyreport_syntax_error(). */
    (void)place;
    (void)message;
    config_error_memory(source->parser);
}

enum { EXPECTED_MAX = 8 };

/* What a word would be: in a rule more can be said than that it is one. */
static const char *word_name(const yysymbol_kind_t *expected, int count)
{
    const char *name = yysymbol_name(YYSYMBOL_WORD);

    for (int i = 0; i < count; i++) {
        if (expected[i] == YYSYMBOL_LOG || expected[i] == YYSYMBOL_AS) {
            return "an action";
        }
        if (expected[i] == YYSYMBOL_LPAREN) {
            name = "a field";
        }
    }
    return name;
}

/* "A, B or C" into `text_r`; "a statement" where one may begin. */
static void describe_expected(const yypcontext_t *context, char *text_r, size_t size)
{
    yysymbol_kind_t expected[EXPECTED_MAX];
    int count = yypcontext_expected_tokens(context, expected, EXPECTED_MAX);
    size_t used = 0;
    int kept = 0;
    const char *word = word_name(expected, count);

    snprintf(text_r, size, "a statement");
    for (int i = 0; i < count; i++) {
        if (expected[i] == YYSYMBOL_UNKNOWN) {
            return;
        }
        if (expected[i] != YYSYMBOL_LOG) { /* it is an action, too */
            expected[kept++] = expected[i];
        }
    }
    for (int i = 0; i < kept && used < size; i++) {
        const char *name = expected[i] == YYSYMBOL_WORD ? word : yysymbol_name(expected[i]);
        const char *quote = strchr(name, ' ') != NULL ? "" : "\"";
        const char *between = i == 0 ? "" : i + 1 == kept ? " or " : ", ";
        int n = snprintf(text_r + used, size - used, "%s%s%s%s", between, quote, name, quote);
        used += n > 0 ? (size_t)n : 0;
    }
}

static int yyreport_syntax_error(const yypcontext_t *context, struct config_source *source)
{
    char expected[256], got[128];
    bool first_word = source->since == 2 && yypcontext_token(context) != YYSYMBOL_OPEN;

    config_token_describe(source, got, sizeof(got));
    if (!first_word || !config_statement_expected(source->statement, expected, sizeof(expected))) {
        describe_expected(context, expected, sizeof(expected));
    }
    if (yypcontext_token(context) == YYSYMBOL_OPEN && source->block != CONFIG_TOP &&
        config_statement_opens(source->statement)) {
        config_error(P, *yypcontext_location(context),
                     "expected %s, got %s; is a \"}\" missing? The %s block of line %u is still open",
                     expected, got, config_block_name(source->block), source->block_place.line);
    } else {
        config_error(P, *yypcontext_location(context), "expected %s, got %s", expected, got);
    }
    return 0;
}

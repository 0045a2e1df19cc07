/*
 * From the lexer's words to the grammar's tokens: where a statement begins, and where it ends.
 *
 * That a line end ends a statement, except after a comma, is a matter of what came before, and
 * which words begin a statement is a matter of the block. Rejected: telling the lexer by start
 * conditions set from the grammar's actions, which depends on when bison reads ahead. Here both
 * follow from the tokens alone, and a syntax error cannot bring grammar and blocks out of step:
 * what an unknown statement brings along is passed over before the grammar sees it.
 */
#include "config/parse.h"

#include "config/grammar.h"

int config_yylex(CONFIG_YYSTYPE *value, CONFIG_YYLTYPE *place, struct config_source *source);

static void read_raw(struct config_source *source)
{
    if (source->held) {
        source->held = false;
        return;
    }
    source->raw = config_lexer_next(source, &source->text);
}

/* The statement ends before the current raw token, which comes again where `hold`. */
static int end_statement(struct config_source *source, bool hold)
{
    source->held = hold;
    source->begin = true;
    source->goes_on = false;
    source->parens = 0;
    source->skip = false;
    source->braces = 0;
    source->opens = CONFIG_TOP;
    source->rule = false;
    source->value = false;
    return END;
}

static int end_file(struct config_source *source)
{
    if (source->skip && source->braces > 0) {
        config_error(source->parser, source->brace_place,
                     "this \"{\" is not closed: expected \"}\" before the end of the file");
        source->braces = 0;
    }
    if (!source->begin) {
        return end_statement(source, true);
    }
    if (source->block != CONFIG_TOP) {
        config_error(source->parser, source->block_place,
                     "the %s block that begins here is not closed: expected \"}\" before the end "
                     "of the file",
                     config_block_name(source->block));
        source->block = CONFIG_TOP;
        source->held = true;
        return CLOSE;
    }
    return CONFIG_YYEOF;
}

static int open_brace(struct config_source *source)
{
    if (source->opens != CONFIG_TOP) {
        source->block = source->opens;
        source->block_place = source->place;
        source->opens = CONFIG_TOP;
        source->begin = true;
        return OPEN;
    }
    bool at_begin = source->begin;
    source->skip = true;
    source->braces = 1;
    source->brace_place = source->place;
    source->begin = false;
    if (at_begin) {
        config_error(source->parser, source->place,
                     "this \"{\" opens no block; it has to stand on the line of the block's name");
        return UNKNOWN;
    }
    return OPEN;
}

static int close_brace(struct config_source *source)
{
    if (!source->begin) {
        return end_statement(source, true);
    }
    if (source->block == CONFIG_TOP) {
        config_error(source->parser, source->place, "this \"}\" closes nothing");
        return 0;
    }
    source->block = CONFIG_TOP;
    return CLOSE;
}

static int begin_statement(struct config_source *source)
{
    int token = config_statement_token(source->block, source->text, &source->opens);

    source->statement = source->text;
    source->begin = false;
    source->since = 0;
    source->rule = token == WHEN;
    if (token == 0 && source->block == CONFIG_LIST) {
        return WORD; /* an entry */
    }
    if (token == 0) {
        config_statement_unknown(source, source->text);
        source->skip = true;
        return UNKNOWN;
    }
    return token;
}

/* Does this word begin a statement, in a line that would else go on with the rule before? What a
 * rule lacks, a parenthesis perhaps, shall not take the statements behind it along. */
static bool begins_next(const struct config_source *source)
{
    enum config_block opens;

    return source->rule && source->line_begin && !source->value &&
           config_statement_token(source->block, source->text, &opens) != 0;
}

/* A word within a rule. */
static int rule_word(struct config_source *source)
{
    static const struct {
        struct span word;
        int token;
        bool goes_on, value;
    } words[] = {
        {SPAN("and"), AND, true, false},  {SPAN("or"), OR, true, false},
        {SPAN("not"), NOT, true, false},  {SPAN("in"), IN, true, true},
        {SPAN("log"), LOG, false, false}, {SPAN("as"), AS, false, true},
        {SPAN("per"), PER, false, false},
    };

    if (source->value) {
        source->value = false;
        return WORD;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (span_equal_nocase(source->text, words[i].word)) {
            source->goes_on = words[i].goes_on;
            source->value = words[i].value;
            return words[i].token;
        }
    }
    return WORD;
}

static int take_paren(struct config_source *source)
{
    source->begin = false;
    if (source->raw == ')') {
        source->parens -= source->parens > 0;
        return RPAREN;
    }
    if (source->parens == CONFIG_PARENS_MAX) {
        config_error(source->parser, source->place, "more than %d parentheses within one another",
                     CONFIG_PARENS_MAX);
        return CONFIG_YYerror;
    }
    source->parens++;
    return LPAREN;
}

/* Does a line go on that ends in this? The words are operators of expressions. */
static bool raw_is_operator(const struct config_source *source)
{
    bool word = source->raw == CONFIG_RAW_WORD && (span_equal_nocase(source->text, SPAN("and")) ||
                                                   span_equal_nocase(source->text, SPAN("or")) ||
                                                   span_equal_nocase(source->text, SPAN("not")));

    return word || source->raw == ',' || source->raw == CONFIG_RAW_OPERATOR;
}

/* Count what the rest of a statement has that hides a line end: 0, or END where it is over. */
static int skip_raw(struct config_source *source)
{
    bool goes_on = source->goes_on;

    source->goes_on = raw_is_operator(source);
    switch (source->raw) {
    case '(':
        source->parens++;
        return 0;
    case ')':
        source->parens -= source->parens > 0;
        return 0;
    case '{':
        if (source->braces++ == 0) {
            source->brace_place = source->place;
        }
        return 0;
    case '}':
        if (source->braces == 0) {
            return end_statement(source, true);
        }
        source->braces--;
        return 0;
    case CONFIG_RAW_NEWLINE:
        if (source->braces > 0 || source->parens > 0 || goes_on) {
            source->goes_on = goes_on;
            return 0;
        }
        return end_statement(source, false);
    case ';':
        return source->braces > 0 ? 0 : end_statement(source, false);
    case CONFIG_RAW_END:
        return end_file(source);
    default:
        return 0;
    }
}

/* The grammar's token for the current raw one; 0 for none. */
static int take_raw(struct config_source *source)
{
    bool goes_on = source->goes_on;

    if (source->raw != CONFIG_RAW_NEWLINE) {
        source->goes_on = false;
    }
    switch (source->raw) {
    case CONFIG_RAW_END:
        return end_file(source);
    case CONFIG_RAW_NEWLINE:
        return source->begin || goes_on || source->parens > 0 ? 0 : end_statement(source, false);
    case ';':
        return source->begin ? 0 : end_statement(source, false);
    case '{':
        return open_brace(source);
    case '}':
        return close_brace(source);
    case CONFIG_RAW_WORD:
        if (begins_next(source)) {
            return end_statement(source, true);
        }
        return source->begin ? begin_statement(source) : source->rule ? rule_word(source) : WORD;
    case CONFIG_RAW_STRING:
    case CONFIG_RAW_NOCASE:
        source->begin = false;
        source->value = false;
        return source->raw == CONFIG_RAW_STRING ? STRING : NOCASE;
    case ',':
        source->begin = false;
        source->goes_on = true;
        return COMMA;
    case '(':
    case ')':
        return take_paren(source);
    case CONFIG_RAW_OPERATOR:
        source->begin = false;
        source->goes_on = true;
        source->value = true;
        return OPERATOR;
    default:
        source->begin = false;
        return CONFIG_YYerror; /* reported by the lexer */
    }
}

int config_yylex(CONFIG_YYSTYPE *value, CONFIG_YYLTYPE *place, struct config_source *source)
{
    int token = 0;

    /* Without memory there is no use in reading on: let the grammar see the end. */
    while (token == 0 && !source->parser->out_of_memory) {
        read_raw(source);
        int raw = source->raw;
        token = source->skip ? skip_raw(source) : take_raw(source);
        source->line_begin = raw == CONFIG_RAW_NEWLINE || (source->line_begin && source->held);
        if (source->raw == CONFIG_RAW_END) {
            break; /* token is 0 only where all is closed: the grammar's end of file */
        }
    }
    source->since++;
    value->text = source->text;
    *place = source->place;
    return token;
}

void config_token_describe(const struct config_source *source, char *text_r, size_t size)
{
    enum { SHOWN = 60 };
    struct span text = span_head(source->text, source->text.len < SHOWN ? source->text.len : SHOWN);
    const char *dots = source->text.len > SHOWN ? "…" : "";

    if (source->raw == CONFIG_RAW_END) {
        snprintf(text_r, size, "the end of the file");
    } else if (source->raw == CONFIG_RAW_NEWLINE) {
        snprintf(text_r, size, "the end of the line");
    } else {
        snprintf(text_r, size, "%s\"%.*s%s\"",
                 source->raw == CONFIG_RAW_STRING   ? "the string "
                 : source->raw == CONFIG_RAW_NOCASE ? "the pattern "
                                                    : "",
                 SPAN_ARG(text), dots);
    }
}

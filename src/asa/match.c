/*
 * The criteria of `match`, in `policy-map type inspect esmtp` and `class-map type inspect esmtp`.
 *
 *     criterion = words value
 *     value     = number | verb… | keyword… | encoding… | name | "class" name
 *
 * One table has the words of each criterion, the kind of its value and the field that knows it
 * here. The words are walked one by one along all rows that still fit, so that an error knows which
 * could have come.
 */
#include "asa/private.h"

#include "smtp/verb.h"

const struct asa_criterion asa_criteria[] = {
    {"body length gt", "body.length", ASA_NUMBER, false},
    {"body line length gt", "body.line.length", ASA_NUMBER, false},
    {"cmd verb", "verb", ASA_VERBS, false},
    {"cmd line length gt", "command.length", ASA_NUMBER, false},
    {"cmd RCPT count gt", "rcpt.count", ASA_NUMBER, false},
    {"ehlo-reply-parameter", "offer.keyword", ASA_PARAMETERS, false},
    {"header length gt", "header.length", ASA_NUMBER, false},
    {"header line length gt", "header.line.length", ASA_NUMBER, false},
    {"header to-fields count gt", "header.to.count", ASA_NUMBER, false},
    {"invalid-recipients count gt", "rcpt.rejected", ASA_NUMBER, false},
    {"mime encoding", "mime.encoding", ASA_ENCODINGS, false},
    {"mime filename length gt", "attachment.length", ASA_NUMBER, false},
    /* The field has small letters, whatever the pattern was written for. */
    {"mime filetype regex", "mime.type", ASA_REGEX, true},
    {"sender-address length gt", "mail.length", ASA_NUMBER, false},
    {"sender-address regex", "mail.from", ASA_REGEX, false},
    {NULL, NULL, ASA_NUMBER, false},
};

const struct asa_value asa_parameters[] = {
    {"8bitmime", "8BITMIME"},
    {"auth", "AUTH"},
    {"binaryname", "BINARYMIME"},
    {"checkpoint", "CHECKPOINT"},
    {"dsn", "DSN"},
    {"ecode", "ENHANCEDSTATUSCODES"},
    {"etrn", "ETRN"},
    {"others", NULL},
    {"pipelining", "PIPELINING"},
    {"size", "SIZE"},
    {"vrfy", "VRFY"},
    {NULL, NULL},
};

const struct asa_value asa_encodings[] = {
    {"7bit", "7bit"},     {"8bit", "8bit"}, {"base64", "base64"},
    {"binary", "binary"}, {"others", NULL}, {"quoted-printable", "quoted-printable"},
    {NULL, NULL},
};

/* Word number `n` of `words`, empty behind the last. */
static struct span word_number(const char *words, unsigned n)
{
    struct span rest = span_str(words);
    struct span word = span_word(&rest);

    while (n-- > 0 && word.len > 0) {
        word = span_word(&rest);
    }
    return word;
}

/* Do the first `n` words of both rows agree? */
static bool agree(const struct asa_criterion *a, const struct asa_criterion *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!span_equal_nocase(word_number(a->words, i), word_number(b->words, i))) {
            return false;
        }
    }
    return true;
}

static const struct asa_criterion *unknown_word(struct asa *asa, const struct asa_word *word,
                                                const struct asa_criterion *like, unsigned n)
{
    struct asa_expected expected;
    struct span before = span_of(NULL, 0);

    asa_expected_begin(&expected, word);
    for (const struct asa_criterion *c = asa_criteria; c->words != NULL; c++) {
        struct span known = word_number(c->words, n);
        if (agree(c, like, n) && !span_equal_nocase(known, before)) {
            asa_expected_offer(&expected, known);
            before = known;
        }
    }
    asa_expected_error(asa, &expected, "match");
    return NULL;
}

/* The row that the words name; *word_r is the first of them. */
static const struct asa_criterion *find_criterion(struct asa *asa, struct asa_line *line,
                                                  struct asa_word word)
{
    const struct asa_criterion *like = asa_criteria;

    for (unsigned n = 0;; n++) {
        const struct asa_criterion *c = asa_criteria;
        while (c->words != NULL &&
               !(agree(c, like, n) && span_equal_nocase(word_number(c->words, n), word.text))) {
            c++;
        }
        if (c->words == NULL) {
            return unknown_word(asa, &word, like, n);
        }
        like = c;
        if (word_number(like->words, n + 1).len == 0) {
            return like;
        }
        asa_next(line, &word);
    }
}

static bool read_number(struct asa *asa, struct asa_line *line, uint64_t *number_r)
{
    struct asa_word word;

    if (!asa_next(line, &word) || !span_number(word.text, number_r) || *number_r > UINT32_MAX) {
        asa_error(asa, word.place, "expected a number up to 4294967295%s%.*s%s",
                  word.text.len > 0 ? ", got \"" : "", SPAN_ARG(word.text),
                  word.text.len > 0 ? "\"" : "");
        return false;
    }
    return true;
}

static bool add_word(struct asa *asa, struct asa_match *match, const struct asa_word *word,
                     struct span name)
{
    struct asa_word **last = &match->words;

    while (*last != NULL) {
        if (span_equal((*last)->text, name)) {
            return true; /* said twice */
        }
        last = &(*last)->next;
    }
    *last = asa_alloc(asa, sizeof(**last));
    if (*last == NULL) {
        return false;
    }
    **last = (struct asa_word){.text = name, .place = word->place};
    return true;
}

static bool read_value(struct asa *asa, const struct asa_value *values, struct asa_match *match,
                       const struct asa_word *word)
{
    struct asa_expected expected;

    asa_expected_begin(&expected, word);
    for (const struct asa_value *value = values; value->word != NULL; value++) {
        if (asa_is(word, value->word) || (value->name != NULL && asa_is(word, value->name))) {
            match->others = match->others || value->name == NULL;
            return value->name == NULL || add_word(asa, match, word, span_str(value->name));
        }
        asa_expected_offer(&expected, span_str(value->word));
    }
    asa_expected_error(asa, &expected, match->criterion->words);
    return false;
}

static bool read_verb(struct asa *asa, struct asa_match *match, const struct asa_word *word)
{
    enum smtp_verb verb = smtp_verb_find(word->text);

    if (asa_is(word, "others") || asa_is(word, "unknown")) {
        match->others = true;
        return true;
    }
    if (verb == SMTP_VERB_UNKNOWN) {
        struct asa_nearest near = {.distance = SIZE_MAX};
        asa_nearest_offer(&near, word->text, smtp_verb_info(smtp_verb_nearest(word->text))->name);
        bool hint = near.name.len > 0;
        asa_error(asa, word->place, "cmd verb: unknown verb \"%.*s\"%s%.*s%s", SPAN_ARG(word->text),
                  hint ? "; did you mean \"" : "", SPAN_ARG(near.name), hint ? "\"?" : "");
        return false;
    }
    return add_word(asa, match, word, smtp_verb_info(verb)->name);
}

static bool read_words(struct asa *asa, struct asa_line *line, struct asa_match *match)
{
    struct asa_word word;
    bool ok = true;

    while (asa_next(line, &word)) {
        ok = (match->criterion->kind == ASA_VERBS ? read_verb(asa, match, &word)
              : match->criterion->kind == ASA_ENCODINGS
                  ? read_value(asa, asa_encodings, match, &word)
                  : read_value(asa, asa_parameters, match, &word)) &&
             ok;
    }
    if (ok && match->words == NULL && !match->others) {
        asa_error(asa, word.place, "%s: expected one word or more", match->criterion->words);
        return false;
    }
    return ok;
}

static bool read_regex(struct asa *asa, struct asa_line *line, struct asa_match *match)
{
    struct asa_word second;

    if (!asa_next(line, &match->name)) {
        asa_error(asa, match->name.place, "expected the name of a regex, or class and its name");
        return false;
    }
    if (asa_is(&match->name, "class") && asa_next(line, &second)) {
        match->class = true;
        match->name = second;
    }
    return asa_name_check(asa, &match->name);
}

struct asa_match *asa_match_read(struct asa *asa, struct asa_line *line, struct asa_place place)
{
    struct asa_match *match = asa_alloc(asa, sizeof(*match));
    struct asa_word word;
    bool ok = true;

    if (match == NULL) {
        return NULL;
    }
    match->place = place;
    match->text = span_trim(line->text);
    asa_next(line, &word);
    if (asa_is(&word, "not")) {
        match->negated = true;
        asa_next(line, &word);
    }
    match->criterion = find_criterion(asa, line, word);
    if (match->criterion == NULL) {
        return NULL;
    }
    switch (match->criterion->kind) {
    case ASA_NUMBER:
        ok = read_number(asa, line, &match->number);
        break;
    case ASA_VERBS:
    case ASA_PARAMETERS:
    case ASA_ENCODINGS:
        ok = read_words(asa, line, match);
        break;
    case ASA_REGEX:
        ok = read_regex(asa, line, match);
        break;
    }
    return ok && asa_end(asa, line) ? match : NULL;
}

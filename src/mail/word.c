/*
 * Character sets and encoded words in names (RFC 2047).
 *
 *   encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
 *
 * RFC 2047 section 5 forbids them in parameters; mailers write them there all the same, and readers
 * decode them, with or without blanks around them. Three character sets are turned into UTF-8 by
 * hand. Of any other the decoded octets are told as they are: almost all are ASCII where a file
 * name's extension stands, and a library of conversions is a large thing to let strangers feed.
 */
#include "mail/private.h"

enum mail_charset mail_charset(struct span name)
{
    if (span_equal_nocase(name, SPAN("utf-8")) || span_equal_nocase(name, SPAN("us-ascii"))) {
        return MAIL_CHARSET_UTF8;
    }
    return span_equal_nocase(name, SPAN("iso-8859-1")) ? MAIL_CHARSET_LATIN1 : MAIL_CHARSET_OTHER;
}

void mail_charset_put(struct line *out, enum mail_charset charset, unsigned char octet)
{
    unsigned char utf8[2] = {(unsigned char)(0xc0 | octet >> 6),
                             (unsigned char)(0x80 | (octet & 63))};

    if (charset == MAIL_CHARSET_LATIN1 && octet > 127) {
        line_put(out, span_of(utf8, 2));
    } else {
        line_put(out, span_of(&octet, 1));
    }
}

static int digit(unsigned char c)
{
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int mail_hex(struct span s)
{
    if (s.len < 2 || digit(s.ptr[0]) < 0 || digit(s.ptr[1]) < 0) {
        return -1;
    }
    return digit(s.ptr[0]) * 16 + digit(s.ptr[1]);
}

/* One encoded word, as it stands. */
struct word {
    enum mail_charset charset;
    bool base64;
    struct span text;
    size_t len; /* of the whole word */
};

/* 1: `s` begins with an encoded word; 0: with something else; -1: with what wants to be one. */
static int read_word(struct span s, struct word *word_r)
{
    size_t charset = span_find(span_from(s, 2), '?');
    size_t encoding = 2 + charset + 1;
    size_t text = encoding + 2;

    if (charset == 0 || text > s.len || s.ptr[encoding + 1] != '?') {
        return 0;
    }
    unsigned char kind = ascii_lower(s.ptr[encoding]);
    size_t text_len = span_find(span_from(s, text), '?');
    if ((kind != 'b' && kind != 'q') || text + text_len + 2 > s.len ||
        s.ptr[text + text_len + 1] != '=') {
        return -1;
    }
    struct span name = span_head(span_from(s, 2), charset);
    word_r->charset = mail_charset(span_head(name, span_find(name, '*')));
    word_r->base64 = kind == 'b';
    word_r->text = span_head(span_from(s, text), text_len);
    word_r->len = text + text_len + 2;
    return 1;
}

static bool put_q(struct line *out, const struct word *word)
{
    bool good = true;

    for (size_t i = 0; i < word->text.len; i++) {
        unsigned char c = word->text.ptr[i];
        if (c == '=') {
            int octet = mail_hex(span_from(word->text, i + 1));
            c = octet < 0 ? c : (unsigned char)octet;
            good = good && octet >= 0;
            i += octet < 0 ? 0 : 2;
        } else if (c == '_') {
            c = ' ';
        }
        mail_charset_put(out, word->charset, c);
    }
    return good;
}

static int digit64(unsigned char c)
{
    if (ascii_is_digit(c)) {
        return c - '0' + 52;
    }
    if (ascii_is_alpha(c)) {
        return c >= 'a' ? c - 'a' + 26 : c - 'A';
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What is no digit is passed over, as readers do; the padding may be missing. */
static bool put_b(struct line *out, const struct word *word)
{
    struct span text = word->text;
    uint32_t bits = 0;
    unsigned held = 0;
    bool good = true;

    while (text.len > 0 && text.ptr[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = digit64(text.ptr[i]);
        if (value < 0) {
            good = false;
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            mail_charset_put(out, word->charset, (unsigned char)(bits >> held & 255));
        }
    }
    return good && held < 6;
}

static size_t find_word(struct span in, size_t from)
{
    while (from + 1 < in.len && (in.ptr[from] != '=' || in.ptr[from + 1] != '?')) {
        from++;
    }
    return from + 1 < in.len ? from : in.len;
}

bool mail_words(struct line *out, struct span in)
{
    bool good = true;
    bool behind_word = false;
    size_t begin = 0; /* of what is not yet written */
    size_t at = 0;

    while ((at = find_word(in, at)) < in.len) {
        struct word word;
        int read = read_word(span_from(in, at), &word);
        if (read <= 0) {
            good = good && read == 0;
            at += 2;
            continue;
        }
        struct span between = span_head(span_from(in, begin), at - begin);
        if (!behind_word || span_trim(between).len > 0) {
            line_put(out, between);
        }
        good = (word.base64 ? put_b(out, &word) : put_q(out, &word)) && good;
        behind_word = true;
        at += word.len;
        begin = at;
    }
    line_put(out, span_from(in, begin));
    return good;
}

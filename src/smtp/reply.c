/*
 * Replies, line by line (RFC 5321 section 4.2).
 *
 *   reply = *( code "-" text CRLF ) code [ SP text ] CRLF
 *   code  = %x32-35 %x30-39 %x30-39
 *
 * The grammar's second digit ends at 5; servers use others, and refusing them would help nobody.
 */
#include "smtp/reply.h"

enum { CODE_LEN = 3 };

static bool code_parse(struct span in, unsigned *code_r)
{
    if (in.len < CODE_LEN || in.ptr[0] < '2' || in.ptr[0] > '5' || !ascii_is_digit(in.ptr[1]) ||
        !ascii_is_digit(in.ptr[2])) {
        return false;
    }
    *code_r = (in.ptr[0] - '0') * 100u + (in.ptr[1] - '0') * 10u + (in.ptr[2] - '0');
    return true;
}

int smtp_reply_line_parse(struct span in, size_t max, struct smtp_reply_line *line_r,
                          enum smtp_reply_error *error_r)
{
    size_t window = in.len < max ? in.len : max;
    size_t lf = span_find(span_head(in, window), '\n');

    *line_r = (struct smtp_reply_line){0};
    if (lf == window) {
        *error_r = SMTP_REPLY_LINE_LONG;
        return in.len < max ? 0 : -1;
    }
    line_r->size = lf + 1;
    line_r->bare_lf = lf == 0 || in.ptr[lf - 1] != '\r';
    struct span text = span_head(in, line_r->bare_lf ? lf : lf - 1);
    if (!code_parse(text, &line_r->code)) {
        *error_r = SMTP_REPLY_NO_CODE;
        return -1;
    }
    text = span_from(text, CODE_LEN);
    line_r->last = text.len == 0 || text.ptr[0] != '-';
    if (text.len > 0 && text.ptr[0] != ' ' && text.ptr[0] != '-') {
        *error_r = SMTP_REPLY_SEPARATOR;
        return -1;
    }
    line_r->text = text.len > 0 ? span_from(text, 1) : text;
    line_r->dirty = span_has_control(line_r->text);
    *error_r = SMTP_REPLY_OK;
    return 1;
}

int smtp_reply_parse(struct smtp_reply *reply, struct span in, size_t line_max, unsigned lines_max)
{
    struct smtp_reply_line line;
    enum smtp_reply_error error = SMTP_REPLY_OK;

    for (;;) {
        int got = smtp_reply_line_parse(span_from(in, reply->size), line_max, &line, &error);
        if (got == 0) {
            return 0;
        }
        if (got > 0 && reply->lines > 0 && line.code != reply->code) {
            error = SMTP_REPLY_MIXED;
        } else if (got > 0 && reply->lines >= lines_max) {
            error = SMTP_REPLY_LINES;
        }
        if (error != SMTP_REPLY_OK) {
            reply->error = (uint8_t)error;
            return -1;
        }
        reply->code = (uint16_t)line.code;
        reply->lines++;
        reply->size += (uint32_t)line.size;
        reply->longest = line.size > reply->longest ? (uint32_t)line.size : reply->longest;
        reply->bare_lf = reply->bare_lf || line.bare_lf;
        reply->dirty = reply->dirty || line.dirty;
        if (line.last) {
            return 1;
        }
    }
}

/* status-code = class "." subject "." detail, the class the reply's own, the others up to three
 * digits (RFC 3463 section 2). */
struct span smtp_reply_enhanced(unsigned code, struct span text)
{
    struct span rest = text;
    struct span word = span_word(&rest);
    size_t at = 2;

    if (rest.ptr == text.ptr || word.ptr != text.ptr || word.len < 5 || word.ptr[1] != '.' ||
        word.ptr[0] != (unsigned char)('0' + code / 100)) {
        return span_of(NULL, 0);
    }
    for (int part = 0; part < 2; part++) {
        size_t digits = 0;
        while (at < word.len && ascii_is_digit(word.ptr[at])) {
            at++;
            digits++;
        }
        bool ends = part == 0 ? at < word.len && word.ptr[at] == '.' : at == word.len;
        if (digits == 0 || digits > 3 || !ends) {
            return span_of(NULL, 0);
        }
        at++;
    }
    return word;
}

const char *smtp_reply_error_text(enum smtp_reply_error error)
{
    static const char *const texts[] = {
        [SMTP_REPLY_OK] = "no error",
        [SMTP_REPLY_NO_CODE] = "reply without a code",
        [SMTP_REPLY_SEPARATOR] = "reply code followed by neither space nor hyphen",
        [SMTP_REPLY_MIXED] = "different codes in one reply",
        [SMTP_REPLY_LINE_LONG] = "reply line too long",
        [SMTP_REPLY_LINES] = "too many lines in one reply",
    };
    return texts[error];
}

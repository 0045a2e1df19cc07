/*
 * Parts, boundaries and nesting (RFC 2046 sections 5.1 and 5.2.1).
 *
 *   delimiter line = "--" boundary ["--"] *WSP
 *
 * What is open stands on a stack: multiparts with their boundaries, and messages within. A line is
 * compared with the innermost boundary first. RFC 2046 takes a line for a delimiter that only
 * begins with the boundary; most readers want it whole. A whole one of any level decides; otherwise
 * a beginning counts for the innermost multipart alone, since that hides no part from those who
 * want it whole, while an outer one would.
 *
 * A closed multipart stays on the stack until what it is within goes on: its boundary may come
 * again, and there are readers that show what follows.
 */
#include "mail/private.h"

static bool open_level(struct mail *mail, struct mail_level level)
{
    if (mail->depth == MAIL_DEPTH_MAX) {
        mail_anomaly(mail, MAIL_ANOMALY_DEPTH);
        return false;
    }
    mail->levels[mail->depth++] = level;
    return true;
}

static struct span boundary_of(const struct mail *mail, const struct mail_level *level)
{
    return span_of(mail->boundaries.ptr + level->boundary_at, level->boundary_len);
}

/* Is one of two the beginning of the other? */
static bool alike(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;

    return len == 0 || memcmp(a.ptr, b.ptr, len) == 0;
}

static bool open_multipart(struct mail *mail, struct span type)
{
    struct span boundary = span_of(mail->part.boundary, mail->part.boundary_len);
    struct mail_level level = {
        .boundary_at = (uint16_t)mail->boundaries.len,
        .boundary_len = mail->part.boundary_len,
        .boundary_first = mail->part.boundary_len > 0 ? boundary.ptr[0] : 0,
        .digest = span_equal(type, SPAN("multipart/digest")),
    };
    size_t kept = 0;

    if (mail->part.boundary_kind != MAIL_BOUNDARY_GIVEN) {
        if (mail->part.boundary_kind == MAIL_BOUNDARY_NONE) {
            mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_MISSING);
        }
        return false;
    }
    for (unsigned i = 0; i < mail->depth; i++) {
        if (!mail->levels[i].message && alike(boundary_of(mail, &mail->levels[i]), boundary)) {
            mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_PREFIX);
        }
    }
    if (!mail_text_add(&mail->boundaries, boundary, MAIL_BOUNDARIES_SIZE, &kept)) {
        mail->failed = true;
        return false;
    }
    if (!open_level(mail, level)) {
        mail->boundaries.len = level.boundary_at;
        return false;
    }
    mail->multiparts++;
    return true;
}

/* What is read as a message within: header, empty line, body. The other message types are for the
 * eyes of programs, or pieces of something. */
static bool is_message(struct span type)
{
    return span_equal(type, SPAN("message/rfc822")) || span_equal(type, SPAN("message/global")) ||
           span_equal(type, SPAN("message/news"));
}

static void judge_encoding(struct mail *mail, struct span type)
{
    bool composite = span_begins_nocase(type, SPAN("multipart/")) ||
                     (span_begins_nocase(type, SPAN("message/")) &&
                      !span_begins_nocase(type, SPAN("message/global"))); /* RFC 6532 */

    if (composite && mail->part.encoding > MAIL_ENCODING_BINARY) {
        mail_anomaly(mail, MAIL_ANOMALY_ENCODING);
    }
}

static struct span name_of(const struct mail *mail, unsigned index)
{
    const struct mail_name *name = &mail->part.names[index];

    return span_of(mail->names.ptr + name->at, name->len);
}

static void tell_part(struct mail *mail, struct span type, unsigned depth)
{
    const struct mail_part *part = &mail->part;
    struct mail_event event = {.kind = MAIL_EVENT_PART,
                               .type = type,
                               .encoding = part->encoding,
                               .attachment = part->attachment,
                               .depth = depth};
    unsigned best = 0;

    for (unsigned i = 1; i < part->name_count; i++) {
        best = part->names[i].rank < part->names[best].rank ? i : best;
    }
    if (part->name_count > 0) {
        event.name = name_of(mail, best);
    }
    mail->tell(mail->context, &event);
    for (unsigned i = 0; i < part->name_count; i++) {
        if (i != best) {
            event = (struct mail_event){.kind = MAIL_EVENT_NAME, .name = name_of(mail, i)};
            mail->tell(mail->context, &event);
        }
    }
    if (part->name_count > 1) {
        mail_anomaly(mail, MAIL_ANOMALY_NAMES);
    }
}

void mail_part_end(struct mail *mail)
{
    struct mail_part *part = &mail->part;
    bool digest = mail->depth > 0 && mail->levels[mail->depth - 1].digest;
    struct span type = part->type_len > 0 ? span_of(part->type, part->type_len)
                       : digest           ? SPAN("message/rfc822")
                                          : SPAN("text/plain");
    unsigned depth = mail->depth;
    bool open = false;
    /* Encoded, it cannot be followed; the encoding is an anomaly but where it is global. */
    bool message = is_message(type) && part->encoding != MAIL_ENCODING_BASE64;

    judge_encoding(mail, type);
    if (span_begins_nocase(type, SPAN("multipart/"))) {
        open = open_multipart(mail, type);
    } else if (message) {
        open = open_level(mail, (struct mail_level){.message = true});
    }
    part->attachment = part->attachment || part->name_count > 0;
    mail->counts.depth = depth > mail->counts.depth ? depth : mail->counts.depth;
    if (!open) {
        mail_bump(&mail->counts.parts);
    }
    if (part->attachment) {
        mail_bump(&mail->counts.attachments);
    }
    if (mail->part_count < MAIL_PARTS_MAX) {
        mail->part_count++;
        tell_part(mail, type, depth);
    } else {
        mail_anomaly(mail, MAIL_ANOMALY_PARTS);
    }
    mail_text_free(&mail->names);
    if (open && message) {
        mail_header_begin(mail, false, true);
    }
}

static void close_level(struct mail *mail)
{
    struct mail_level *level = &mail->levels[--mail->depth];

    if (level->message) {
        return;
    }
    if (!level->seen) {
        mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_MISSING);
    } else if (!level->closed) {
        mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_OPEN);
    }
    mail->multiparts--;
    mail->boundaries.len = level->boundary_at;
}

/* Does `rest`, a line without its "--", begin with the level's boundary? */
static inline bool begins(const struct mail *mail, const struct mail_level *level, struct span rest)
{
    if (level->message || level->boundary_len > rest.len) {
        return false;
    }
    return level->boundary_len == 0 ||
           (level->boundary_first == rest.ptr[0] && alike(boundary_of(mail, level), rest));
}

/* What of `rest` follows the boundary that it begins with, its blanks aside: "" and "--" where the
 * line is whole. */
static bool is_whole(const struct mail *mail, struct span behind)
{
    behind = span_trim_right(behind);
    return !mail->trailing && (behind.len == 0 || span_equal(behind, SPAN("--")));
}

/* The level whose boundary the line is, or -1. A whole one of any level; the closed one, which can
 * only be the uppermost, after the others: with two levels of one boundary, what follows its end is
 * the other's. Else one that the line begins with, if that is the innermost multipart's. */
static int find_level(struct mail *mail, struct span rest)
{
    int innermost = mail->depth - 1;
    int begun = -1;

    while (innermost >= 0 && mail->levels[innermost].message) {
        innermost--;
    }
    for (int i = innermost; i >= 0; i--) {
        const struct mail_level *level = &mail->levels[i];
        if (begins(mail, level, rest)) {
            begun = begun < 0 ? i : begun;
            if (!level->closed && is_whole(mail, span_from(rest, level->boundary_len))) {
                return i;
            }
        }
    }
    if (begun < 0) {
        return -1;
    }
    const struct mail_level *level = &mail->levels[begun];
    if (is_whole(mail, span_from(rest, level->boundary_len))) {
        return begun;
    }
    if (level->boundary_len > 0) {
        mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_PREFIX);
    }
    return begun == innermost && !level->closed && level->boundary_len > 0 ? begun : -1;
}

bool mail_delimiter(struct mail *mail)
{
    struct span line = mail_text_span(&mail->text);

    if (mail->multiparts == 0 || line.len < 2 || line.ptr[0] != '-' || line.ptr[1] != '-') {
        return false;
    }
    struct span rest = span_from(line, 2);
    int found = find_level(mail, rest);
    if (found < 0) {
        return false;
    }
    rest = span_from(rest, mail->levels[found].boundary_len);
    bool close = rest.len >= 2 && rest.ptr[0] == '-' && rest.ptr[1] == '-';
    if (mail->in_header) {
        mail_header_cut(mail);
    }
    while (mail->depth > found + 1) {
        close_level(mail);
    }
    struct mail_level *level = &mail->levels[found];
    level->seen = true;
    if (close) {
        level->closed = true;
        mail->in_header = false;
        return true;
    }
    if (level->closed) {
        mail_anomaly(mail, MAIL_ANOMALY_BOUNDARY_AGAIN);
        level->closed = false;
    }
    mail_header_begin(mail, false, false);
    return true;
}

void mail_structure_end(struct mail *mail)
{
    while (mail->depth > 0) {
        close_level(mail);
    }
}

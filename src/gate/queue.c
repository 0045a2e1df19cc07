/*
 * The queue of outstanding commands.
 */
#include "gate/queue.h"

#include "base/mem.h"

/* Sizes are powers of two. */
_Static_assert((GATE_QUEUE_FEW & (GATE_QUEUE_FEW - 1)) == 0, "the first one too");

static struct gate_pending *place(const struct gate_queue *q, uint32_t i)
{
    return &q->ring[(q->head + i) & (q->size - 1)];
}

static void pending_free(struct gate_pending *p)
{
    mem_free(p->arg);
    mem_free(p->reply);
    *p = (struct gate_pending){0};
}

/* Return to the places inside; the queue is empty. */
static void shrink(struct gate_queue *q)
{
    if (q->ring != q->few) {
        mem_free(q->ring);
    }
    q->ring = q->few;
    q->size = GATE_QUEUE_FEW;
    q->head = 0;
}

void queue_begin(struct gate_queue *q)
{
    *q = (struct gate_queue){.size = GATE_QUEUE_FEW};
    q->ring = q->few;
}

void queue_free(struct gate_queue *q)
{
    while (q->len > 0) {
        queue_pop(q);
    }
}

static bool grow(struct gate_queue *q)
{
    uint32_t size = q->size * 2;
    struct gate_pending *ring = mem_alloc(size * sizeof(*ring));

    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < q->len; i++) {
        ring[i] = *place(q, i);
    }
    if (q->ring != q->few) {
        mem_free(q->ring);
    }
    q->ring = ring;
    q->size = size;
    q->head = 0;
    return true;
}

bool queue_push(struct gate_queue *q, const struct gate_pending *pending)
{
    if (q->len == q->size && !grow(q)) {
        struct gate_pending lost = *pending;
        pending_free(&lost);
        return false;
    }
    *place(q, q->len) = *pending;
    q->len++;
    q->own += pending->reply != NULL;
    return true;
}

struct gate_pending *queue_head(struct gate_queue *q)
{
    return q->len > 0 ? place(q, 0) : NULL;
}

const struct gate_pending *queue_first(const struct gate_queue *q)
{
    return q->len > 0 ? place(q, 0) : NULL;
}

const struct gate_pending *queue_tail(const struct gate_queue *q)
{
    return q->len > 0 ? place(q, q->len - 1) : NULL;
}

struct gate_pending *queue_tail_edit(struct gate_queue *q)
{
    return q->len > 0 ? place(q, q->len - 1) : NULL;
}

void queue_tail_replace(struct gate_queue *q, const struct gate_pending *pending)
{
    struct gate_pending *tail = place(q, q->len - 1);

    q->own += (pending->reply != NULL) - (tail->reply != NULL);
    pending_free(tail);
    *tail = *pending;
}

void queue_pop(struct gate_queue *q)
{
    q->own -= place(q, 0)->reply != NULL;
    pending_free(place(q, 0));
    q->head = (q->head + 1) & (q->size - 1);
    q->len--;
    if (q->len == 0) {
        shrink(q);
    }
}

bool queue_awaits_server(const struct gate_queue *q)
{
    return q->own < q->len;
}

bool queue_awaits_message(const struct gate_queue *q)
{
    for (uint32_t i = 0; i < q->len; i++) {
        if (place(q, i)->as == SMTP_VERB_END_OF_DATA || place(q, i)->as == SMTP_VERB_BDAT_LAST) {
            return true;
        }
    }
    return false;
}

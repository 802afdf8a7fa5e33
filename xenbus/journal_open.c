/* SPDX-License-Identifier: MIT
 *
 * Journal: begun, or taken over; connections that are in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring/barrier.h"
#include "ring/crash_point.h"
#include "xenbus/journal.h"

/* Domains that were only named. */
static void drop_idle(struct weir_store *s)
{
    struct xs_domain *d = xs_domain_next(s, NULL), *next;

    for (; d; d = next) {
        next = xs_domain_next(s, d);
        xs_domain_put(s, d);
    }
}

int weir_store_journal(struct weir_store *s, struct weir_port *port,
                       bool *found)
{
    struct xs_journal *j;
    int r = xs_j_open(port, &j, found);

    if (!r && j && *found)
        r = xs_j_load(s, j);
    if (r) {
        xs_log(s, WEIR_LOG_ERROR,
               r == -EBADMSG ? "the journal of the program before is spoilt: "
                               "end this instance and start it again"
               : *found      ? "no memory to take over what the program before "
                               "left: raise the domain's private memory"
                        : "no frames for a journal: a restart will lose the "
                          "registry; raise weir-hv's --memory");
        xs_j_close(j);
        return r;
    }
    s->journal = j;
    if (j && *found)
        drop_idle(s);
    else if (j)
        xs_j_switch(s);
    return 0;
}

void weir_store_keep(struct weir_store_conn *c, evtchn_port_t port, uint32_t in,
                     uint32_t out, bool broken)
{
    if (!c->kept)
        c->s->extra_bytes += XS_J_CONN;
    c->kept = true;
    c->port = port;
    c->in_pos = in;
    c->out_pos = out;
    c->broken = broken;
    xs_j_conn(c);
}

struct weir_store_conn *weir_store_next_kept(struct weir_store *s,
                                             struct weir_store_conn *c,
                                             struct weir_store_kept *what)
{
    c = c ? c->next : s->conns;
    while (c && !c->kept)
        c = c->next;
    if (c)
        *what = (struct weir_store_kept){
            .domid = c->d->domid,
            .port = c->port,
            .in = c->in_pos,
            .out = c->out_pos,
            .broken = c->broken,
        };
    return c;
}

/* It was about to put o->len bytes into the ring.  When the page says that it
 * did not, it did not; any other word is the domain's own making. */
static void settle_output(struct weir_store_conn *c, uint32_t out)
{
    struct xs_journal *j = c->s->journal;
    struct xs_rec_out o;

    if (!j || j->maybe != c)
        return;
    memcpy(&o, j->maybe_out, sizeof(o));
    j->maybe = NULL;
    if ((o.len == 0 || out != o.pos) && xs_load_out(c, j->maybe_out))
        xs_kill(c, -EIO, "its output cannot be gone on with");
}

void weir_store_resume(struct weir_store_conn *c, void *user, uint32_t out)
{
    c->user = user;
    settle_output(c, out);
    if (!c->late)
        return;
    c->late = false; /* the snapshot that follows knows what is queued now */
    for (struct xs_watch *w = c->watches; w; w = w->next) {
        xs_event(c, w, w->path + w->prefix);
        if (c->dead) /* its watches are gone */
            break;
    }
}

void weir_store_settle(struct weir_store *s)
{
    if (s->journal)
        s->journal->maybe = NULL;
    xs_j_commit(s);
}

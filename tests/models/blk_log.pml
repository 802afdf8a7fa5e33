/* SPDX-License-Identifier: MIT
 *
 * The block log (backends/blk/inflight.h): a backend that is killed between any
 * two of its stores, up to C times, and its successors.
 *
 * A frontend sends N requests through a ring of S slots; responses are written
 * over requests, in any order.  Found wrong: a request that is answered twice
 * or out of nothing, responses that are taken back, requests that are run again
 * in another order (assertions), and a frontend that waits for ever for an
 * answer (invalid end state).
 *
 * A killed process's stores are all in memory, in order, so there are no store
 * buffers here; `unless` is the kill.
 *
 * Variants that must fail:
 *   -DSWAP_TAKE     answer is cleared before seq is written
 *   -DLATE_WIRE     the request is copied after its commit
 *   -DSWAP_PUBLISH  the ring's index is stored before the commit word
 *   -DFREE_EARLY    an entry is used again before its answer is published
 *   -DNO_RESET      a successor leaves answers that were not published
 *   -DNO_STORE      a successor does not store the ring's index again
 *   -DNO_LOG        a successor believes the ring alone
 */
#define N 4
#define S 2
#define C 2

#define FREE 0
#define FLYING 1
#define DONE 2

/* The ring: id of a request, N + id of a response. */
byte ring[S];
byte req_prod, rsp_prod;

/* The log. */
byte wire[S], seq[S], ans[S];
byte answered;

byte crashes;
bool kill;
bool seen[N + 1]; /* answered to the frontend */

#define LIVE(e) (seq[e] != 0 && (ans[e] == 0 || ans[e] > answered))

proctype Front()
{
    byte sent = 0, got = 0, v = 0;

    do
    :: sent < N && sent - got < S ->
        ring[sent % S] = sent + 1;
        req_prod = sent + 1;
        sent++
    :: got < N && rsp_prod != got ->
        assert(rsp_prod > got && rsp_prod <= sent);
        v = ring[got % S];
        assert(v > N);
        assert(!seen[v - N]);
        seen[v - N] = true;
        v = 0;
        got++
    :: got == N -> break
    od
}

/* What a successor makes of the log. */
inline resume()
{
    d_step {
        taken = answered;
        last = 0;
        n = 0;
        e = 0;
        do
        :: e < S ->
            use[e] = FREE;
            if
#ifndef NO_LOG
            :: LIVE(e) -> use[e] = FLYING; taken++
#endif
            :: else
            fi;
            e++
        :: else -> break
        od;
        /* By seq, requests come in the order of the ring. */
        e = 0;
        do
        :: e < S ->
            n = 0;
            do
            :: n < S ->
                assert(!(use[e] == FLYING && use[n] == FLYING &&
                         seq[e] < seq[n] && wire[e] > wire[n]));
                n++
            :: else -> break
            od;
            e++
        :: else -> break
        od;
        n = 0;
        e = 0
    }
#ifndef NO_RESET
    do
    :: e < S ->
        if
        :: use[e] == FLYING -> ans[e] = 0
        :: else
        fi;
        e++
    :: else -> break
    od;
    e = 0;
#endif
    replied = answered;
#ifndef NO_STORE
    rsp_prod = answered
#endif
}

inline take()
{
#ifdef LATE_WIRE
    seq[e] = taken + 1;
    ans[e] = 0;
    wire[e] = ring[taken % S];
#else
    wire[e] = ring[taken % S];
#ifdef SWAP_TAKE
    ans[e] = 0;
    seq[e] = taken + 1;
#else
    seq[e] = taken + 1;
    ans[e] = 0;
#endif
#endif
    taken++;
    use[e] = FLYING
}

inline finish()
{
    ans[e] = replied + 1;
    ring[replied % S] = N + wire[e];
    replied++;
#ifdef FREE_EARLY
    use[e] = FREE
#else
    use[e] = DONE
#endif
}

inline publish()
{
#ifdef SWAP_PUBLISH
    rsp_prod = replied;
    answered = replied;
#else
    answered = replied;
    rsp_prod = replied;
#endif
    d_step {
        e = 0;
        do
        :: e < S ->
            if
            :: use[e] == DONE -> use[e] = FREE
            :: else
            fi;
            e++
        :: else -> break
        od;
        e = 0
    }
}

proctype Back()
{
    byte use[S];
    byte taken, replied, e, n, last;

    do
    :: {
        resume();
end:
        do
        :: req_prod > taken && use[0] == FREE -> e = 0; take(); e = 0
        :: req_prod > taken && use[1] == FREE -> e = 1; take(); e = 0
        :: use[0] == FLYING -> e = 0; finish(); e = 0
        :: use[1] == FLYING -> e = 1; finish(); e = 0
        :: replied != answered -> publish()
        od
       } unless { kill }
       d_step { kill = false; taken = 0; replied = 0; e = 0 }
    od
}

proctype Kill()
{
end:
    do
    :: crashes < C && !kill -> atomic { kill = true; crashes++ }
    od
}

init
{
    atomic { run Front(); run Back(); run Kill() }
}

/* SPDX-License-Identifier: MIT
 *
 * Notification protocol of the ring (ring/ring_abi.h), both directions, with
 * the processors' store buffers.
 *
 * A frontend sends N requests through a ring of S slots, a backend answers
 * each.  Either end may poll as long as it likes, then arms and sleeps.  Found
 * wrong is a state where nobody can go on although work is left: a lost
 * wake-up.  Indexes count modulo M and begin so that they wrap.
 *
 * Stores go into a queue for each end and reach memory later, in order (what
 * x86 does, and all that release stores promise).  BARRIER waits for the
 * queue to be empty; a notification is a system call and waits too.
 *
 * Variants that must fail:
 *   -DNO_RECHECK      the consumer sleeps without looking again after arming
 *   -DNO_ARM_BARRIER  looks again, but its event index may still be queued
 *   -DNO_PUSH_BARRIER the producer reads the event index while its own index
 *                     may still be queued
 *   -DNO_ARM          the consumer sleeps with the event index left behind
 */
#define N 4
#define S 2
#define M 8
#define START 6

#define SUB(a, b) ((a + M - b) % M)
#define NEXT(a) ((a + 1) % M)

#define REQ_PROD 0
#define REQ_EVENT 1
#define RSP_PROD 2
#define RSP_EVENT 3

#define FRONT 0
#define BACK 1

byte mem[4];
bool pending[2];
chan queue_f = [2] of { byte, byte };
chan queue_b = [2] of { byte, byte };

inline barrier(q)
{
    empty(q)
}

/* Publish prod after old, notify the other end if it asked. */
inline push(q, prod_word, event_word, old, prod, peer)
{
    if
    :: prod != old ->
        q ! prod_word, prod;
#ifndef NO_PUSH_BARRIER
        barrier(q);
#endif
        ev = mem[event_word];
        if
        :: SUB(prod, ev) < SUB(prod, old) ->
            barrier(q);
            pending[peer] = true
        :: else
        fi;
        old = prod
    :: else
    fi
}

/* Nothing to do: poll on, or arm and sleep. */
inline idle(q, prod_word, event_word, cons, self)
{
    if
    :: true /* poll on */
    :: q ! event_word, cons; /* quiet: poll on without notifications */
    :: true ->
#ifndef NO_ARM
        q ! event_word, NEXT(cons);
#ifndef NO_ARM_BARRIER
        barrier(q);
#endif
#endif
#ifndef NO_RECHECK
        p = mem[prod_word];
#else
        p = cons;
#endif
        if
        :: p != cons
        :: else ->
            pending[self]; /* sleeps */
            pending[self] = false
        fi
    fi;
    p = 0
}

proctype Front()
{
    byte prod = START, pushed = START, cons = START;
    byte sent = 0, got = 0, ev, p;

    do
    :: got == N -> break
    :: got < N ->
        do
        :: sent < N && SUB(prod, cons) < S -> prod = NEXT(prod); sent++
        :: break
        od;
        push(queue_f, REQ_PROD, REQ_EVENT, pushed, prod, BACK);
        ev = 0;
        p = mem[RSP_PROD];
        if
        :: p != cons ->
            assert(SUB(p, cons) <= SUB(pushed, cons));
            got = got + SUB(p, cons);
            cons = p;
            p = 0
        :: else ->
            if
            :: sent < N && SUB(prod, cons) < S
            :: else -> idle(queue_f, RSP_PROD, RSP_EVENT, cons, FRONT)
            fi
        fi
    od
}

proctype Back()
{
    byte prod = START, pushed = START, cons = START;
    byte answered = 0, ev, p;

    do
    :: answered == N && prod == pushed -> break
    :: else ->
        p = mem[REQ_PROD];
        if
        :: p != cons ->
            assert(SUB(p, prod) <= S);
            /* Take one, answer it; publish now or with the next. */
            cons = NEXT(cons);
            prod = NEXT(prod);
            answered++;
            if
            :: p != cons
            :: push(queue_b, RSP_PROD, RSP_EVENT, pushed, prod, FRONT)
            fi;
            ev = 0;
            p = 0
        :: else ->
            push(queue_b, RSP_PROD, RSP_EVENT, pushed, prod, FRONT);
            ev = 0;
            if
            :: answered == N
            :: else -> idle(queue_b, REQ_PROD, REQ_EVENT, cons, BACK)
            fi
        fi
    od
}

/* Drains a store queue into memory at any time. */
proctype Memory(chan q)
{
    byte word, value;

end:
    do
    :: atomic { q ? word, value -> mem[word] = value; word = 0; value = 0 }
    od
}

init
{
    atomic {
        mem[REQ_PROD] = START;
        mem[RSP_PROD] = START;
        mem[REQ_EVENT] = NEXT(START);
        mem[RSP_EVENT] = NEXT(START);
        run Memory(queue_f);
        run Memory(queue_b);
        run Front();
        run Back()
    }
}

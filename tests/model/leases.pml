/*
 * Leases and confirmation, as docs/decisions/0012-leases-and-confirmation.md has them, for Spin.
 *
 * Causes append numbered events to a log in the database and are answered once no node can accept
 * a token below them. Nodes hold leases, follow the log and accept tokens by what they remember.
 * The database is a table of nodes (who must be waited for) and the log.
 *
 * What may go wrong at every step:
 *   crash      `crash` of a node, `giveUp` of a cause. The database's own crash is the loss of all
 *              that is under way: what it holds is durable.
 *   pause      No step is ever obliged to be taken, and the clock ticks meanwhile. A process that
 *              is paused for any time, anywhere, is one of the interleavings.
 *   partition  A message is under way for any time, or `lose` takes it away.
 *   clocks     A node's clock is slow and that of a cause is fast, by as much as is allowed; what
 *              lies between is covered, since a lease that ends earlier, or a wait that ends later,
 *              is one under which nothing happens to be done.
 *
 * Compiled with -DFINE every action is a step of its own. Without it, steps whose order nobody can
 * observe are one, which makes three nodes and three causes small enough to be searched whole:
 *   - an event is applied when it is recorded, or when a lease that asks for it begins. Applying
 *     earlier accepts fewer tokens and permits nothing else;
 *   - what a node without a lease remembers decides nothing, so it is forgotten. Such a node
 *     applies again what it records;
 *   - a cause reads the table as soon as it has committed. Reading later finds fewer leases that do
 *     not know the event, and starts the wait later. -DAPART has these as steps of their own.
 *
 * -DSORTED: nodes differ in nothing but their number, so they are put into an order after every
 * step. One search then stands for six.
 *
 * -DHEALING: at any moment the faults end, for good; nodes may stay dead, or deaf to the log. From
 * then on time stands still while anybody can act, so what is owed "at once" is owed before the
 * next tick: that every node holds a whole lease, and that no cause waits longer than a wait. Who
 * waits for what never comes ends in a state that nothing leaves. -DCOUNTED also counts: there are
 * at most STEPS steps until there is nothing left to do.
 * -DWATCHED: whoever likes watches the table, and takes rows out as causes do.
 * -DFAILOVER: an event becomes visible without having reached the standby, and is lost with the
 * primary; its number is given to another one.
 *
 * WITHOUT_<rule> leaves one rule of the protocol out. Each of them is shown to be needed.
 */
#ifndef NODES
#define NODES 3
#endif
#ifndef CAUSES
#define CAUSES 3
#endif

/* Ticks. A node counts LEASE on its own clock, a cause waits WAIT on its own; within that time a
 * clock may err by DRIFT. So a lease may last HELD, and a wait may be over after WAITED. */
#define LEASE 1
#define DRIFT 1
#ifdef WITHOUT_MARGIN
#define WAIT (LEASE + DRIFT)
#else
#define WAIT (LEASE + DRIFT + DRIFT)
#endif
#define HELD (LEASE + DRIFT)
#define WAITED (WAIT - DRIFT)

/* With COUNTED: what all nodes and causes together may have to do after the end of the faults. */
#ifndef STEPS
#define STEPS (12 * NODES)
#endif

/* Where a node's renewal is. READ exists only where a rule is left out. */
#define QUIET 0
#define SENT 1
#define READ 2
#define TOLD 3

/* Where a cause is. */
#define IDLE 0
#define NUMBERED 1
#define COMMITTED 2
#define WAITING 3
#define ANSWERED 4
#define GONE 5
#define LOOKED 6

/* What a node is once the faults have ended: DEAF hears nothing of the log any more. */
#define WELL 0
#define DEAD 1
#define DEAF 2

/* The database, as FAILOVER has it. */
#define WHOLE 0
#define SEVERED 1
#define PROMOTED 2

/* Sets of events and of causes are bits: cause c writes the event with the number c + 1. */
#define only(c) (1 << (c))
#define upTo(events) ((events) | ((events) >> 1) | ((events) >> 2))
#define count(events) (((events) & 1) + (((events) >> 1) & 1) + (((events) >> 2) & 1))
#define numberOf(event) ((event) == 4 -> 3 : (event))
#define lowest(events) ((events) & ~((events) - 1))

typedef Node {
  unsigned memory : 3;    /* the events it has applied */
  unsigned lease : 2;     /* for how many ticks it may still accept */
  unsigned renewal : 2;
  unsigned left : 2;      /* how long the lease would last that the renewal asks for */
  unsigned told : 3;      /* the events that the reply to the renewal says exist */
  /* Its row in the database. */
  unsigned row : 1;
  unsigned waited : 3;    /* the causes that wait for this row */
  unsigned untouched : 3; /* those for whom it was not renewed since they read it */
  unsigned watched : 1;   /* WATCHED: was not renewed since the watcher read it */
  /* A request whose bearer is being checked: the lease was looked at, the memory not yet. */
  unsigned checked : 1;
  unsigned after : 3;     /* the causes that had been answered when the request arrived */
  unsigned fate : 2;      /* HEALING */
  unsigned mistaken : 1;  /* FAILOVER: has applied the event that was lost */
}

typedef Cause {
  unsigned phase : 3;
  unsigned timer : 2
}

Node node[NODES];
Cause cause[CAUSES];
unsigned log : 3;      /* the events that are committed, and so visible */
unsigned answered : 3;
bit asked;             /* one request at a time */
bit healed;
/* HEALING: the causes that read the table after the faults had ended; those of them that did so
 * after one of the former was answered; and after one of the latter. What the first wait missed
 * (a row renewed for the last time when it had begun) the second has found. */
unsigned late : 3;
unsigned later : 3;
unsigned prompt : 3;
unsigned watching : 2;  /* WATCHED: what is left of the watcher's wait */
byte steps;            /* COUNTED: since the last tick */
unsigned primary : 2;
unsigned lost : 3;     /* FAILOVER: the number of the event that was lost */
unsigned logThen : 3;  /* FAILOVER: the log when the primary lost its standby */
int i, swapped;

#if NODES == 3
#define anyNode(field) (node[0].field | node[1].field | node[2].field)
#else
#define anyNode(field) (node[0].field | node[1].field)
#endif

/* ---- what holds always ---- */

#define accepts(n) (node[n].lease > 0)

/* The promise: a node that accepts tokens knows every event whose cause was answered. */
#define keepsThePromise(n) (!accepts(n) || (answered & ~node[n].memory) == 0)

/* ---- the memory of a node ---- */

#ifdef FAILOVER
#define numbers(n) (upTo(node[n].memory) | (node[n].mistaken -> upTo(lost) : 0))
#else
#define numbers(n) upTo(node[n].memory)
#endif

/* What the tail brings next: the lowest number after the highest that was applied. */
#define next(n) lowest(log & ~numbers(n))

/* "Has applied" is said by number. A number means one event as long as the log is the same one. */
#ifdef WITHOUT_TIMELINE_IN_LEASES
#define hasAppliedWhatItWasTold(n) (numbers(n) >= upTo(node[n].told))
#else
#define hasAppliedWhatItWasTold(n) (upTo(node[n].memory) >= upTo(node[n].told))
#endif
#ifdef WITHOUT_TIMELINE_IN_RECORDS
#define mayRecord(n) (numbers(n))
#else
#define mayRecord(n) (upTo(node[n].memory))
#endif

/* The log is read to its end before: who cannot read it does not join. */
#ifdef WITHOUT_JOINING_AGAIN
#define mayJoin(n) (log == 0)
#elif defined(WITHOUT_READING_BEFORE_JOINING)
#define mayJoin(n) true
#else
#define mayJoin(n) (hears(n) || log == 0)
#endif

/* ---- faults, and their end ---- */

#define faulty (!healed)
#define runs(n) (node[n].fate != DEAD)
#define hears(n) (node[n].fate == WELL)
#ifdef FAILOVER
#define writable (primary != SEVERED)
#else
#define writable true
#endif

inline forgetRenewal(n) {
  node[n].renewal = QUIET;
  node[n].left = 0;
  node[n].told = 0
}

inline forgetAll(n) {
  forgetRenewal(n);
  node[n].lease = 0;
  node[n].memory = 0;
  node[n].mistaken = 0;
  if
  :: node[n].checked -> node[n].checked = 0; node[n].after = 0; asked = 0
  :: else
  fi
}

/* Who waits for a row that is gone waits no longer. */
inline removeRow(n) {
  node[n].row = 0;
  node[n].waited = 0;
  node[n].untouched = 0;
  node[n].watched = 0
}

/* ---- nodes in an order ---- */

#define key(n) (node[n].memory + (node[n].lease << 3) + (node[n].renewal << 5) \
  + (node[n].left << 7) + (node[n].told << 9) + (node[n].row << 12) + (node[n].waited << 13) \
  + (node[n].untouched << 16) + (node[n].checked << 19) + (node[n].after << 20) \
  + (node[n].fate << 23) + (node[n].mistaken << 25) + (node[n].watched << 26))
#define swap(field, a, b) swapped = node[a].field; node[a].field = node[b].field; \
  node[b].field = swapped

inline inOrder(a, b) {
  if
  :: key(a) > key(b) ->
    swap(memory, a, b); swap(lease, a, b); swap(renewal, a, b); swap(left, a, b);
    swap(told, a, b); swap(row, a, b); swap(waited, a, b); swap(untouched, a, b);
    swap(checked, a, b); swap(after, a, b); swap(fate, a, b); swap(mistaken, a, b);
    swap(watched, a, b);
    swapped = 0
  :: else
  fi
}

/* Ends every step. */
inline settle() {
#ifdef COUNTED
  if
  :: healed -> steps++; assert(steps <= STEPS)
  :: else
  fi;
#endif
#ifdef SORTED
#if NODES == 3
  inOrder(0, 1);
  inOrder(1, 2);
#endif
  inOrder(0, 1)
#else
  skip
#endif
}

/* ---- a node ---- */

proctype Follower(byte n) {
  do
  /* Joins: its row is committed before anything is asked under it. */
  :: d_step { runs(n) && node[n].row == 0 && mayJoin(n) && writable ->
      printf("node %d: has its row in the table\n", n);
      node[n].row = 1;
      settle()
    }

  /* Sends a renewal. From here on the lease is counted. There is none under way, and what the last
   * one told has been applied. */
#ifdef WITHOUT_ROW_BEFORE_LEASE
  :: d_step { runs(n) && node[n].renewal == QUIET && node[n].lease < HELD ->
#else
  :: d_step { runs(n) && node[n].renewal == QUIET && node[n].lease < HELD && node[n].row == 1 ->
#endif
      printf("node %d: sends a renewal\n", n);
      node[n].renewal = SENT;
      node[n].left = HELD;
      settle()
    }

  /* The database renews: only a row that is there, and tells what the log holds. */
#ifdef WITHOUT_ROW_BEFORE_LEASE
  :: d_step { node[n].renewal == SENT && writable ->
      printf("database: begins the renewal of node %d, reads the log\n", n);
      node[n].renewal = READ;
      node[n].told = log;
      settle()
    }
  :: d_step { node[n].renewal == READ && writable ->
      printf("database: commits the renewal of node %d\n", n);
      node[n].renewal = TOLD;
      node[n].row = 1;
      node[n].untouched = 0;
      settle()
    }
#else
  :: d_step { node[n].renewal == SENT && writable ->
      if
      :: node[n].row == 1 ->
        printf("database: renews node %d, tells it the log holds %d events\n", n, count(log));
        node[n].renewal = TOLD;
        node[n].told = log;
        node[n].untouched = 0;
        node[n].watched = 0
#ifdef WITHOUT_ROW_CHECK
      :: else ->
        printf("database: finds no row of node %d, and tells it what the log holds\n", n);
        node[n].renewal = TOLD;
        node[n].told = log
#else
      :: else ->
        printf("database: refuses node %d, whose row is gone\n", n);
        forgetRenewal(n)
#endif
      fi;
      settle()
    }
#endif
#ifdef WITHOUT_SYNCHRONOUS_RENEWAL
  /* A primary that has lost its standby, and its office, renews all the same. */
  :: d_step { node[n].renewal == SENT && primary != WHOLE ->
      printf("old primary: renews node %d\n", n);
      node[n].renewal = TOLD;
      node[n].told = logThen;
      settle()
    }
#endif

  /* The reply has come, and what it told has been applied: the lease begins. */
#ifdef WITHOUT_CATCHING_UP
  :: d_step { runs(n) && node[n].renewal == TOLD ->
#elif defined(FINE)
  :: d_step { runs(n) && node[n].renewal == TOLD && hasAppliedWhatItWasTold(n) ->
#else
  :: d_step { runs(n) && node[n].renewal == TOLD &&
      (hears(n) || hasAppliedWhatItWasTold(n)) ->
      node[n].memory = node[n].memory | node[n].told;
#endif
      printf("node %d: holds a lease\n", n);
#ifdef WITHOUT_COUNTING_FROM_SENDING
      node[n].left = HELD;
#endif
      if
      :: node[n].left > node[n].lease -> node[n].lease = node[n].left
      :: else
      fi;
      forgetRenewal(n);
      assert(keepsThePromise(n));
      settle()
    }
#ifdef WITHOUT_STOPPING_WHEN_BEHIND
  /* Does not care that it is behind, and renews its row again. */
  :: d_step { runs(n) && node[n].renewal == TOLD && !hasAppliedWhatItWasTold(n) ->
      printf("node %d: is behind, and goes on\n", n);
      forgetRenewal(n);
      settle()
    }
#endif

  /* The renewal or its reply is lost. */
  :: d_step { faulty && node[n].renewal != QUIET ->
      printf("partition: the renewal of node %d, or its reply, is lost\n", n);
      forgetRenewal(n);
      settle()
    }

#ifdef FINE
  /* Applies the next event. */
  :: d_step { hears(n) && runs(n) && next(n) != 0 && node[n].mistaken == 0 ->
      printf("node %d: applies event %d\n", n, numberOf(next(n)));
      node[n].memory = node[n].memory | next(n);
      settle()
    }
#ifdef WITHOUT_GAP_CHECK
  /* Applies what a notification brought, though one before it is missing. */
  :: d_step { (log & ~numbers(n)) != next(n) ->
      printf("node %d: applies what a notification brought, not what is before it\n", n);
      node[n].memory = node[n].memory | (log & ~numbers(n) & ~next(n));
      settle()
    }
#endif

  /* Records what it has applied; those who wait for no more than that wait for it no longer. */
#ifdef WITHOUT_APPLYING_FIRST
  :: d_step { (node[n].waited & upTo(log)) != 0 && node[n].row == 1 && runs(n) && writable ->
      printf("node %d: records the end of the log as applied\n", n);
      node[n].waited = node[n].waited & ~upTo(log);
#else
  :: d_step { (node[n].waited & mayRecord(n)) != 0 && node[n].row == 1 && runs(n) && writable ->
      printf("node %d: records that it has applied %d events\n", n, count(mayRecord(n)));
      node[n].waited = node[n].waited & ~mayRecord(n);
#endif
      node[n].untouched = node[n].untouched & node[n].waited;
      settle()
    }
#else
#define appliesAndRecords(n, c) \
  :: d_step { (node[n].waited & only(c)) != 0 && node[n].row == 1 && hears(n) && writable -> \
      printf("node %d: applies and records up to event %d\n", n, c + 1); \
      node[n].waited = node[n].waited & ~upTo(only(c)); \
      node[n].untouched = node[n].untouched & node[n].waited; \
      if \
      :: accepts(n) -> node[n].memory = node[n].memory | upTo(only(c)) \
      :: else \
      fi; \
      if \
      :: node[n].renewal == TOLD -> node[n].told = node[n].told | upTo(only(c)) \
      :: else \
      fi; \
      settle() \
    }
  appliesAndRecords(n, 0)
#if CAUSES > 1
  appliesAndRecords(n, 1)
#endif
#if CAUSES > 2
  appliesAndRecords(n, 2)
#endif
#endif

#ifdef WITHOUT_EXPIRY_AT_THE_CHECK
  /* A timer ends the lease. A process that was paused runs its timers when it gets to them. */
  :: d_step { accepts(n) && runs(n) ->
      printf("node %d: its timer ends the lease\n", n);
      node[n].lease = 0;
      settle()
    }
#endif

#ifdef FINE
#ifdef WITHOUT_FRESH_CLOCK
  /* Reads the clock; a request comes later, and is checked by that reading. */
  :: d_step { accepts(n) && !asked && faulty ->
      printf("node %d: reads the clock, its lease holds\n", n);
      node[n].checked = 1;
      asked = 1
    }
  :: d_step { node[n].checked && node[n].after != answered ->
      printf("node %d: gets a request\n", n);
      node[n].after = answered
    }
#else
  /* A request comes after some cause was answered, and the lease holds: so far it is accepted. */
  :: d_step { accepts(n) && !asked && answered != 0 && faulty ->
      printf("node %d: gets a request, reads the clock, its lease holds\n", n);
      node[n].checked = 1;
      node[n].after = answered;
      asked = 1;
      settle()
    }
#endif
  /* However much later, the memory is looked at: it knows what had been answered by then. */
  :: d_step { node[n].checked ->
      printf("node %d: looks up the token, and knows %d events\n", n, count(node[n].memory));
      assert((node[n].after & ~node[n].memory) == 0);
      node[n].checked = 0;
      node[n].after = 0;
      asked = 0;
      settle()
    }
#endif

#ifdef FAILOVER
  /* Reads the event that the standby has not, and applies it under its number. */
  :: d_step { primary != WHOLE && node[n].mistaken == 0 && (numbers(n) | lost) == upTo(lost) &&
      numbers(n) != upTo(lost) ->
      printf("node %d: applies, as event %d, one that will be lost\n", n, numberOf(lost));
      node[n].mistaken = 1;
      settle()
    }
#ifdef WITHOUT_TIMELINE_IN_THE_TAIL
  /* Goes on after the highest number it has, on another log. */
  :: d_step { node[n].mistaken && primary == PROMOTED && next(n) != 0 ->
      printf("node %d: goes on after the highest number it has\n", n);
      node[n].memory = node[n].memory | next(n);
      node[n].mistaken = 0;
      settle()
    }
#endif
  /* Sees that the log is another one, and reads it from its beginning. */
  :: d_step { node[n].mistaken && primary == PROMOTED ->
      printf("node %d: reads the new log from its beginning\n", n);
      node[n].mistaken = 0;
      settle()
    }
#endif

  /* Its process dies. Started again it may find its row, or never come back. */
  :: d_step { faulty && (accepts(n) || node[n].renewal != QUIET || node[n].memory != 0) ->
      printf("node %d: crashes\n", n);
      forgetAll(n);
      settle()
    }
  /* Leaves: accepts nothing any more, then takes its row away. This is also how a process looks
   * that died and was started under another name: nobody waits for it. */
  :: d_step { faulty && node[n].row == 1 && writable ->
      printf("node %d: leaves, its row is gone\n", n);
#ifndef WITHOUT_STOPPING_FIRST
      forgetAll(n);
#endif
      removeRow(n);
      settle()
    }
  od
}

/* ---- a cause ---- */

inline readTable(c) {
  for (i : 0 .. NODES - 1) {
    if
    :: node[i].row == 1 ->
      node[i].waited = node[i].waited | only(c);
      node[i].untouched = node[i].untouched | only(c)
    :: else
    fi
  }
  i = 0;
#ifdef HEALING
  if
  :: healed ->
    if
    :: (later & answered) != 0 -> prompt = prompt | only(c)
    :: (later & answered) == 0 && (late & answered) != 0 -> later = later | only(c)
    :: else -> late = late | only(c)
    fi
  :: else
  fi;
#endif
  cause[c].timer = WAITED
}

inline giveUpWaiting(c) {
  for (i : 0 .. NODES - 1) {
    node[i].waited = node[i].waited & ~only(c);
    node[i].untouched = node[i].untouched & ~only(c)
  }
  i = 0;
  cause[c].timer = 0
}

#define takesRowOut(c, n) \
  :: d_step { cause[c].phase == WAITING && writable && mayTakeOut(c, n) -> \
      printf("cause %d: takes out the row of node %d\n", c + 1, n); \
      removeRow(n); \
      settle() \
    }
#ifdef WITHOUT_UNTOUCHED_ROW
#define mayTakeOut(c, n) (cause[c].timer == 0 && (node[n].waited & only(c)) != 0)
#elif defined(WITHOUT_WAITING_OUT)
#define mayTakeOut(c, n) ((node[n].untouched & only(c)) != 0)
#elif defined(WITHOUT_TAKING_ROWS_OUT)
#define mayTakeOut(c, n) false
#else
#define mayTakeOut(c, n) (cause[c].timer == 0 && (node[n].untouched & only(c)) != 0)
#endif

#if NODES == 3
#define mayTakeAnyOut(c) (mayTakeOut(c, 0) || mayTakeOut(c, 1) || mayTakeOut(c, 2))
#else
#define mayTakeAnyOut(c) (mayTakeOut(c, 0) || mayTakeOut(c, 1))
#endif

#ifdef WITHOUT_WAITING
#define isOver(c) true
#elif defined(WITHOUT_WAIT_LIMIT)
#define isOver(c) ((anyNode(waited) & only(c)) == 0)
#else
#define isOver(c) ((anyNode(waited) & only(c)) == 0 || cause[c].timer == 0)
#endif

#ifdef WITHOUT_COMMIT_ORDER
#define mayTakeNumber(c) (c == 0 || cause[c - 1].phase != IDLE)
#else
#define mayTakeNumber(c) (log == only(c) - 1)
#endif

proctype Voider(byte c) {
  do
#if defined(FINE) || defined(APART)
  /* Takes its number; holds the lock of the log from here to its commit. */
  :: d_step { cause[c].phase == IDLE && mayTakeNumber(c) && writable ->
      cause[c].phase = NUMBERED;
      printf("cause %d: takes the number %d\n", c + 1, c + 1);
      settle()
    }
#ifdef WITHOUT_READING_AFTER_THE_COMMIT
  :: d_step { cause[c].phase == NUMBERED ->
      cause[c].phase = LOOKED;
      printf("cause %d: reads the table of nodes\n", c + 1);
      readTable(c);
      settle()
    }
  :: d_step { cause[c].phase == LOOKED && writable ->
      printf("cause %d: commits\n", c + 1);
      cause[c].phase = WAITING;
      log = log | only(c);
      settle()
    }
#else
  :: d_step { cause[c].phase == NUMBERED && writable ->
      printf("cause %d: commits\n", c + 1);
      cause[c].phase = COMMITTED;
      log = log | only(c);
      settle()
    }
#endif
  /* Reads the table of nodes, once it knows that it has committed. */
  :: d_step { cause[c].phase == COMMITTED ->
      printf("cause %d: reads the table of nodes\n", c + 1);
      cause[c].phase = WAITING;
      readTable(c);
      settle()
    }
#else
  :: d_step { cause[c].phase == IDLE && mayTakeNumber(c) && writable ->
      printf("cause %d: commits, and reads the table of nodes\n", c + 1);
      cause[c].phase = WAITING;
      log = log | only(c);
      readTable(c);
      settle()
    }
#endif

  takesRowOut(c, 0)
  takesRowOut(c, 1)
#if NODES == 3
  takesRowOut(c, 2)
#endif

  /* Is answered. */
  :: d_step { cause[c].phase == WAITING && isOver(c) && (faulty || !mayTakeAnyOut(c)) ->
      printf("cause %d: is answered\n", c + 1);
      cause[c].phase = ANSWERED;
      answered = answered | only(c);
      giveUpWaiting(c);
      for (i : 0 .. NODES - 1) {
        assert(keepsThePromise(i))
      }
      i = 0;
      settle()
    }

  /* Dies, or the reply is lost. Before the commit this is a rollback, and the number is free. */
  :: d_step { faulty && cause[c].phase == NUMBERED && mayTakeNumber(c) ->
      printf("cause %d: dies, its transaction is undone\n", c + 1);
      cause[c].phase = IDLE
    }
  :: d_step { faulty && (cause[c].phase == COMMITTED || cause[c].phase == WAITING) ->
      printf("cause %d: dies after its commit, nobody was answered\n", c + 1);
      cause[c].phase = GONE;
      giveUpWaiting(c);
      settle()
    }
  od
}

/* ---- time, and the world ---- */

#define canDoNothing(n) (node[n].fate == DEAD || (node[n].renewal != SENT && \
  !(node[n].renewal == TOLD && hasAppliedWhatItWasTold(n)) && \
  !(node[n].renewal == QUIET && node[n].row == 1 && node[n].lease < HELD) && \
  (node[n].fate == DEAF || (node[n].row == 1 && node[n].renewal == QUIET && \
    node[n].lease == HELD && isUpToDate(n)))))
#ifdef FINE
#define isUpToDate(n) (next(n) == 0 && (node[n].waited & upTo(node[n].memory)) == 0)
#else
#define isUpToDate(n) (node[n].waited == 0)
#endif
#define mustWait(c) (cause[c].phase == IDLE || cause[c].phase == ANSWERED || \
  cause[c].phase == GONE || (cause[c].phase == WAITING && !isOver(c)))

#if NODES == 3
#define nobodyCanAct (canDoNothing(0) && canDoNothing(1) && canDoNothing(2) && noCauseCanAct)
#else
#define nobodyCanAct (canDoNothing(0) && canDoNothing(1) && noCauseCanAct)
#endif
#if CAUSES == 3
#define noCauseCanAct (mustWait(0) && mustWait(1) && mustWait(2))
#elif CAUSES == 2
#define noCauseCanAct (mustWait(0) && mustWait(1))
#else
#define noCauseCanAct mustWait(0)
#endif

inline tickNode(n) {
#ifndef WITHOUT_EXPIRY_AT_THE_CHECK
  if
  :: node[n].lease > 0 -> node[n].lease--
  :: else
  fi;
#endif
#ifndef FINE
  if
  :: node[n].lease == 0 -> node[n].memory = 0
  :: else
  fi;
#endif
  if
  :: node[n].left > 0 -> node[n].left--
  :: else
  fi;
#ifndef WITHOUT_COUNTING_FROM_SENDING
  /* A renewal that is too old to give a lease is as good as lost. */
  if
  :: faulty && node[n].left == 0 -> forgetRenewal(n)
  :: else
  fi
#endif
}

active proctype World() {
  do
  :: d_step { (faulty || nobodyCanAct) ->
      printf("time: a tick\n");
      for (i : 0 .. NODES - 1) {
        tickNode(i)
      }
      for (i : 0 .. CAUSES - 1) {
#ifdef HEALING
        /* Nobody waits longer than a wait, nor for those who are known to be gone. */
        assert(!healed || cause[i].phase != WAITING ||
          (cause[i].timer > 0 && (prompt & only(i)) == 0));
#endif
        if
        :: cause[i].timer > 0 -> cause[i].timer--
        :: else
        fi
      }
      i = 0;
#ifdef WATCHED
      if
      :: watching > 0 -> watching--
      :: else
      fi;
#endif
      settle();
      steps = 0
    }
#ifdef WATCHED
  :: d_step { watching == 0 && anyNode(row) && !anyNode(watched) ->
      printf("watcher: reads the table of nodes\n");
      for (i : 0 .. NODES - 1) {
        node[i].watched = node[i].row
      }
      i = 0;
      watching = WAITED;
      settle()
    }
  :: d_step { watching == 0 && node[0].watched && writable -> removeRow(0); settle() }
  :: d_step { watching == 0 && node[1].watched && writable -> removeRow(1); settle() }
#endif
#ifdef HEALING
  /* The faults end; some nodes never come back, some never hear of an event again. */
  :: atomic { faulty ->
      printf("the faults end\n");
      for (i : 0 .. NODES - 1) {
        if
        :: node[i].fate = WELL
        :: node[i].fate = DEAF; printf("node %d: is deaf to the log\n", i)
        :: node[i].fate = DEAD; printf("node %d: is dead\n", i); forgetAll(i)
        fi
      }
      i = 0;
      healed = 1;
      settle();
      steps = 0
    }
#endif
#ifdef FAILOVER
  /* The primary loses its standby with one event on its way there: whose cause is not answered. */
  :: d_step { primary == WHOLE && log != only(CAUSES) - 1 ->
      printf("primary: loses its standby; an event is visible that the standby has not\n");
      primary = SEVERED;
      logThen = log;
      lost = log + 1;
      for (i : 0 .. CAUSES - 1) {
        if
        :: cause[i].phase == NUMBERED -> cause[i].phase = IDLE
        :: else
        fi
      }
      i = 0
    }
  :: d_step { primary == SEVERED ->
      printf("standby: is the primary now\n");
      primary = PROMOTED
    }
#endif
  od
}

init {
  atomic {
    byte k;
    for (k : 0 .. NODES - 1) {
      run Follower(k)
    }
    for (k : 0 .. CAUSES - 1) {
      run Voider(k)
    }
  }
}

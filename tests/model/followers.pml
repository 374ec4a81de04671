/*
 * Followers that are waited for, as docs/decisions/0020-followers-that-are-waited-for.md has them.
 *
 * leases.pml is about those that speak with the database; here somebody stands between. A follower
 * hears cut-offs over a stream, in their order and at any time; its requests are taken to the
 * database by a server, any server, whose own knowledge (`relay`) lags behind the log as it likes
 * and whose death is the loss of what is under way. Pause, loss and partition are as there: no step
 * is ever obliged to be taken, and the clock ticks meanwhile.
 *
 * A cause waits for each row by itself, so followers have nothing to do with one another, and one of
 * them is enough; with -DFOLLOWERS=2 -DCAUSES=2 two are searched.
 *
 * WITHOUT_<rule> leaves one rule out. Each of them is shown to be needed.
 */
#ifndef FOLLOWERS
#define FOLLOWERS 1
#endif
#ifndef CAUSES
#define CAUSES 3
#endif

/* Ticks: how long a lease may last, its clock being slow, and a wait at least, its clock being fast. */
#define HELD 2
#ifdef WITHOUT_MARGIN
#define WAITED 1
#else
#define WAITED 2
#endif

/* Where a request of a follower is. */
#define QUIET 0
#define SENT 1
#define TOLD 2

/* Where a cause is. */
#define IDLE 0
#define COMMITTED 1
#define WAITING 2
#define ANSWERED 3

typedef Follower {
  unsigned memory : 2;    /* the last cut-off that it has applied */
  unsigned lease : 2;     /* for how many ticks it may still accept */
  unsigned request : 2;
  unsigned left : 2;      /* how long the lease would last that the request asks for */
  unsigned said : 2;      /* how far the request says it is */
  unsigned told : 2;      /* the last cut-off, as the answer says */
  unsigned row : 1;
  unsigned applied : 2;   /* what the row says */
  unsigned waited : 3;    /* the causes that wait for this row */
  unsigned untouched : 3; /* those for whom it was not renewed since they read it */
}

typedef Cause {
  unsigned phase : 2;
  unsigned timer : 2
}

Follower follower[FOLLOWERS];
Cause cause[CAUSES];
unsigned log : 2;      /* cut-offs that are committed: 1, 2, and so on */
unsigned answered : 2; /* the last of them that was answered */
unsigned relay : 2;    /* the last that the server knows which takes the requests */
/* Used within one step only. */
hidden byte i;
hidden byte f;
hidden byte c;

#define only(c) (1 << (c))

#ifdef WITHOUT_UNTOUCHED_ROW
#define isSilent(i, c) true
#else
#define isSilent(i, c) ((follower[i].untouched & only(c)) != 0)
#endif

#ifdef WITHOUT_CATCHING_UP
#define hasCaughtUp(f) true
#else
#define hasCaughtUp(f) (follower[f].memory >= follower[f].told)
#endif

/* The promise: who accepts knows every cut-off that was answered. */
inline check() {
  for (i : 0 .. FOLLOWERS - 1) {
    assert(follower[i].lease == 0 || follower[i].memory >= answered)
  }
}

inline rest() {
  follower[f].request = QUIET;
  follower[f].left = 0;
  follower[f].said = 0;
  follower[f].told = 0
}

inline serve() {
  if
  :: follower[f].row ->
    if
    :: follower[f].said > follower[f].applied -> follower[f].applied = follower[f].said
    :: else
    fi;
    follower[f].untouched = 0;
#ifdef WITHOUT_READING_THE_LOG
    follower[f].told = relay;
#else
    follower[f].told = log;
#endif
    follower[f].request = TOLD
  :: else -> rest()
  fi
}

/* Whether cause c waits for follower i no longer. */
#define isDoneButForTime(i, c) \
  ((follower[i].waited & only(c)) == 0 || !follower[i].row || follower[i].applied > c)
#define isDone(i, c) (isDoneButForTime(i, c) || cause[c].timer == 0)

inline answer() {
  for (i : 0 .. FOLLOWERS - 1) {
    if
    :: !isDoneButForTime(i, c) && isSilent(i, c) ->
      follower[i].row = 0;
      follower[i].applied = 0
    :: else
    fi;
    follower[i].waited = follower[i].waited & ~only(c);
    follower[i].untouched = follower[i].untouched & ~only(c)
  }
  cause[c].phase = ANSWERED;
  if
  :: c + 1 > answered -> answered = c + 1
  :: else
  fi
}

#if FOLLOWERS == 2
#define allDone(c) (isDone(0, c) && isDone(1, c))
#else
#define allDone(c) isDone(0, c)
#endif

inline tick() {
  for (i : 0 .. FOLLOWERS - 1) {
    if
    :: follower[i].lease > 0 -> follower[i].lease = follower[i].lease - 1
    :: else
    fi;
    if
    :: follower[i].left > 0 -> follower[i].left = follower[i].left - 1
    :: else
    fi
  }
  for (i : 0 .. CAUSES - 1) {
    if
    :: cause[i].timer > 0 -> cause[i].timer = cause[i].timer - 1
    :: else
    fi
  }
}

active proctype world() {
  do
  :: atomic { log < CAUSES -> printf("cut-off %d is committed\n", log + 1);
      cause[log].phase = COMMITTED; log = log + 1 }
#ifdef WITHOUT_READING_THE_LOG
  :: atomic { relay < log -> relay = relay + 1; printf("the server knows %d\n", relay) }
#endif
  :: atomic { printf("a tick\n"); tick() }
  :: atomic {
      select (c : 0 .. CAUSES - 1);
      if
      :: cause[c].phase == COMMITTED ->
        printf("cause %d reads the table\n", c + 1);
        cause[c].phase = WAITING;
        cause[c].timer = WAITED;
        for (i : 0 .. FOLLOWERS - 1) {
          if
          :: follower[i].row && follower[i].applied <= c ->
            follower[i].waited = follower[i].waited | only(c);
            follower[i].untouched = follower[i].untouched | only(c)
          :: else
          fi
        }
      :: cause[c].phase == WAITING && allDone(c) ->
        printf("cause %d is answered\n", c + 1);
        answer();
        check()
      :: else
      fi
    }
  :: atomic {
      select (f : 0 .. FOLLOWERS - 1);
      if
      :: follower[f].memory < log ->
        follower[f].memory = follower[f].memory + 1;
        printf("follower %d applies %d\n", f, follower[f].memory)
      :: !follower[f].row && follower[f].request == QUIET ->
        printf("follower %d is entered\n", f);
        follower[f].row = 1;
        follower[f].applied = follower[f].memory
      :: follower[f].request == QUIET ->
        printf("follower %d asks\n", f);
        follower[f].request = SENT;
        follower[f].left = HELD;
#ifdef WITHOUT_APPLYING_FIRST
        follower[f].said = log
#else
        follower[f].said = follower[f].memory
#endif
      :: follower[f].request == SENT -> printf("follower %d is served\n", f); serve()
      :: follower[f].request != QUIET ->
        printf("a message is lost\n");
        rest()
      :: follower[f].request == TOLD && hasCaughtUp(f) ->
#ifdef WITHOUT_COUNTING_FROM_SENDING
        follower[f].left = HELD;
#endif
        if
        :: follower[f].left > follower[f].lease -> follower[f].lease = follower[f].left
        :: else
        fi;
        printf("follower %d has a lease of %d\n", f, follower[f].lease);
        rest();
        check()
      :: follower[f].row ->
        printf("follower %d leaves\n", f);
#ifndef WITHOUT_STOPPING_FIRST
        follower[f].lease = 0;
        rest();
#endif
        follower[f].row = 0;
        follower[f].applied = 0
#ifdef WITHOUT_ROWS_THAT_OUTLIVE
      :: follower[f].row -> printf("the credential of follower %d goes\n", f);
        follower[f].row = 0;
        follower[f].applied = 0
#endif
      :: else
      fi
    }
  od
}

/**
 * Rules of the corridor, each broken on purpose in the code that is run, to see that the simulation
 * finds it. What is replaced must stand in the built file exactly once.
 */

/** A rule, and how it is broken. */
export interface Mutation {
  readonly rule: string
  /** A module of the server, without its ending. */
  readonly module: string
  readonly find: string
  readonly replace: string
}

const node = 'nodes/node'
const confirmation = 'nodes/confirmation'
const model = 'nodes/model'
const tail = 'events/tail'

/** By name. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'counts-from-the-answer': {
    rule: 'a lease is counted from before its renewal was sent',
    module: node,
    find: 'life.leasedAt = askedAt;',
    replace: 'life.leasedAt = instantOf(life.platform);',
  },
  'lease-without-end': {
    rule: 'a node accepts only while its lease holds',
    module: model,
    find: 'return leaseLeftMs(askedAt, now, terms) > 0',
    replace: 'return true',
  },
  'no-margin': {
    rule: 'a node holds its lease to be shorter than others do',
    module: model,
    find: 'leaseMs - marginMs - passedMs',
    replace: 'leaseMs + 50 - passedMs',
  },
  'sleeps-unnoticed': {
    rule: 'a lease is counted on the wall clock, too',
    module: model,
    find: ', now.wallMs - askedAt.wallMs)',
    replace: ')',
  },
  'lease-before-catching-up': {
    rule: 'a lease begins when what its renewal told was applied',
    module: node,
    find: 'void tail.whenApplied(found.lastSeq).then(',
    replace: 'void Promise.resolve().then(',
  },
  'renews-without-row': {
    rule: 'who was taken out joins anew',
    module: node,
    find: 'if (!found.isRenewed)\n            return false;',
    replace: '',
  },
  'leaves-before-refusing': {
    rule: 'a node refuses before its row goes',
    module: node,
    find: 'const { session, nodeId } = life;\n    Object.assign(life, noLease);',
    replace: 'const { session, nodeId } = life;',
  },
  'waits-for-nobody': {
    rule: 'a voiding waits for every node in the table',
    module: confirmation,
    find: 'return others.reduce((least, row) => Math.min(least, row.appliedSeq), appliedSeq());',
    replace: 'return appliedSeq();',
  },
  'waits-half-a-lease': {
    rule: 'a voiding that nobody confirms waits for a lease',
    module: confirmation,
    find: 'timers.callAfter(options.leaseMs, waitOut)',
    replace: 'timers.callAfter(options.leaseMs / 2, settle)',
  },
  'silent-at-once': {
    rule: 'a row is taken out after a whole lease of silence',
    module: model,
    find: 'nowMs - known.sinceMs >= leaseMs',
    replace: 'nowMs - known.sinceMs >= leaseMs / 4',
  },
  'forgets-the-silent': {
    rule: 'who was waited for in vain is taken out',
    module: confirmation,
    find: 'if (isOver && (await',
    replace: 'if (false && (await',
  },
  'skips-gaps': {
    rule: 'no event is applied before the one before it',
    module: tail,
    find: 'if (seqBefore > way.appliedSeq)\n            continue;',
    replace: '',
  },
  'applied-before-it-is': {
    rule: 'an event counts as applied when all who follow have taken it into account',
    module: tail,
    find: 'return pending.then(() => advance(way, batch.seqLast));',
    replace: 'pending.catch(() => {}).then(advance(way, batch.seqLast));',
  },
  'hears-notices-only': {
    rule: 'a renewal tells what a lost notice did not',
    module: node,
    find: 'tail.reach(lastSeq);',
    replace: '',
  },
  'takes-another-log-for-its-own': {
    rule: 'memory counts for the log only that it was read by',
    module: model,
    find: 'return found.timeline === known.timeline && found.lastSeq >= known.appliedSeq',
    replace: 'return found.lastSeq >= known.appliedSeq',
  },
  'takes-what-was-written-elsewhere': {
    rule: 'what was committed to another log is not handed over as one of this',
    module: 'events/feed',
    find: 'if (isFollowed(batch.timeline)) {',
    replace: 'if (true) {',
  },
  'turns-without-reading': {
    rule: 'memory is read again where the log is another one',
    module: tail,
    find: 'await reload?.();\n    if (way.restart !== restart)',
    replace: ';\n    if (way.restart !== restart)',
  },
  'leaves-what-hung': {
    rule: 'nothing is left of a connection that was given up',
    module: 'nodes/stay',
    find: 'endLeft(session, left);',
    replace: '',
  },
  'stalls-in-the-table': {
    rule: 'a failed read of the log is tried again',
    module: tail,
    find: '    finally {\n        way.isWorking = false;\n    }',
    replace: '',
  },
}

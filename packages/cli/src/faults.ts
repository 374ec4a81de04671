/**
 * What can keep a command from doing what it was asked, and how the process then ends.
 */

/** Why a command did not do it. */
export interface CliFault {
  /**
   * - `usage`: the command line or the environment is wrong; nothing was asked of a server.
   * - `refused`: the server said no, or what was asked for is not there.
   * - `unreachable`: no answer, or one that says that the server itself is in trouble.
   */
  readonly kind: 'usage' | 'refused' | 'unreachable'
  readonly message: string
  /** What to do about it, where that is known. */
  readonly hint?: string
  /** The code of the server's error. */
  readonly code?: string
  /** Names the request in the server's log. */
  readonly requestId?: string
}

/**
 * Exit codes, for scripts: 0 done, 1 the answer is no, 2 the command line is wrong, 3 there is no
 * answer.
 */
export const exitCodes = { refused: 1, usage: 2, unreachable: 3 } as const

/** A fault on its way through code of libraries that know exceptions only. */
export class CliFailure extends Error {
  readonly fault: CliFault
  constructor(fault: CliFault) {
    super(fault.message)
    this.fault = fault
  }
}

/**
 * Says whether an error that nobody caught is the driver's attempt to write to a connection of a
 * transaction that had ended a moment before. It is thrown from a timer of the driver, where no
 * caller can catch it.
 *
 * Nothing is lost by passing over it: the transaction has been told already that its connection
 * ended, and the pool opens another. Every other error that nobody caught is a bug.
 *
 * @source porsager/postgres issues 1154 and 1208; postgres.js 3.4.9, `nextWrite` in connection.js.
 */
export function isLateWrite(error: unknown): boolean {
  if (!(error instanceof TypeError)) return false
  const [message = '', place = ''] = (error.stack ?? '').split('\n')
  return (
    message.includes("Cannot read properties of null (reading 'write')") &&
    /\bnextWrite \(.*[\\/]postgres[\\/]src[\\/]connection\.js:/.test(place)
  )
}

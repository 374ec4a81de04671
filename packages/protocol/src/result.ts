/**
 * The outcome of something that a correct program may see fail.
 *
 * A fault is a value with a `kind`, never an exception: the caller decides what it means there.
 */
export type Result<Value, Fault> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly fault: Fault }

/** The outcome that carries `value`. */
export function ok<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value }
}

/** The outcome that carries `fault`, a plain object whose `kind` says what was met. */
export function fail<Fault>(fault: Fault): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault }
}

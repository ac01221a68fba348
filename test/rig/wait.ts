/** Waiting for something to become true, without a guess how long it takes. */

const patienceMs = 25_000

/**
 * Asks again and again until `probe` returns something other than undefined or false.
 * @param patientMs more where programs are started on a machine that other tests keep busy
 * @throws when patience ends
 */
export async function until<T>(
  probe: () => T | Promise<T>,
  patientMs = patienceMs,
): Promise<Exclude<T, undefined | false>> {
  const end = Date.now() + patientMs
  for (;;) {
    const value = await probe()
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>
    if (Date.now() > end) throw new Error('it never became true')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

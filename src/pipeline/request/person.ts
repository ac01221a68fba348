/**
 * Which of the persons behind its key a request is from. Only roles whose policy says where to look are believed. A name
 * that could be read in two ways refuses the request: it must not pass for nobody's, or for somebody else's.
 */
import type { JsonValue } from '../../core/json.ts'
import { personIn } from '../../core/person.ts'
import { Refusal } from '../../core/refusal.ts'
import type { Endpoint } from '../../dialects/dialect.ts'
import type { Role } from '../../policy/policy.ts'
import { type Authenticated, extend, type Parsed } from '../context.ts'

/**
 * Takes the person from the header that the role names, if it does.
 * @throws Refusal `invalid_request`
 */
export function namePersonByHeader(request: Authenticated, { cost }: Pick<Endpoint, 'cost'>): Authenticated {
  const header = request.role.person?.header
  if (header === undefined) return request
  const [value, another] = valuesOf(request.rawHeaders, header)
  if (another !== undefined) refuse(`The header \`${header}\` may be sent only once.`)
  return named(request, value, `The header \`${header}\``, cost)
}

/**
 * Takes the person from the body, if the role asks for that.
 * @throws Refusal `invalid_request`
 */
export function namePersonByBody(request: Parsed): Parsed {
  const { role, prompt, endpoint } = request
  if (!role.person || role.person.header !== undefined) return request
  return named(request, prompt.person, 'The field with the person (such as `user`)', endpoint.cost)
}

function named<Request extends Authenticated>(
  request: Request,
  value: JsonValue | undefined,
  where: string,
  cost: Endpoint['cost'],
): Request {
  const person = readPerson(value, where, request.role, cost)
  return person === undefined ? request : extend(request, { person })
}

/**
 * Reads the person that a request of this role names. @param where it is named, for messages
 * @returns undefined if it names none, and need not
 * @throws Refusal `invalid_request`
 */
export function readPerson(
  value: JsonValue | undefined,
  where: string,
  role: Pick<Role, 'person'>,
  cost: Endpoint['cost'],
): string | undefined {
  if (value === undefined || value === '') {
    if (role.person?.required && cost === 'request')
      refuse(`${where} is missing. Requests with this key must name the person that they are from.`)
    return undefined
  }
  const person = typeof value === 'string' ? personIn(value) : undefined
  return (
    person ?? refuse(`${where} must be an id of 1 to 256 ASCII letters, digits and . _ : @ / + = | % ~ # -`)
  )
}

/** @param name in lower case */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (rawHeaders[index]?.toLowerCase() === name) values.push(rawHeaders[index + 1] ?? '')
  return values
}

function refuse(say: string): never {
  throw new Refusal('invalid_request', { say })
}

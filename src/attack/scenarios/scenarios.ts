/** All accidents that can be played. */
import { clinic } from './clinic.ts'
import { poisonedModel } from './poisoned-model.ts'
import type { Scenario } from './scenario.ts'
import { supportChat } from './support-chat.ts'
import { tickets } from './tickets.ts'

/** The scenarios, in the order in which they are listed. */
export const scenarios: readonly Scenario[] = [tickets, supportChat, clinic, poisonedModel]

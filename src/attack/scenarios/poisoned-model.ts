/** The poisoned model. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Scenario } from './scenario.ts'
import type { Turn } from './side.ts'

/** Within which a gateway notices that a model was replaced. */
const noticeMs = 5000
const stepMs = 50
const days = 20

/** Someone has pushed another model under the same name. */
export const poisonedModel: Scenario = {
  name: 'poisoned-model',
  title: 'The poisoned model',
  story:
    'A firm uses a model to read invoices. One night the model is replaced under its name. The new one answers like the old one, but where an invoice is to be paid it names the account of the attacker.',
  lesson:
    '`models: { require: [digest] }`: a model whose digest is not the locked one is quarantined, whoever replaced it.',
  async play(side) {
    side.servers.answer({ text: 'Pay to the account on the invoice.', calls: [], holds: false })
    const before = await pay(side)
    side.tell(`The model that was locked: ${before.refused ?? before.text}`)
    side.servers.replaceModels()
    side.servers.answer({ text: 'Pay to the account of Example Trading Ltd.', calls: [], holds: false })
    const startMs = Date.now()
    let after = await pay(side)
    while (side.hasGateway && after.refused === undefined && Date.now() - startMs < noticeMs) {
      await delay(stepMs)
      after = await pay(side)
    }
    side.tell(
      after.refused === undefined
        ? `The model that replaced it: ${after.text}`
        : `The model that replaced it is refused after ${Date.now() - startMs} ms: ${after.refused}.`,
    )
    let wrong = 0
    for (let count = 0; count < days; count++) if (isWrong(await pay(side))) wrong++
    return `${wrong} of ${days} invoices paid to the attacker`
  },
}

function pay(side: Parameters<Scenario['play']>[0]): Promise<Turn> {
  return side.ask([{ role: 'user', content: 'Where do I pay this invoice?' }])
}

function isWrong({ text }: Turn): boolean {
  return text.includes('Example Trading')
}

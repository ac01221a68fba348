/** What is generated is up to date; `npm run generate` makes it so. */
import { expect, it } from 'vitest'
import { editorSchema, reference } from '../src/policy/reference.ts'
import { dashboards } from './deploy/dashboards/dashboards.ts'

it('config/torwart.schema.json', async () => {
  await expect(`${JSON.stringify(editorSchema(), null, 2)}\n`).toMatchFileSnapshot(
    '../config/torwart.schema.json',
  )
})

it('config/README.md', async () => {
  await expect(reference()).toMatchFileSnapshot('../config/README.md')
})

it.each(Object.entries(dashboards))('deploy/grafana/%s.json', async (name, dashboard) => {
  await expect(`${JSON.stringify(dashboard, null, 2)}\n`).toMatchFileSnapshot(
    `../deploy/grafana/${name}.json`,
  )
})

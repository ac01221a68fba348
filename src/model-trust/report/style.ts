/** How the report looks, in light and dark. The page allows exactly this style by its hash. */

/** The style sheet of the report. */
export const style = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1b2430; --soft: #5b6778; --line: #dde2e9;
  --good: #17784a; --bad: #b3261e; --open: #8a5a00; --good-back: #e5f4ec; --bad-back: #fbe9e7; --open-back: #fdf2dc;
  --before: #7b8ba3; --after: #2f6fdb; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a; --text: #e6eaf0; --soft: #9aa7b8;
  --line: #2e3743; --good: #5ccf95; --bad: #ff8a80; --open: #f0b54a; --good-back: #14301f; --bad-back: #3a1715;
  --open-back: #36280c; --before: #8d9cb3; --after: #6ea2ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 20px 64px; }
h1 { font-size: 22px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 36px 0 12px; }
h3 { font-size: 15px; margin: 0 0 8px; }
p { margin: 6px 0; }
small, .soft { color: var(--soft); }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.verdict { border-radius: 10px; padding: 18px 20px; border: 1px solid var(--line); border-left: 8px solid; }
.verdict b { font-size: 20px; }
.passed { border-left-color: var(--good); background: var(--good-back); }
.failed { border-left-color: var(--bad); background: var(--bad-back); }
.unfinished { border-left-color: var(--open); background: var(--open-back); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 14px 0 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 14px; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; min-width: 0; }
.card.differs { border-color: var(--bad); }
.tag { display: inline-block; border-radius: 99px; padding: 0 9px; font-size: 12px; font-weight: 600; white-space: nowrap; }
.tag.good { color: var(--good); background: var(--good-back); }
.tag.bad { color: var(--bad); background: var(--bad-back); }
.tag.open { color: var(--open); background: var(--open-back); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; background: var(--card); }
th, td { text-align: left; padding: 6px 10px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details { margin: 10px 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 8px 14px; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--page); border-radius: 6px; padding: 8px 10px; margin: 6px 0;
  font: 13px/1.45 ui-monospace, monospace; }
svg { display: block; width: 100%; height: auto; margin: 4px 0 8px; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .before { fill: var(--before); }
svg .after { fill: var(--after); }
svg .track { fill: var(--line); }
svg .axis { stroke: var(--line); }
svg .middle { stroke: var(--text); stroke-width: 1.5; }
svg text.value { fill: var(--text); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
.key.before { background: var(--before); }
.key.after { background: var(--after); }
@media print { body { background: #fff; } .card, details, table { break-inside: avoid; } }
`

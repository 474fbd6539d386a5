// The one style sheet of the gateway's own pages. Served as a file, because the pages' policy allows no style within them.

export const STYLE_PATH = '/-/style.css';

export const STYLE = `:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f6f8, #14181d);
  --card: light-dark(#ffffff, #1d232a);
  --ink: light-dark(#1b2430, #e8edf2);
  --faint: light-dark(#55606e, #a3afbc);
  --line: light-dark(#d5dce3, #364049);
  --accent: light-dark(#1f5fbf, #7db2ff);
  --on-accent: light-dark(#ffffff, #0c1622);
  --warn: light-dark(#9a3412, #ffb38a);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
header {
  display: flex;
  align-items: center;
  gap: 1rem;
  padding: 0.75rem 1.25rem;
  border-bottom: 1px solid var(--line);
  background: var(--card);
}
header .brand { font-weight: 650; color: var(--ink); text-decoration: none; }
header .who { margin-left: auto; color: var(--faint); overflow-wrap: anywhere; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
main.narrow { max-width: 31rem; padding-top: 10vh; }
.card > :last-child { margin-bottom: 0; }
.card {
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 12px;
  padding: 1.5rem;
  margin-bottom: 1rem;
}
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 0.75rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.75rem; }
p { margin: 0 0 1rem; }
a { color: var(--accent); text-underline-offset: 0.15em; }
.faint { color: var(--faint); }
.warning { border-left: 4px solid var(--warn); padding-left: 0.9rem; }
.actions { display: grid; gap: 0.6rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }
.button, button {
  display: inline-block;
  width: 100%;
  padding: 0.65rem 1rem;
  border: 1px solid var(--accent);
  border-radius: 8px;
  background: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 600;
  text-align: center;
  text-decoration: none;
  cursor: pointer;
}
button.plain { width: auto; padding: 0.3rem 0.8rem; background: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; color: var(--faint); padding-bottom: 0.5rem; }
th, td { padding: 0.5rem 0.75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
td a { margin-right: 0.9rem; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.25rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 36rem) {
  table.stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table.stack tr { display: block; border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  table.stack tbody tr:last-child { border-bottom: 0; padding-bottom: 0; }
  table.stack th, table.stack td { display: block; border: 0; padding: 0.15rem 0; }
}
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; gap: 0 0; } dd { margin-bottom: 0.6rem; } }
`;

// A picture of the CPU time for a request, one panel for each size of the answer: bars for the medians, whiskers from
// the least round to the most, multiples of the relay and of haproxy, and a dashed line where the gateway is to be.

import type { Figures } from '../measure.ts';
import type { Scenario } from '../scenarios.ts';
import { RELAY_BARS } from './bars.ts';

const PANEL = { width: 330, height: 280, left: 62, top: 104, bottom: 96, gap: 26 } as const;
const COLORS: Readonly<Record<string, string>> = {
  relay: '#8c959f',
  'relay, undici': '#afb8c1',
  'relay, own': '#6e7781',
  gateway: '#1f6feb',
  haproxy: '#2da44e',
  nginx: '#bf8700',
};

/** SVG; on a white ground of its own, readable on light and dark pages alike. */
export function toPlot(scenarios: readonly Scenario[]): string {
  const step = PANEL.width + PANEL.gap;
  const width = step * scenarios.length + PANEL.gap;
  const height = PANEL.height + PANEL.top + PANEL.bottom;
  const panels = scenarios.map((scenario, index) => toPanel(scenario, PANEL.gap + index * step));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${PANEL.gap}" y="28" font-size="17" font-weight="600" fill="#1f2328">CPU time of the proxy for each request (less is better)</text>
<text x="${PANEL.gap}" y="48" fill="#57606a">Microseconds, median of the rounds; whiskers from the least to the most. Dashed: where the gateway is to be, as a multiple of the relay.</text>
${panels.join('\n')}
</svg>
`;
}

function toPanel({ title, figures }: Scenario, x: number): string {
  const most = toRound(Math.max(...figures.map(({ cpuUs }) => cpuUs.max)));
  const scale = (value: number): number => (value / most) * PANEL.height;
  const floor = PANEL.top + PANEL.height;
  const slot = (PANEL.width - PANEL.left) / figures.length;
  const bars = figures.map((each, index) =>
    toBar(each, figures, { x: x + PANEL.left + slot * index, slot, floor, scale }),
  );
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = floor - share * PANEL.height;
    return `<line x1="${x + PANEL.left}" x2="${x + PANEL.width}" y1="${y}" y2="${y}" stroke="#d8dee4"/><text x="${x + PANEL.left - 6}" y="${y + 4}" text-anchor="end" fill="#57606a">${Math.round(share * most)}</text>`;
  });
  return `<g><text x="${x}" y="${PANEL.top - 22}" font-size="14" font-weight="600" fill="#1f2328">${title}</text>${lines.join('')}${bars.join('')}${toHeads(x, floor)}${toGoal(title, figures, { x, floor, scale })}</g>`;
}

/** The next of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 or 10 times a power of ten. */
export function toRound(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** What the multiples under the bars are of. */
const BASES = ['relay', 'haproxy'] as const;
const toRatioLine = (floor: number, index: number): number => floor + 54 + index * 17;

const toHeads = (x: number, floor: number): string =>
  ['µs', ...BASES.map((base) => `× ${base}`)]
    .map(
      (text, index) =>
        `<text x="${x + PANEL.left}" y="${index === 0 ? floor + 36 : toRatioLine(floor, index - 1)}" text-anchor="end" fill="#57606a">${text}</text>`,
    )
    .join('');

interface Place {
  readonly x: number;
  readonly floor: number;
  readonly scale: (value: number) => number;
}

const isSize = (text: string): text is keyof typeof RELAY_BARS => text in RELAY_BARS;

/** The line that the gateway's bar is not to reach over. */
function toGoal(title: string, figures: readonly Figures[], { x, floor, scale }: Place): string {
  const size = title.split(',')[0] ?? '';
  const relay = figures.find(({ name }) => name === 'relay');
  if (relay === undefined || !isSize(size)) return '';
  const y = (floor - scale(relay.cpuUs.median * RELAY_BARS[size])).toFixed(1);
  return `<line x1="${x + PANEL.left}" x2="${x + PANEL.width}" y1="${y}" y2="${y}" stroke="#cf222e" stroke-dasharray="5 4"/><text x="${x + PANEL.width}" y="${Number(y) - 5}" text-anchor="end" fill="#cf222e" stroke="#ffffff" stroke-width="3" paint-order="stroke">${RELAY_BARS[size]} × relay</text>`;
}

function toBar(
  { name, cpuUs }: Figures,
  all: readonly Figures[],
  { x, slot, floor, scale }: Place & { readonly slot: number },
): string {
  const middle = (x + slot / 2).toFixed(1);
  const [top, least, most] = [cpuUs.median, cpuUs.min, cpuUs.max].map((each) =>
    (floor - scale(each)).toFixed(1),
  );
  const line = (y: number, text: string, style: string): string =>
    `<text x="${middle}" y="${y}" text-anchor="middle" ${style}>${text}</text>`;
  const ratios = BASES.map((base) => {
    const other = all.find((each) => each.name === base);
    return other === undefined ? '–' : (cpuUs.median / other.cpuUs.median).toFixed(2);
  });
  return [
    `<rect x="${(x + slot * 0.16).toFixed(1)}" y="${top}" width="${(slot * 0.68).toFixed(1)}" height="${scale(cpuUs.median).toFixed(1)}" rx="2" fill="${COLORS[name] ?? '#8250df'}"/>`,
    `<path d="M${middle} ${least}V${most}m-4 0h8m-8 ${(Number(least) - Number(most)).toFixed(1)}h8" stroke="#1f2328" fill="none"/>`,
    line(floor + 18, name, 'font-weight="600" fill="#1f2328"'),
    line(floor + 36, String(Math.round(cpuUs.median)), 'fill="#1f2328"'),
    ...ratios.map((text, index) => line(toRatioLine(floor, index), text, 'fill="#57606a"')),
  ].join('');
}

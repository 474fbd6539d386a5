// A picture of the CPU time for a request, one panel for each size of the answer: bars for the medians, whiskers from
// the least round to the most.

import type { Figures } from '../measure.ts';
import type { Scenario } from '../scenarios.ts';

const PANEL = { width: 300, height: 300, left: 62, top: 56, bottom: 40, gap: 24 } as const;
const COLORS: Readonly<Record<string, string>> = {
  relay: '#9aa5b1',
  gateway: '#1f6feb',
  haproxy: '#2da44e',
  nginx: '#bf8700',
};

/** SVG; readable on light and dark pages alike. */
export function toPlot(scenarios: readonly Scenario[]): string {
  const step = PANEL.width + PANEL.gap;
  const width = step * scenarios.length + PANEL.gap;
  const height = PANEL.height + PANEL.top + PANEL.bottom;
  const panels = scenarios.map((scenario, index) => toPanel(scenario, PANEL.gap + index * step));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${PANEL.gap}" y="22" font-size="15" font-weight="600" fill="#1f2328">CPU time of the proxy for each request, in microseconds (less is better)</text>
${panels.join('\n')}
</svg>
`;
}

function toPanel({ title, figures }: Scenario, x: number): string {
  const most = Math.max(...figures.map(({ cpuUs }) => cpuUs.max));
  const scale = (value: number): number => (value / most) * PANEL.height;
  const floor = PANEL.top + PANEL.height;
  const slot = (PANEL.width - PANEL.left) / figures.length;
  const bars = figures.map((each, index) =>
    toBar(each, x + PANEL.left + slot * index + slot * 0.15, slot * 0.7, floor, scale),
  );
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = floor - share * PANEL.height;
    return `<line x1="${x + PANEL.left}" x2="${x + PANEL.width}" y1="${y}" y2="${y}" stroke="#d0d7de"/><text x="${x + PANEL.left - 6}" y="${y + 4}" text-anchor="end" fill="#57606a">${Math.round(share * most)}</text>`;
  });
  return `<g><text x="${x + PANEL.left}" y="${PANEL.top - 12}" fill="#1f2328">${title}</text>${lines.join('')}${bars.join('')}</g>`;
}

function toBar(
  { name, cpuUs }: Figures,
  x: number,
  width: number,
  floor: number,
  scale: (value: number) => number,
): string {
  const middle = x + width / 2;
  const top = floor - scale(cpuUs.median);
  return (
    `<rect x="${x}" y="${top}" width="${width}" height="${scale(cpuUs.median)}" fill="${COLORS[name] ?? '#8250df'}"/>` +
    `<line x1="${middle}" x2="${middle}" y1="${floor - scale(cpuUs.min)}" y2="${floor - scale(cpuUs.max)}" stroke="#1f2328"/>` +
    `<text x="${middle}" y="${floor + 16}" text-anchor="middle" fill="#1f2328">${name}</text>` +
    `<text x="${middle}" y="${floor + 31}" text-anchor="middle" fill="#57606a">${Math.round(cpuUs.median)}</text>`
  );
}

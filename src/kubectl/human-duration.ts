// Ages as kubectl shows them (apimachinery pkg/util/duration, HumanDuration): two units at most, fewer as it grows.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** `durationMs` may be slightly negative (clocks differ); by more than a second it is invalid. */
export function toHumanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return pair(seconds, MINUTE, 'm', 1, 's');
  if (seconds < 3 * HOUR) return whole(seconds, MINUTE, 'm');
  if (seconds < 8 * HOUR) return pair(seconds, HOUR, 'h', MINUTE, 'm');
  if (seconds < 2 * DAY) return whole(seconds, HOUR, 'h');
  if (seconds < 8 * DAY) return pair(seconds, DAY, 'd', HOUR, 'h');
  if (seconds < 2 * YEAR) return whole(seconds, DAY, 'd');
  if (seconds < 8 * YEAR) return pair(seconds, YEAR, 'y', DAY, 'd');
  return whole(seconds, YEAR, 'y');
}

const whole = (seconds: number, unit: number, mark: string): string => `${Math.trunc(seconds / unit)}${mark}`;

function pair(seconds: number, unit: number, mark: string, lesser: number, lesserMark: string): string {
  const rest = Math.trunc((seconds % unit) / lesser);
  return whole(seconds, unit, mark) + (rest === 0 ? '' : `${rest}${lesserMark}`);
}

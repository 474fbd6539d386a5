// Times as RFC 3339 text in UTC, for what is written many times in a second: between two times of one second only the
// milliseconds differ.

/** `atMs`: milliseconds since the epoch. `2026-11-23T18:00:00.123`, to which the caller adds digits and the zone. */
export type TimeText = (atMs: number) => string;

export function createTimeText(): TimeText {
  let second = NaN;
  let upToSecond = '';
  return (atMs) => {
    const whole = Math.floor(atMs / 1000);
    if (whole !== second) {
      upToSecond = new Date(whole * 1000).toISOString().slice(0, -'000Z'.length);
      second = whole;
    }
    const ms = Math.floor(atMs - whole * 1000);
    return upToSecond + (ms < 10 ? '00' : ms < 100 ? '0' : '') + String(ms);
  };
}

// What a verification found, in the order in which it was found. A log that was changed all over fills no memory.

export interface Finding {
  /** `tampering`: no run of the gateway leaves this behind. `notice`: worth knowing. */
  readonly kind: 'tampering' | 'notice';
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly sequence?: number;
  readonly message: string;
}

export type Place = Omit<Finding, 'kind' | 'message'>;

const MAX_KEPT = 1000;

export class Findings {
  readonly kept: Finding[] = [];
  tampering = 0;
  notices = 0;

  tampered(place: Place, message: string): void {
    this.tampering += 1;
    this.#keep({ kind: 'tampering', ...place, message });
  }

  notice(place: Place, message: string): void {
    this.notices += 1;
    this.#keep({ kind: 'notice', ...place, message });
  }

  #keep(finding: Finding): void {
    if (this.kept.length < MAX_KEPT) this.kept.push(finding);
  }
}

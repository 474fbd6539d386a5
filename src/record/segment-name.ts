// Names of segments: whatever is read back is looked at before it becomes part of a path.

/** `00000001.cast`, `00000002.jsonl.age`. */
const SEGMENT = /^\d{8}\.(?:cast|jsonl)(?:\.age)?$/;

export const isSegmentName = (name: string): boolean => SEGMENT.test(name);

/**
 * A strict reader of Prometheus's text format 0.0.4, by the grammar of its documentation and
 * independent of what writes it here.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const VALUE = "[+-]?(?:\\d+(?:\\.\\d+)?(?:[eE][+-]?\\d+)?|Inf)|NaN";
const HELP_LINE = new RegExp(`^# HELP (${NAME}) ((?:[^\\\\\\n]|\\\\[\\\\n])+)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE_LINE = new RegExp(`^((${NAME})(?:\\{${LABEL}(?:,${LABEL})*\\})?) (${VALUE})$`);

/** What a text says: the type of each metric, and the value of each sample, as it is written there. */
export class Samples {
  readonly types = new Map<string, string>();
  readonly values = new Map<string, number>();

  /** @param sample as in `name{label="value"}` */
  value(sample: string): number | undefined {
    return this.values.get(sample);
  }
}

/** @throws {Error} naming the line that is not as the format wants it */
export function parseExposition(text: string): Samples {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const samples = new Samples();
  const helped = new Set<string>();
  const over = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, helpOf] = HELP_LINE.exec(line) ?? [];
    const [, typeOf, type = ""] = TYPE_LINE.exec(line) ?? [];
    const [, sample = "", sampleOf, value = ""] = SAMPLE_LINE.exec(line) ?? [];
    const name = helpOf ?? typeOf ?? sampleOf;
    if (name === undefined) throw new Error(`no line of the format: ${line}`);
    if (name !== current) {
      over.add(current);
      if (over.has(name)) throw new Error(`the lines of ${name} are not together`);
      current = name;
    }
    if (helpOf !== undefined) {
      if (helped.has(name)) throw new Error(`${name} has two lines of help`);
      helped.add(name);
    } else if (typeOf !== undefined) {
      if (samples.types.has(name)) throw new Error(`${name} has two types`);
      samples.types.set(name, type);
    } else {
      if (!samples.types.has(name)) throw new Error(`${name} has a sample before its type`);
      if (samples.values.has(sample)) throw new Error(`${sample} is there twice`);
      const isCounter = samples.types.get(name) === "counter";
      if (isCounter !== name.endsWith("_total")) throw new Error(`${name} is misnamed`);
      if (isCounter && !(Number(value) >= 0)) throw new Error(`${sample} is below 0`);
      samples.values.set(sample, Number(value));
    }
  }
  for (const name of samples.types.keys()) {
    if (!helped.has(name)) throw new Error(`${name} has no help`);
  }
  return samples;
}

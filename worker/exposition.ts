/**
 * Prometheus's text format, version 0.0.4. It is written here, since what Prometheus's own client
 * keeps in memory (counters, histograms) an edge of many short-lived isolates cannot.
 */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One metric. `name` and label names are ours; label values may be any text. */
export type Metric = {
  name: string;
  type: "counter" | "gauge";
  /** One line: what it counts, and when it changes. */
  help: string;
  samples: { labels?: Record<string, string>; value: number }[];
};

/** @returns the metrics as Prometheus reads them; one without samples is declared all the same */
export function expose(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${escapeHelp(help)}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ labels = {}, value }) => `${name}${labelled(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join("");
}

function labelled(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** One metric with all its series, ready to be written down. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** What several workers' samples of the same labels become; their sum unless said otherwise. */
  readonly combine?: "sum" | "largest" | "least";
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** After the family's name: `_bucket`, `_sum`, `_count`, or nothing. */
  readonly suffix: string;
  readonly labels: readonly Label[];
  readonly value: number;
}

export type Label = readonly [name: string, value: string];

/** For a metric with one series and no labels. */
export function single(type: "counter" | "gauge", name: string, help: string, value: number): MetricFamily {
  return { name, help, type, samples: [{ suffix: "", labels: [], value }] };
}

/**
 * Prometheus text exposition, version 0.0.4. Families without a series are left out.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, help, type, samples } of families) {
    if (samples.length === 0) continue;
    lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    for (const { suffix, labels, value } of samples) lines.push(`${name}${suffix}${braces(labels)} ${number(value)}`);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function braces(labels: readonly Label[]): string {
  if (labels.length === 0) return "";
  return `{${labels.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(",")}}`;
}

function number(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

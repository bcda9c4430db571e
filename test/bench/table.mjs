// A table of figures, as text for a terminal or as Markdown for the README: a title, the command that measures it again, columns,
// and rows of cells, which are text.

/** @typedef {{ title: string, command: string, columns: string[], rows: string[][] }} Table */

export function formatText({ title, columns, rows }) {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells) => cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index]))).join('   ').trimEnd();
  return [title, ...[columns, ...rows].map((cells) => `  ${line(cells)}`), ''].join('\n');
}

export function formatMarkdown({ title, command, columns, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [`${title} (\`${command}\`):`, '', line(columns), line(columns.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line), ''].join('\n');
}

/** A number with three digits that count. */
export function figure(number) {
  if (!Number.isFinite(number)) return '–';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number) || 1)));
  return Number(number.toPrecision(3)).toLocaleString('en', { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: Math.min(digits, 2) });
}

export function ratio(number) {
  return Number.isFinite(number) ? number.toFixed(2) : '–';
}

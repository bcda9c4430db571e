// A folder of transcripts for a program that receives or sends by this one: the trace that `ehlo serve --trace` writes.

import { checkPath } from '../wire/usage.ts';
import { warn } from './error-report.ts';
import type { Tracing } from './trace.ts';
import { TraceFolder } from './trace-folder.ts';

/**
 * Opens a folder, or makes it, in which sessions write themselves down as transcripts, a file for each, secrets struck out: the option
 * `trace` of a `TransferAgent`; what it has are the options `session` of `listen` and of `relay`. `ehlo replay` plays them again.
 *
 * Rejects where nothing can be written there. What cannot be written later is a warning of the process; the sessions go on.
 */
export async function openTrace(directory: string): Promise<Tracing> {
  checkPath(directory, ['directory', './trace']);
  const folder = await TraceFolder.open(directory, warn);
  return (await import('./trace.ts')).traceTo(folder, 'ehlo'); // a tenth of the program, which few need
}

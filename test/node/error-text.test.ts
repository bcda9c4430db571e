import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { reason } from '../../src/cli/reason.ts';
import { isFull, shortageOf } from '../../src/node/disk.ts';
import { errorCode, errorText } from '../../src/node/error-text.ts';

/** As Node tells of an error of the system for which libuv has no name: of a file, and of a socket that is to listen. */
function unnamed(): { readonly file: Error; readonly socket: Error } {
  const errno = -constants.errno.EDQUOT;
  const said = `Unknown system error ${errno}`;
  return {
    file: Object.assign(new Error(`${said}: ${said}, write '/queue/journal/000001.log'`), { errno, code: said }),
    socket: Object.assign(new Error('listen UNKNOWN: unknown error /queue/lock'), { errno, code: 'UNKNOWN' }),
  };
}

// found by trying: a queue whose owner had no quota left stopped with "Unknown system error -122", where a full disk refuses mail and goes on
describe('an error of the system that Node knows by its number alone', () => {
  it('has the name that the system has for it', () => {
    const { file, socket } = unnamed();
    expect([errorCode(file), errorCode(socket)]).toEqual(['EDQUOT', 'EDQUOT']);
  });

  it('is a shortage, if it is one', () => {
    expect(shortageOf(unnamed().file)).toBe('no room');
    expect(isFull(new Error('cannot listen', { cause: unnamed().socket }))).toBe(true);
  });

  it('is told with its name', () => {
    const { file, socket } = unnamed();
    expect(errorText(file)).toBe("EDQUOT: the disk quota is used up, write '/queue/journal/000001.log'");
    expect(errorText(socket)).toBe('listen EDQUOT: the disk quota is used up /queue/lock');
    expect(reason(file)).toBe('the disk quota is used up (/queue/journal/000001.log)');
    const other = Object.assign(new Error('Unknown system error -116: Unknown system error -116, read'), { errno: -constants.errno.ESTALE, code: 'Unknown system error -116' });
    expect(errorText(other)).toBe('ESTALE: an error of the system, read');
  });

  it('stays as it is where the system does not know it either', () => {
    const odd = Object.assign(new Error('Unknown system error -9999: Unknown system error -9999, write'), { errno: -9_999, code: 'Unknown system error -9999' });
    expect([errorCode(odd), errorText(odd)]).toEqual(['Unknown system error -9999', 'Unknown system error -9999: Unknown system error -9999, write']);
  });
});

describe('any other', () => {
  it('keeps its name and its words', () => {
    const error = Object.assign(new Error('ENOSPC: no space left on device, write'), { errno: -constants.errno.ENOSPC, code: 'ENOSPC' });
    expect([errorCode(error), errorText(error), shortageOf(error)]).toEqual(['ENOSPC', 'ENOSPC: no space left on device, write', 'no room']);
    expect([errorCode(new Error('x')), errorCode('ENOSPC'), errorText('x')]).toEqual([undefined, undefined, 'x']);
    expect(errorCode(Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }))).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });
});

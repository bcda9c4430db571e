import { join } from 'node:path';
import { setImmediate } from 'node:timers';
import { setUncaughtExceptionCaptureCallback } from 'node:process';
import { describe, expect, it } from 'vitest';
import { Alarm, type Sleeper } from '../../src/node/alarm.ts';
import { now } from '../../src/node/now.ts';
import { encodeAscii } from '../../src/wire/ascii.ts';
import { loopback } from '../support/loopback.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/turn.ts';

/** Who writes down that it was woken, and does something then. */
function sleeper(name: string, woken: string[], then: () => void = () => undefined): Sleeper {
  return {
    wake() {
      woken.push(name);
      then();
    },
  };
}

describe('an alarm', () => {
  it('is one for all who sleep to the same time, and wakes them in their order, not early', async () => {
    const woken: string[] = [];
    const begun = now(); // for all of them, however busy the machine is
    const [at, other] = [begun + 20, begun + 30];
    const alarms = ['a', 'b', 'c'].map((name) => Alarm.set(at, begun, sleeper(name, woken)));
    expect(new Set(alarms).size).toBe(1);
    expect(Alarm.set(other, begun, sleeper('d', woken))).not.toBe(alarms[0]);
    await until(() => woken.length >= 3); // on a machine that was busy all four
    expect(now()).toBeGreaterThanOrEqual(at - 1); // Node's clock goes by whole milliseconds of its own
    await until(() => woken.length === 4);
    expect(woken).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not wake who has it called off, be it by another who is woken', async () => {
    const woken: string[] = [];
    const at = now() + 10;
    const [second, third] = [sleeper('second', woken), sleeper('third', woken)];
    const alarm = Alarm.set(at, now(), sleeper('first', woken, () => alarm.off(third)));
    for (const each of [second, third, sleeper('fourth', woken)]) Alarm.set(at, now(), each);
    alarm.off(second);
    await until(() => woken.includes('fourth'));
    expect(woken).toEqual(['first', 'fourth']);
  });

  // found by running: a client that was stopped (SIGSTOP, a frozen container) while a server took a mail did not look at its reply, and
  // sent the mail again
  it('wakes nobody before what has come meanwhile is read, though the program did not run at that time', async () => {
    using directory = temporaryDirectory();
    await using ends = await loopback(join(directory.path, 'socket'));
    const heard: string[] = [];
    ends.socket.on('data', () => heard.push('octets'));
    ends.socket.resume();
    await new Promise<void>((resolve) => void setImmediate(() => {
      const at = now() + 5;
      Alarm.set(at, now(), sleeper('alarm', heard, resolve));
      ends.peer.socket.write(encodeAscii('250 2.0.0 taken\r\n'));
      while (now() < at + 20); // stopped; both are there when it goes on, and timers come before what is read
    }));
    expect(heard).toEqual(['octets', 'alarm']);
  });

  it('that nobody sleeps to any more is none', () => {
    const at = now() + 1_000;
    const one = sleeper('one', []);
    const alarm = Alarm.set(at, now(), one);
    alarm.off(one);
    const next = Alarm.set(at, now(), one);
    expect(next).not.toBe(alarm);
    next.off(one);
  });

  it('wakes who sleeps again to the same time a second time, and does not go round for it', async () => {
    const woken: string[] = [];
    const at = now();
    const again = sleeper('again', woken);
    Alarm.set(at, now(), sleeper('first', woken, () => Alarm.set(at, now(), again)));
    Alarm.set(at, now(), sleeper('second', woken));
    await until(() => woken.length === 3);
    expect(woken).toEqual(['first', 'second', 'again']);
  });

  it('wakes the others where one throws', async () => {
    const woken: string[] = [];
    const thrown: unknown[] = [];
    setUncaughtExceptionCaptureCallback((error) => void thrown.push(error));
    try {
      const fault = new Error('woken too early');
      const at = now() + 5;
      Alarm.set(at, now(), sleeper('first', woken, () => {
        throw fault;
      }));
      Alarm.set(at, now(), sleeper('second', woken));
      await until(() => woken.length === 2);
      expect(thrown).toEqual([fault]);
    } finally {
      setUncaughtExceptionCaptureCallback(null);
    }
  });
});

// What is measured runs in a process of its own, so that its CPU time is its own. Both ends of it are here: `answer` in the child,
// `start` in the benchmark. The parent asks, one question at a time, and gets one answer; the child ends with its parent.

import { fork, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { cpuUsage, memoryUsage } from 'node:process';
import { fileURLToPath } from 'node:url';

// ---- in the child

/** Tells the parent what it waits for (a port, say), then answers: `work(question)`, and the process's CPU time in microseconds. */
export function answer(ready, work = () => ({}), end = () => {}) {
  process.on('message', async (question) => {
    const before = cpuUsage();
    const found = await work(question);
    const { user, system } = cpuUsage();
    process.send({ ...found, cpu: user + system, spent: user + system - before.user - before.system, rss: memoryUsage().rss });
  });
  process.on('disconnect', () => {
    end();
    process.exit(0);
  });
  process.send(ready);
}

// ---- in the parent

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Options that have a Node write its CPU profile when it ends, into the folder that `--profile` names; none without it. */
export function profiling(name) {
  const folder = process.env.EHLO_BENCH_PROFILES;
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval', '200', '--cpu-prof-dir', folder, '--cpu-prof-name', `${name}-${process.pid}-${++profiles}.cpuprofile`];
}

let profiles = 0;

/** Starts one of the programs beside this file. */
export async function start(file, args = [], { execArgv = [] } = {}) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args.map(String), { execArgv: [...profiling([file.replace('.mjs', ''), ...args.filter((word) => /^[a-z-]+$/.test(word))].join('-')), ...execArgv], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  running.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const heard = () => new Promise((resolve, reject) => {
    const gone = (status) => reject(new Error(`${file} ${args.join(' ')} ended with status ${status}`));
    child.once('exit', gone);
    child.once('message', (message) => {
      child.off('exit', gone);
      resolve(message);
    });
  });
  const ready = await heard();
  const ask = (question = {}) => {
    const told = heard();
    child.send(question);
    return told;
  };
  return {
    ...ready,
    ask,
    cpu: async () => (await ask()).cpu,
    async stop() {
      child.disconnect();
      await ended;
      running.delete(child);
    },
  };
}

/** Starts a program of somebody else's that listens on `port`; its CPU time is that of all its processes, in ticks of 10 ms. */
export async function startProgram(command, args, port, options = {}) {
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  running.add(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await listening(port, () => child.exitCode !== null);
  return {
    port,
    pid: child.pid,
    cpu: async () => cpuOf(child.pid),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      running.delete(child);
    },
  };
}

/** Resolves when something listens on `port`; rejects after ten seconds, and where `gone` says that nothing will. */
export async function listening(port, gone = () => false) {
  for (let attempt = 0; attempt < 200 && !gone(); attempt++) {
    const up = await new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Microseconds of CPU that a process and all that descend from it have taken. */
export function cpuOf(root) {
  return [...cpuOfEach(root).values()].reduce((sum, cpu) => sum + cpu, 0);
}

/** The same for each of them, from Linux's /proc, in ticks of 10 ms; NaN where there is none. */
export function cpuOfEach(root) {
  if (process.platform !== 'linux') return new Map([[root, NaN]]);
  const stats = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { parent, own } = statOf(name);
      stats.set(Number(name), { parent, own });
    } catch {
      // it has ended meanwhile
    }
  }
  const family = new Set([root]);
  for (let before = 0; before < family.size; ) {
    before = family.size;
    for (const [pid, { parent }] of stats) if (family.has(parent)) family.add(pid);
  }
  return new Map([...family].map((pid) => [pid, stats.get(pid)?.own ?? 0]));
}

/** Microseconds of CPU that the children of this process had taken, of those that have ended. */
export function childrenCpu() {
  return process.platform === 'linux' ? statOf('self').children : NaN;
}

/** From /proc/PID/stat, whose second field, the name, may hold anything. */
function statOf(name) {
  const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
  const [, parent, , , , , , , , , , user, system, childrenUser, childrenSystem] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  return { parent, own: (user + system) * TICK, children: (childrenUser + childrenSystem) * TICK };
}

const TICK = 10_000; // microseconds: USER_HZ is 100 on every Linux that Node runs on
